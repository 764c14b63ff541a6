"""Rates of groups and the gaps between them: pure functions of counts by group, prediction and label.

`tables[group, predicted, label]` counts rows: predicted 0 or 1 (1 is the positive class), label 0, 1 or
unknown. Names and definitions are Fairlearn's (`fairlearn.metrics`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from monitors.bins import LOSS_UNIT
from monitors.classes import Figure
from monitors.sequential import confidence_sequence

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class Rate(StrEnum):
    """A share of the rows of a group."""

    SELECTION = "selection_rate"  # predicted positive, of all rows
    TRUE_POSITIVE = "true_positive_rate"  # predicted positive, of those whose label is
    FALSE_POSITIVE = "false_positive_rate"  # predicted positive, of those whose label is negative
    FALSE_NEGATIVE = "false_negative_rate"  # predicted negative, of those whose label is positive
    PRECISION = "precision"  # labelled positive, of the labelled rows that were predicted positive
    ACCURACY = "accuracy"  # predicted as labelled, of the labelled rows


class Criterion(StrEnum):
    """What groups are to have in common. Each has a difference (max - min), and a ratio (min / max).

    Where base rates differ, equal error rates and predictive parity cannot both hold, unless the model is
    never wrong (Chouldechova 2017).
    """

    DEMOGRAPHIC_PARITY = "demographic_parity"  # the selection rate; the ratio is that of the 80 % rule
    EQUAL_OPPORTUNITY = "equal_opportunity"  # the true positive rate (Hardt, Price & Srebro 2016)
    EQUALIZED_ODDS = "equalized_odds"  # the true and the false positive rate (the same)
    PREDICTIVE_PARITY = "predictive_parity"  # the precision (Chouldechova 2017)
    ACCURACY = "accuracy"


class Aggregate(StrEnum):
    """How equalized odds makes one figure of two: the worse of them, or their mean."""

    WORST_CASE = "worst_case"
    MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """One rate of several groups, and where each of them may lie."""

    n: Counts
    values: Floats  # 0 where n is
    low: Floats
    high: Floats

    def of(self, groups: Sequence[int] | NDArray[np.bool_]) -> Shares:
        """Those of some groups, by their places or by a mask."""
        chosen = np.asarray(groups)
        return Shares(
            n=self.n[chosen], values=self.values[chosen], low=self.low[chosen], high=self.high[chosen]
        )


def rate_of(rate: Rate, tables: Counts, alpha: float) -> Shares:
    """A rate of every group. Their intervals hold all together, at every look, but for a chance of alpha."""
    hits, rows = (np.array(cells) for cells in _CELLS[rate])
    return shares((tables * hits).sum(axis=(1, 2)), (tables * rows).sum(axis=(1, 2)), alpha)


def rates_of(criterion: Criterion, tables: Counts, alpha: float) -> tuple[Shares, ...]:
    """The rates that a criterion compares. Where they are two, each has half of alpha."""
    rates = _COMPARED[criterion]
    return tuple(rate_of(rate, tables, alpha / len(rates)) for rate in rates)


def shares(sums: Counts | Floats, n: Counts, alpha: float) -> Shares:
    """Shares of n rows, or means of n numbers from 0 to 1, of which only the sums are known.

    The interval of such numbers is that of a share, and wider than it need be: the likelihood ratio of one,
    `(q / m)^x ((1 - q) / (1 - m))^(1 - x)`, is convex in x, so its mean is at most that of zeros and ones.
    """
    low, high = confidence_sequence(sums, n, alpha / max(len(n), 1))
    return Shares(n=n, values=sums / np.maximum(n, 1), low=low, high=high)


def difference(compared: Sequence[Shares], aggregate: Aggregate) -> Figure | None:
    """The greatest rate less the least, of two rates together. None: a rate lacks two groups to compare."""
    return _together([_difference(each) for each in compared], _AGGREGATE.get(aggregate, max))


def ratio(compared: Sequence[Shares], aggregate: Aggregate) -> Figure | None:
    """The least rate by the greatest, of two rates together. None: as above, or a rate is 0 everywhere."""
    return _together([_ratio(each) for each in compared], _AGGREGATE.get(aggregate, min))


def impact(group: Shares, reference: Shares) -> Figure | None:
    """A group's rate by that of the reference group (disparate impact). None: that one is 0."""
    if reference.values[0] == 0:
        return None
    interval = float(group.low[0] / reference.high[0]), float(group.high[0] / reference.low[0])
    value = float(group.values[0] / reference.values[0])
    return Figure(value=value, interval=interval, n=int(group.n[0] + reference.n[0]))


def calibration_error(counts: Counts, sums: Counts) -> float:
    """How far labels are from scores: by bin, the share of positives less the mean score; a mean over rows.

    `counts[bin, label]` of one group and the sums of their scores in fixed point. The expected calibration
    error of Naeini, Cooper & Hauskrecht (2015), within a group.
    """
    labelled, positive, scores = counts[:, :2].sum(), counts[:, 1], sums[:, :2].sum(axis=1) / LOSS_UNIT
    return float(np.abs(positive - scores).sum() / labelled)


def _difference(of: Shares) -> Figure | None:
    if len(of.n) < 2:
        return None
    interval = max(0.0, float(of.low.max() - of.high.min())), float(of.high.max() - of.low.min())
    return Figure(value=float(of.values.max() - of.values.min()), interval=interval, n=int(of.n.sum()))


def _ratio(of: Shares) -> Figure | None:
    if len(of.n) < 2 or of.values.max() == 0:
        return None
    interval = float(of.low.min() / of.high.max()), min(1.0, float(of.high.min() / of.low.max()))
    return Figure(value=float(of.values.min() / of.values.max()), interval=interval, n=int(of.n.sum()))


def _together(
    figures: Sequence[Figure | None], aggregate: Callable[[Iterable[float]], float]
) -> Figure | None:
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures):
        return None
    low, high = (aggregate([each.interval[side] for each in known]) for side in (0, 1))
    value = aggregate([each.value for each in known])
    return Figure(value=value, interval=(low, high), n=sum(each.n for each in known))


_AGGREGATE: Mapping[Aggregate, Callable[[Iterable[float]], float]] = {Aggregate.MEAN: fmean}

_CELLS: Mapping[Rate, tuple[list[list[int]], list[list[int]]]] = {
    # rows that count, and rows that they are a share of: [predicted 0, 1] x [label 0, 1, unknown]
    Rate.SELECTION: ([[0, 0, 0], [1, 1, 1]], [[1, 1, 1], [1, 1, 1]]),
    Rate.TRUE_POSITIVE: ([[0, 0, 0], [0, 1, 0]], [[0, 1, 0], [0, 1, 0]]),
    Rate.FALSE_POSITIVE: ([[0, 0, 0], [1, 0, 0]], [[1, 0, 0], [1, 0, 0]]),
    Rate.FALSE_NEGATIVE: ([[0, 1, 0], [0, 0, 0]], [[0, 1, 0], [0, 1, 0]]),
    Rate.PRECISION: ([[0, 0, 0], [0, 1, 0]], [[0, 0, 0], [1, 1, 0]]),
    Rate.ACCURACY: ([[1, 0, 0], [0, 1, 0]], [[1, 1, 0], [1, 1, 0]]),
}
_COMPARED: Mapping[Criterion, tuple[Rate, ...]] = {
    Criterion.DEMOGRAPHIC_PARITY: (Rate.SELECTION,),
    Criterion.EQUAL_OPPORTUNITY: (Rate.TRUE_POSITIVE,),
    Criterion.EQUALIZED_ODDS: (Rate.TRUE_POSITIVE, Rate.FALSE_POSITIVE),
    Criterion.PREDICTIVE_PARITY: (Rate.PRECISION,),
    Criterion.ACCURACY: (Rate.ACCURACY,),
}
