"""What was counted in a window, for people to look at: the rows behind the shares that were measured.

Quality's Summary holds an array of eight counts for each column; that of accuracy holds `confusion`
[predicted, label], whose last row is of answers that were no class. A reference holds the same of its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from storage import models, summaries
from storage.judged import Snapshot
from storage.records import Scope, Window
from storage.summary import Summary

QUALITY_CELLS = (
    "rows",
    "missing",
    "wrong type",
    "not finite",
    "below the range",
    "above the range",
    "unseen",
    "empty",
)
"""What quality counts of a column, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Labelled rows by predicted class (rows; the last: no class of the model) and label (columns)."""

    cells: tuple[tuple[int, ...], ...]

    @property
    def labelled(self) -> int:
        """All of them."""
        return sum(sum(row) for row in self.cells)

    @property
    def right(self) -> int:
        """Those whose answer was the label."""
        return sum(row[place] for place, row in enumerate(self.cells[:-1]))


def quality_cells(
    snapshot: Snapshot, scope: Scope, window: Window, reference: str | None, column: str
) -> Mapping[str, int] | None:
    """Rows of the window that had each fault. None: they are not kept apart any more, or never were."""
    return _quality(_counted(snapshot, "quality", scope, reference, window), column)


def reference_quality(snapshot: Snapshot, reference: str, column: str) -> Mapping[str, int] | None:
    """The same of the reference's rows."""
    return _quality(summary_of_reference(snapshot, reference, "quality"), column)


def confusion(snapshot: Snapshot, scope: Scope, window: Window) -> Confusion | None:
    """Answers beside their labels. None: there are none, or they are not kept apart any more."""
    return _confusion(_counted(snapshot, "accuracy", scope, None, window))


def reference_confusion(snapshot: Snapshot, reference: str) -> Confusion | None:
    """The same of the reference's rows."""
    return _confusion(summary_of_reference(snapshot, reference, "accuracy"))


def _counted(
    snapshot: Snapshot, monitor: str, scope: Scope, reference: str | None, window: Window
) -> Summary | None:
    if summaries.are_rolled_up(snapshot, monitor, scope, reference, window):
        return None
    return summaries.sum_between(snapshot, monitor, scope, reference, window)


def summary_of_reference(snapshot: Snapshot, hash_: str, monitor: str) -> Summary | None:
    """What a monitor counted of the rows of a reference. None: there is no such reference, or nothing was."""
    stored = models.find_reference(snapshot, hash_)
    if stored is None:
        return None
    body = msgspec.msgpack.decode(stored.body, type=_Reference).summaries.get(monitor)
    return None if body is None else Summary.from_bytes(body)


def _quality(summary: Summary | None, column: str) -> Mapping[str, int] | None:
    if summary is None or column not in summary:
        return None
    return dict(zip(QUALITY_CELLS, summary[column].tolist(), strict=True))


def _confusion(summary: Summary | None) -> Confusion | None:
    """None too where a label was taken out before it was counted: two workers may count the two."""
    if summary is None or "confusion" not in summary:
        return None
    cells = summary["confusion"]
    return Confusion(cells=tuple(map(tuple, cells.tolist()))) if cells.any() and (cells >= 0).all() else None


class _Reference(msgspec.Struct, frozen=True):
    summaries: dict[str, bytes]
