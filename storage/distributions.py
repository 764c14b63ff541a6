"""A column as the reference has it and as a window has it, side by side: read-only, for people to look at.

Drift's Summary holds, as `counts/<column>`, rows in each bin of the reference's edges (`(-inf, e0], (e0, e1],
..., (ek, inf)`), or of its first `top` categories, then of other known ones, then of unseen ones. The
reference is a msgpack map with these edges and names; only what a picture needs of it is read here.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy.engine import Connection

from storage import models, summaries
from storage.records import Scope, Window
from storage.summary import Summary

_MONITOR = "drift"
_NUMBERS = frozenset({"number", "length"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A part of a column's values and the rows in it. Numbers have edges: above `lower`, up to `upper`."""

    name: str  # of a category; "" for numbers
    lower: float | None
    upper: float | None
    reference: int
    current: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One column: reference and current rows in the same bins."""

    column: str
    is_number: bool
    minimum: float | None  # of the reference
    maximum: float | None
    source: str  # where the reference's rows came from
    bins: tuple[Bin, ...]
    rolled_up: bool = False  # the window's panes went into longer ones: its own rows are not known any more

    @property
    def reference_rows(self) -> int:
        """Rows of the reference that have a value."""
        return sum(each.reference for each in self.bins)

    @property
    def current_rows(self) -> int:
        """Rows of the window that have a value."""
        return sum(each.current for each in self.bins)


def distribution(
    connection: Connection, scope: Scope, window: Window, reference_hash: str, column: str
) -> Distribution | None:
    """The column in the bins of a reference. None: there is no such reference, or no such column in it."""
    stored = models.find_reference(connection, reference_hash)
    if stored is None:
        return None
    reference = msgspec.msgpack.decode(stored.body, type=_Reference)
    known = next((each for each in reference.columns if each.name == column), None)
    body = reference.summaries.get(_MONITOR)
    if known is None or body is None:
        return None
    rolled_up = summaries.are_rolled_up(connection, _MONITOR, scope, reference_hash, window)
    counted = (
        Summary() if rolled_up else summaries.sum_between(connection, _MONITOR, scope, reference_hash, window)
    )
    names = _names(known)
    then = _cells(Summary.from_bytes(body), column, len(names))
    now = _cells(counted, column, len(names))
    return Distribution(
        column=column,
        is_number=known.kind in _NUMBERS,
        minimum=known.minimum,
        maximum=known.maximum,
        source=reference.source,
        rolled_up=rolled_up,
        bins=tuple(
            Bin(name=name, lower=lower, upper=upper, reference=before, current=after)
            for (name, lower, upper), before, after in zip(names, then, now, strict=True)
        ),
    )


class _Column(msgspec.Struct, frozen=True):
    name: str
    kind: str
    edges: list[float] = []
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] = []
    top: int = 0


class _Reference(msgspec.Struct, frozen=True):
    source: str
    columns: list[_Column]
    summaries: dict[str, bytes]


def _names(column: _Column) -> list[tuple[str, float | None, float | None]]:
    """Each cell: its name, and its edges."""
    if column.kind in _NUMBERS:
        uppers: list[float | None] = [*column.edges, None]
        return [("", lower, upper) for lower, upper in zip([None, *uppers], uppers, strict=False)]
    named = [(name, None, None) for name in column.categories[: column.top]]
    return [*named, ("other known values", None, None), ("values never seen before", None, None)]


def _cells(summary: Summary, column: str, size: int) -> list[int]:
    name = f"counts/{column}"
    return [int(cell) for cell in summary[name]] if name in summary else [0] * size
