"""Bias: whether the groups that a model's operator protects are treated alike.

Groups are values of tags, which the model never sees, or of inputs, and intersections of them. Of each group
(column `race=Caucasian`): selection rate, true positive, false positive and false negative rate, precision,
accuracy, mean score and calibration error. Of each grouping (column `race`), and of its largest groups two by
two (column `race=Caucasian | race=Hispanic`): the gaps in Fairlearn's terms, which `fairness` defines.

A rate of fewer than `min_rows` rows is unknown, and left out of every gap; of fewer than `min_shown` only
where it may lie is said. Every rate has a confidence sequence at the level alpha / (number of groups), so the
greatest less the least lies between the greatest lower end less the least upper end, and the reverse.
Breached means that even the least difference is above `max_difference`, or even the greatest ratio below
`min_ratio` (.8: the "80 % rule" of the Uniform Guidelines, 29 CFR 1607.4 D). What is `demanded` has bounds;
not all of it can be had at once, so predictive parity is shown and not demanded.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isqrt
from typing import ClassVar

import numpy as np

from inference.manifest import Task
from monitors.base import ModelContext
from monitors.bins import LOSS_UNIT, Counts
from monitors.classes import Figure
from monitors.columns import Mask
from monitors.errors import MonitorSettingsError
from monitors.fairness import (
    Aggregate,
    Criterion,
    Rate,
    Shares,
    calibration_error,
    difference,
    impact,
    rate_of,
    rates_of,
    ratio,
    shares,
)
from monitors.frames import Frame
from monitors.group_counts import GroupCounts, count_groups
from monitors.groupings import AND, label_of_pair, names_in
from monitors.statistics import wilson
from storage.records import Bounds, Measurement
from storage.summary import Summary

_NO_RATIO = frozenset({Criterion.PREDICTIVE_PARITY, Criterion.ACCURACY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """Gaps between protected groups, of models with two classes."""

    uses_labels: ClassVar[bool] = True
    uses_reference: ClassVar[bool] = False
    uses_scores: ClassVar[bool] = False
    uses_slices: ClassVar[bool] = False

    model: ModelContext
    max_difference: float = 0.1
    min_ratio: float = 0.8
    demanded: tuple[Criterion, ...] = (
        Criterion.DEMOGRAPHIC_PARITY,
        Criterion.EQUAL_OPPORTUNITY,
        Criterion.EQUALIZED_ODDS,
    )
    equalized_odds: Aggregate = Aggregate.WORST_CASE
    reference_groups: tuple[str, ...] = ()  # such as "race=A": the others' disparate impact is beside it
    alpha: float = 0.05
    min_rows: int = 30
    min_shown: int = 100
    most_pairs: int = 6  # of a grouping; its largest groups make them

    def __post_init__(self) -> None:
        """Raises `MonitorSettingsError` for what no window could be judged with."""
        if not 0 < self.alpha < 1:
            raise MonitorSettingsError(f"monitor 'bias': alpha is {self.alpha}; it lies between 0 and 1")
        if min(self.min_rows, self.min_shown) < 1 or self.most_pairs < 0:
            raise MonitorSettingsError(
                "monitor 'bias': min_rows and min_shown are 1 or more, most_pairs 0 or more"
            )
        named = [names_in(group) for group in self.reference_groups]
        if len(set(named)) < len(named):
            raise MonitorSettingsError(
                f"monitor 'bias': reference_groups {list(self.reference_groups)}: name one of each grouping"
            )

    @classmethod
    def applies(cls, context: ModelContext) -> bool:
        """Where something is protected, and an answer is one of two classes."""
        manifest = context.manifest
        classifies = manifest.task in (Task.CLASSIFICATION, Task.TEXT_CLASSIFICATION)
        return classifies and manifest.binary and bool(manifest.protected)

    def observe(self, frame: Frame) -> Summary:
        """`rows`, and the cells of each group."""
        answered = frame.ok
        if answered.rows == 0:
            return Summary()
        return Summary.of({"rows": answered.rows} | count_groups(answered, self.model.manifest))

    def assess(self, current: Summary, reference: Summary | None) -> Iterator[Measurement]:
        """By grouping: its groups, the gaps between all of them, and those between two."""
        for names in self.model.manifest.groupings:
            grouping = AND.join(names)
            counts = GroupCounts.of(current, grouping)
            yield from self._rates(counts)
            yield from self._scores(counts)
            rates = {criterion: rates_of(criterion, counts.tables, self.alpha) for criterion in Criterion}
            for criterion in Criterion:
                yield from self._gaps(criterion, rates[criterion], grouping, self.demanded)
            for pair in self._pairs(counts):
                label = label_of_pair(*(counts.groups[place] for place in pair))
                for criterion in Criterion:
                    yield from self._gaps(criterion, [rate.of(pair) for rate in rates[criterion]], label, ())
            yield from self._impacts(names, counts)
            yield _coverage(grouping, counts, current)

    def _rates(self, counts: GroupCounts) -> Iterator[Measurement]:
        for rate in Rate:
            yield from self._shown(rate, counts.groups, rate_of(rate, counts.tables, self.alpha))

    def _scores(self, counts: GroupCounts) -> Iterator[Measurement]:
        sums, n = counts.sums.sum(axis=(1, 2)) / LOSS_UNIT, counts.scores.sum(axis=(1, 2))
        yield from self._shown("mean_score", counts.groups, shares(sums, n, self.alpha))
        for place, group in enumerate(counts.groups):
            labelled = int(counts.scores[place, :, :2].sum())
            known = labelled >= self.min_shown
            value = calibration_error(counts.scores[place], counts.sums[place]) if known else None
            yield Measurement(metric="calibration_error", column=group, value=value, n=labelled)

    def _shown(self, metric: str, groups: Sequence[str], of: Shares) -> Iterator[Measurement]:
        for place, group in enumerate(groups):
            n = int(of.n[place])
            interval = (float(of.low[place]), float(of.high[place])) if self._enough(of.n[place]) else None
            value = float(of.values[place]) if n >= max(self.min_shown, self.min_rows) else None
            yield Measurement(metric=metric, column=group, value=value, interval=interval, n=n)

    def _gaps(
        self, criterion: Criterion, rates: Sequence[Shares], column: str, demanded: Container[Criterion]
    ) -> Iterator[Measurement]:
        enough = [rate.of(self._enough(rate.n)) for rate in rates]
        n = sum(int(rate.n.sum()) for rate in enough)
        upper = Bounds(upper=self.max_difference) if criterion in demanded else Bounds()
        figure = difference(enough, self.equalized_odds)
        yield _measured(f"{criterion}_difference", column, figure, n, upper)
        if criterion not in _NO_RATIO:
            lower = Bounds(lower=self.min_ratio) if criterion in demanded else Bounds()
            yield _measured(f"{criterion}_ratio", column, ratio(enough, self.equalized_odds), n, lower)

    def _pairs(self, counts: GroupCounts) -> list[tuple[int, int]]:
        """The places of the largest groups, two by two."""
        rows = counts.tables.sum(axis=(1, 2))
        largest = [int(place) for place in np.argsort(-rows, kind="stable") if self._enough(rows[place])]
        most = (1 + isqrt(1 + 8 * self.most_pairs)) // 2  # so many make at most that many pairs
        return list(combinations(sorted(largest[:most]), 2))

    def _enough(self, n: Counts) -> Mask:
        return np.asarray(n >= self.min_rows)

    def _impacts(self, names: tuple[str, ...], counts: GroupCounts) -> Iterator[Measurement]:
        """The selection rate of each group by that of the reference group, where one is named."""
        selected = rate_of(Rate.SELECTION, counts.tables, self.alpha)
        for named in self.reference_groups:
            if names_in(named) != names:
                continue
            reference = [place for place, group in enumerate(counts.groups) if group == named]
            for place, group in enumerate(counts.groups):
                if group == named:
                    continue
                pair = selected.of([place, *reference])
                known = len(pair.n) == 2 and bool(np.all(self._enough(pair.n)))
                figure = impact(pair.of([0]), pair.of([1])) if known else None
                yield _measured(
                    "disparate_impact", group, figure, int(pair.n.sum()), Bounds(lower=self.min_ratio)
                )


def _measured(metric: str, column: str, figure: Figure | None, n: int, bounds: Bounds) -> Measurement:
    if figure is None:
        return Measurement(metric=metric, column=column, value=None, n=n, bounds=bounds)
    low, high = figure.interval
    beyond = (bounds.lower is not None and high < bounds.lower) or (
        bounds.upper is not None and low > bounds.upper
    )
    return Measurement(
        metric=metric,
        column=column,
        value=figure.value,
        interval=figure.interval,
        bounds=bounds,
        significant=beyond,
        n=figure.n,
    )


def _coverage(grouping: str, counts: GroupCounts, current: Summary) -> Measurement:
    """The share of the rows that are in a group: of the others nothing is known."""
    in_groups = int(counts.tables.sum())
    rows = max(current.count("rows"), in_groups)  # a label may be counted before its event
    if rows == 0:
        return Measurement(metric="group_coverage", column=grouping, value=None, n=0)
    interval = wilson(in_groups, rows)
    return Measurement(
        metric="group_coverage", column=grouping, value=in_groups / rows, interval=interval, n=rows
    )
