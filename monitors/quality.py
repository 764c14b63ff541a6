"""Quality: whether the values of each column can be used at all.

Shares of rows whose value is missing, of the wrong type, not finite, out of the reference's range, unseen in
the reference, or an empty text. Inputs are counted over every row that was understood, refused ones included;
outputs over the rows that were answered.

A share is healthy up to the reference's own, plus a tolerance: a harmless share, twice the standard error of
the reference's rate, and ten rows of the reference (in m rows the range of a column is not known better than
that). It is breached if the exact binomial chance of so many rows, at the highest healthy share, is below
`false_alarm`. Without a reference, empty texts and values that the model has an answer for (a missing one
that it replaces) are shown and not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from monitors.base import ModelContext
from monitors.columns import Categories, Kind, Role, WatchedColumn, watched_columns
from monitors.frames import Frame
from monitors.reference import ReferenceColumn
from monitors.statistics import Counts, at_least, wilson
from storage.records import Bounds, Measurement
from storage.summary import Summary


class Cell(IntEnum):
    """The places of the counts of a column."""

    ROWS = 0
    MISSING = 1
    WRONG_TYPE = 2
    NOT_FINITE = 3
    BELOW_RANGE = 4
    ABOVE_RANGE = 5
    UNSEEN = 6
    EMPTY = 7


METRICS: dict[str, tuple[Cell, ...]] = {
    "missing_share": (Cell.MISSING,),
    "wrong_type_share": (Cell.WRONG_TYPE,),
    "not_finite_share": (Cell.NOT_FINITE,),
    "out_of_range_share": (Cell.BELOW_RANGE, Cell.ABOVE_RANGE),
    "unseen_share": (Cell.UNSEEN,),
    "empty_share": (Cell.EMPTY,),
}
_OF_NUMBERS = ("missing_share", "wrong_type_share", "not_finite_share", "out_of_range_share")
_OF_CATEGORIES = ("missing_share", "wrong_type_share", "unseen_share")
_OF_TEXTS = ("missing_share", "wrong_type_share", "empty_share")
_UNKNOWABLE = frozenset({"out_of_range_share", "empty_share"})  # without a reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Shares of values that are missing, of the wrong type, not finite, out of range, unseen or empty."""

    uses_labels: ClassVar[bool] = False
    uses_reference: ClassVar[bool] = True
    uses_scores: ClassVar[bool] = False
    uses_slices: ClassVar[bool] = True

    model: ModelContext
    tolerance: float = 0.005  # a share above the reference's own that harms nobody
    false_alarm: float = 0.001  # for each share and window
    min_rows: int = 100  # fewer say nothing: unknown

    @classmethod
    def applies(cls, context: ModelContext) -> bool:
        """Everywhere: without a reference it is the only one that judges inputs."""
        return bool(watched_columns(context.manifest))

    def observe(self, frame: Frame) -> Summary:
        """The cells of each column, by its name."""
        counts: dict[str, object] = {}
        for column in frame.columns.values():
            rows = frame.understood if column.role is Role.INPUT else frame.ok
            if rows.rows and column.kind is not Kind.LENGTH:
                counts[column.name] = self._cells(rows, column)
        return (
            Summary.of(counts, self.model.reference.hash if self.model.reference else None)
            if counts
            else Summary()
        )

    def assess(self, current: Summary, reference: Summary | None) -> Iterator[Measurement]:
        """Each share that a column of its kind can have, beside the reference's own."""
        for column in watched_columns(self.model.manifest):
            if column.kind is Kind.LENGTH:
                continue
            now, then = current.counts.get(column.name, _NOTHING), None
            if reference is not None:
                then = reference.counts.get(column.name)
            for metric in _metrics(column):
                yield self._judged(metric, column, now, then)

    def _judged(self, metric: str, column: WatchedColumn, now: Counts, then: Counts | None) -> Measurement:
        n, bad = int(now[Cell.ROWS]), _bad(metric, now)
        upper = self._upper(metric, column, then)
        if n < self.min_rows:
            bounds = Bounds(upper=upper)
            return Measurement(metric=metric, column=column.name, value=None, n=n, bounds=bounds)
        return Measurement(
            metric=metric,
            column=column.name,
            value=bad / n,
            interval=wilson(bad, n),
            bounds=Bounds(upper=upper),
            significant=upper is not None and at_least(bad, n, upper) < self.false_alarm,
            n=n,
        )

    def _upper(self, metric: str, column: WatchedColumn, then: Counts | None) -> float | None:
        """The highest healthy share. None: nothing is known of it."""
        if then is None or then[Cell.ROWS] == 0:
            expected = metric in _UNKNOWABLE or (metric == "missing_share" and column.stands_in)
            return None if expected else self.tolerance
        m = int(then[Cell.ROWS])
        share = _bad(metric, then) / m
        return min(1.0, share + max(self.tolerance, 2 * float(np.sqrt(share * (1 - share) / m)), 10 / m))

    def _cells(self, frame: Frame, column: WatchedColumn) -> Counts:
        known = self.model.reference.columns.get(column.name) if self.model.reference else None
        cells = np.zeros(len(Cell), dtype=np.int64)
        cells[Cell.ROWS] = frame.rows
        if column.is_number:
            _count_numbers(cells, frame, column.name, known)
        elif column.is_category:
            _count_categories(cells, frame.categories(column.name), column, known)
        else:
            _count_texts(cells, frame, column.name)
        return cells


_NOTHING = np.zeros(len(Cell), dtype=np.int64)


def _metrics(column: WatchedColumn) -> tuple[str, ...]:
    if column.is_number:
        return _OF_NUMBERS
    return _OF_CATEGORIES if column.is_category else _OF_TEXTS


def _bad(metric: str, cells: Counts) -> int:
    return int(sum(cells[cell] for cell in METRICS[metric]))


def _count_numbers(cells: Counts, frame: Frame, name: str, known: ReferenceColumn | None) -> None:
    numbers = frame.numbers(name)
    cells[Cell.MISSING] = np.count_nonzero(numbers.missing)
    cells[Cell.WRONG_TYPE] = np.count_nonzero(numbers.wrong_type)
    cells[Cell.NOT_FINITE] = np.count_nonzero(numbers.not_finite)
    if known is not None and known.minimum is not None and known.maximum is not None:
        cells[Cell.BELOW_RANGE] = np.count_nonzero(numbers.present & (numbers.values < known.minimum))
        cells[Cell.ABOVE_RANGE] = np.count_nonzero(numbers.present & (numbers.values > known.maximum))


def _count_categories(
    cells: Counts, groups: Categories, column: WatchedColumn, known: ReferenceColumn | None
) -> None:
    wrong, missing, *counts = groups.counts().tolist()
    cells[Cell.MISSING], cells[Cell.WRONG_TYPE] = missing, wrong
    seen = known.places if known is not None else column.categories
    if seen:
        cells[Cell.UNSEEN] = sum(n for name, n in zip(groups.names, counts, strict=True) if name not in seen)


def _count_texts(cells: Counts, frame: Frame, name: str) -> None:
    lengths = frame.numbers(f"{name}.length")
    cells[Cell.MISSING] = np.count_nonzero(lengths.missing)
    cells[Cell.WRONG_TYPE] = np.count_nonzero(lengths.wrong_type)
    cells[Cell.EMPTY] = np.count_nonzero(lengths.values == 0)
