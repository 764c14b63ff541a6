"""Toxicity: how many texts, coming in or going out, a scoring model takes for abuse.

Scores are no verdicts on single texts, and classes do not exclude each other. A text is flagged from
`threshold` on and severe from `severe` on, for all classes or by class. What decides is the share of flagged
texts: healthy up to `max_share`, and, where the reference was scored by the same model, up to its own share
plus a tolerance (twice the standard error of that share, and ten rows of the reference). It is breached if
the exact binomial chance of so many, at the highest healthy share, is below `false_alarm`.

Without either, one text in twenty is the limit for the class `toxicity`, which covers the others, and one
severe text in a hundred for every class: chosen so that a user notices before it is common. The other classes
have no such limit on flagged texts: the bundled model flags 14 % of the paragraphs of a Shakespeare play as
threats, and .1 % as toxic. Texts that were not scored count as that, never as harmless: `scored_share` says
how many were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from monitors.base import ModelContext
from monitors.columns import Role, WatchedColumn
from monitors.errors import MonitorSettingsError
from monitors.frames import Frame
from monitors.scores import text_columns, truncated_of
from monitors.statistics import Counts, at_least, wilson
from monitors.texts import TextKind, text_kinds
from storage.records import Bounds, Measurement
from storage.score_bins import UNIT, cells_name, histogram_name, score_edges
from storage.scorer import examples_name
from storage.summary import MOST_EXAMPLES, Example, Summary

EXAMPLES_FROM = UNIT // 10
"""Lower scores are no examples of anything."""
FLAGGED, SEVERE = 0.5, 0.8
USUAL_SHARE, USUAL_SEVERE_SHARE = 0.05, 0.01
UMBRELLA = "toxicity"
"""The class that covers the others."""

PerClass = float | Mapping[str, float] | None
"""One value for all classes, or by class for some of them."""


class Cell(IntEnum):
    """The places of the counts of a column, which `storage.score_bins.CELLS` names."""

    ROWS = 0
    SCORED = 1
    UNSCORED = 2  # texts that were not chosen, or that the model has no answer for
    TRUNCATED = 3  # of the scored ones
    EMPTY = 4
    MISSING = 5
    WRONG_TYPE = 6
    INVALID = 7


_CELL_OF = {
    TextKind.EMPTY: Cell.EMPTY,
    TextKind.MISSING: Cell.MISSING,
    TextKind.WRONG_TYPE: Cell.WRONG_TYPE,
    TextKind.INVALID: Cell.INVALID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxicity:
    """Shares of texts that a scoring model flags, by column and class, and the places of the worst texts."""

    uses_labels: ClassVar[bool] = False
    uses_reference: ClassVar[bool] = False
    uses_scores: ClassVar[bool] = True
    uses_slices: ClassVar[bool] = True

    model: ModelContext
    threshold: float | dict[str, float] = 0.5  # a score from which a text is flagged
    severe: float | dict[str, float] = 0.8  # and from which it is severe
    max_share: float | dict[str, float] | None = None  # of flagged texts; None: the reference's, or usual
    max_severe_share: float | dict[str, float] | None = None
    tolerance: float = 0.01  # a share above the reference's own that harms nobody
    false_alarm: float = 0.001  # for each share and window
    min_rows: int = 100  # fewer say nothing: unknown

    def __post_init__(self) -> None:
        for setting in ("threshold", "severe", "max_share", "max_severe_share"):
            given: PerClass = getattr(self, setting)
            for value in given.values() if isinstance(given, Mapping) else (given,):
                if value is not None and not 0 <= value <= 1:
                    raise MonitorSettingsError(
                        f"monitor 'toxicity': setting '{setting}' cannot be {value}: 0 to 1 is wanted"
                    )

    @classmethod
    def applies(cls, context: ModelContext) -> bool:
        """Where texts come in or go out."""
        return bool(text_columns(context.manifest))

    def observe(self, frame: Frame) -> Summary:
        """The cells of each text column, the histogram of each class, and the worst texts."""
        scorer = self.model.scorer
        if scorer is None:
            return Summary()
        counts: dict[str, object] = {}
        examples: dict[str, Sequence[Example]] = {}
        for column in text_columns(self.model.manifest):
            rows = frame.understood if column.role is Role.INPUT else frame.ok
            if not rows.rows:
                continue
            scores = _millionths(rows.scores(column.name), rows.rows, len(scorer.classes))
            counts[_cells_name(column)] = _cells(rows, column, scores)
            scored = scores[:, 0] >= 0
            for place, name in enumerate(scorer.classes):
                of_class = scores[:, place]
                counts[self._histogram_name(column, name)] = self._histogram(of_class[scored], name)
                counts[_sum_name(column, name)] = of_class[scored].sum()
                examples[examples_name(column.name, name)] = _worst(rows, of_class)
        return Summary.of(counts, scorer.hash, examples) if counts else Summary()

    def assess(self, current: Summary, reference: Summary | None) -> Iterator[Measurement]:
        """What share of the texts was scored, and what share of those each class flags."""
        scorer = self.model.scorer
        if scorer is None:
            return
        if reference is not None and reference.reference != scorer.hash:
            reference = None  # scored by another model: not to be compared
        for column in text_columns(self.model.manifest):
            yield from _coverage(column.name, current.counts.get(_cells_name(column), _NOTHING))
            for name in scorer.classes:
                yield from self._of_class(column, name, current, reference)

    def _of_class(
        self, column: WatchedColumn, name: str, current: Summary, reference: Summary | None
    ) -> Iterator[Measurement]:
        histogram_name = self._histogram_name(column, name)
        edges = self._edges(name)
        now = current.counts.get(histogram_name, np.zeros(len(edges) + 1, dtype=np.int64))
        then = reference.counts.get(histogram_name) if reference is not None else None
        usual_share = USUAL_SHARE if name == UMBRELLA else None
        for metric, threshold, hard, usual in (
            ("toxic_share", self._flagged_from(name), _value(self.max_share, name), usual_share),
            (
                "severe_share",
                self._severe_from(name),
                _value(self.max_severe_share, name),
                USUAL_SEVERE_SHARE,
            ),
        ):
            first = int(np.searchsorted(edges, threshold)) + 1
            upper = self._upper(first, then, hard, usual)
            yield self._share(metric, f"{column.name}.{name}", now, first, upper)
        n = int(now.sum())
        total = current.count(_sum_name(column, name))
        known = n >= self.min_rows
        yield Measurement(
            metric="mean_score",
            column=f"{column.name}.{name}",
            value=total / n / UNIT if known else None,
            n=n,
        )

    def _share(self, metric: str, column: str, now: Counts, first: int, upper: float | None) -> Measurement:
        n, flagged = int(now.sum()), int(now[first:].sum())
        bounds = Bounds(upper=upper)
        if n < self.min_rows:
            return Measurement(metric=metric, column=column, value=None, n=n, bounds=bounds)
        return Measurement(
            metric=metric,
            column=column,
            value=flagged / n,
            interval=wilson(flagged, n),
            bounds=bounds,
            significant=upper is not None and at_least(flagged, n, upper) < self.false_alarm,
            n=n,
        )

    def _upper(
        self, first: int, then: Counts | None, hard: float | None, usual: float | None
    ) -> float | None:
        """The highest healthy share. None: nothing is known of it."""
        if then is None or not then.sum():
            return usual if hard is None else hard
        m = int(then.sum())
        share = int(then[first:].sum()) / m
        near = min(1.0, share + max(self.tolerance, 2 * float(np.sqrt(share * (1 - share) / m)), 10 / m))
        return near if hard is None else min(near, hard)

    def _histogram(self, scores: Counts, name: str) -> Counts:
        """Scores by bin."""
        edges = self._edges(name)
        return np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)

    def _edges(self, name: str) -> Counts:
        return score_edges(self._flagged_from(name), self._severe_from(name))

    def _histogram_name(self, column: WatchedColumn, name: str) -> str:
        thresholds = (self._flagged_from(name), self._severe_from(name))
        return histogram_name(column.role, column.name, name, thresholds)

    def _flagged_from(self, name: str) -> int:
        return _millionth(_value(self.threshold, name), FLAGGED)

    def _severe_from(self, name: str) -> int:
        return _millionth(_value(self.severe, name), SEVERE)


_NOTHING = np.zeros(len(Cell), dtype=np.int64)


def _words(column: WatchedColumn) -> str:
    return f"{column.role} {column.name}"


def _cells_name(column: WatchedColumn) -> str:
    return cells_name(column.role, column.name)


def _sum_name(column: WatchedColumn, name: str) -> str:
    return f"sum {_words(column)}/{name}"


def _value(setting: PerClass, name: str) -> float | None:
    return setting.get(name) if isinstance(setting, Mapping) else setting


def _millionth(value: float | None, usual: float) -> int:
    return round((usual if value is None else value) * UNIT)


def _millionths(scores: NDArray[np.float32] | None, rows: int, classes: int) -> Counts:
    """Scores in millionths; -1 in the rows that have none."""
    if scores is None:
        return np.full((rows, classes), -1, dtype=np.int64)
    known = np.asarray(np.isfinite(scores).all(axis=1))
    found = np.full(scores.shape, -1, dtype=np.int64)
    found[known] = np.rint(np.clip(scores[known].astype(np.float64), 0.0, 1.0) * UNIT)
    return found


def _cells(rows: Frame, column: WatchedColumn, scores: Counts) -> Counts:
    cells = np.zeros(len(Cell), dtype=np.int64)
    kinds = text_kinds(rows.column(column.name))
    scored = scores[:, 0] >= 0
    cells[Cell.ROWS] = rows.rows
    cells[Cell.SCORED] = np.count_nonzero(scored)
    cells[Cell.UNSCORED] = np.count_nonzero((kinds == TextKind.TEXT) & ~scored)
    for kind, cell in _CELL_OF.items():
        cells[cell] = np.count_nonzero(kinds == kind)
    truncated = rows.scores(truncated_of(column.name))
    if truncated is not None:
        cells[Cell.TRUNCATED] = np.count_nonzero(scored & (truncated[:, 0] > 0))
    return cells


def _worst(rows: Frame, scores: Counts) -> list[Example]:
    """The rows of the highest scores, all that share the lowest of them included."""
    candidates = np.flatnonzero(scores >= EXAMPLES_FROM)
    if len(candidates) > MOST_EXAMPLES:
        least = np.partition(scores[candidates], -MOST_EXAMPLES)[-MOST_EXAMPLES]
        candidates = candidates[scores[candidates] >= least]
    return [
        Example(
            score=int(scores[row]), producer=id_.producer, segment=id_.segment, offset=id_.offset, row=place
        )
        for row, (id_, place) in zip(candidates, rows.places(candidates), strict=False)  # a file's have none
    ]


def _coverage(column: str, cells: Counts) -> Iterator[Measurement]:
    """How many of the texts there were was scored, and how many of those were read to their end."""
    scored, texts = int(cells[Cell.SCORED]), int(cells[Cell.SCORED] + cells[Cell.UNSCORED])
    for metric, part, n in (
        ("scored_share", scored, texts),
        ("truncated_share", int(cells[Cell.TRUNCATED]), scored),
    ):
        yield Measurement(
            metric=metric,
            column=column,
            value=part / n if n else None,
            interval=wilson(part, n) if n else None,
            n=n,
        )
