"""What was counted of texts and their scores, in a window and in the reference, for people to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage import summaries
from storage.counted import summary_of_reference
from storage.judged import Snapshot
from storage.records import Scope, Window
from storage.score_bins import CELLS, UNIT, cells_name, histogram_name, score_edges
from storage.scorer import TOXICITY
from storage.summary import Summary

_ROLES = ("input", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreHistogram:
    """Texts by the score of one class. There is one bin more than edges; a bin holds its lower edge."""

    edges: tuple[float, ...]
    flagged_from: float
    severe_from: float
    current: tuple[int, ...]
    reference: tuple[int, ...] | None  # None: there is none, or another model scored it


def counted_texts(snapshot: Snapshot, scope: Scope, window: Window, scorer: str) -> Summary | None:
    """Of a window, by the scorer of this hash. None: its panes went into longer ones."""
    if summaries.are_rolled_up(snapshot, TOXICITY, scope, scorer, window):
        return None
    return summaries.sum_between(snapshot, TOXICITY, scope, scorer, window)


def reference_texts(snapshot: Snapshot, reference: str, scorer: str) -> Summary | None:
    """Of a reference. None: it has no texts, or another model scored them."""
    found = summary_of_reference(snapshot, reference, TOXICITY)
    return found if found is not None and found.reference == scorer else None


def text_cells(counted: Summary, column: str) -> Mapping[str, int] | None:
    """Texts of a column by what became of them. None: nothing was counted of it."""
    for role in _ROLES:
        if (name := cells_name(role, column)) in counted:
            return dict(zip(CELLS, counted[name].tolist(), strict=True))
    return None


def score_histogram(
    counted: Summary, reference: Summary | None, column: str, class_name: str
) -> ScoreHistogram | None:
    """The scores of one class. None: no text of the column was scored."""
    for role in _ROLES:
        names = _named(counted, role, column, class_name)
        if not names:
            continue
        name, (flagged, severe) = max(names.items(), key=lambda each: int(counted[each[0]].sum()))
        known = reference is not None and name in reference
        return ScoreHistogram(
            edges=tuple(edge / UNIT for edge in score_edges(flagged, severe).tolist()),
            flagged_from=flagged / UNIT,
            severe_from=severe / UNIT,
            current=tuple(counted[name].tolist()),
            reference=tuple(reference[name].tolist()) if known and reference is not None else None,
        )
    return None


def _named(counted: Summary, role: str, column: str, class_name: str) -> dict[str, tuple[int, int]]:
    """The histograms of a class, with their thresholds: several, if the thresholds were changed."""
    start = f"{role} {column}/{class_name} "
    found = {}
    for name in counted.counts:
        numbers = name.removeprefix(start).split(" ") if name.startswith(start) else []
        if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
            thresholds = (int(numbers[0]), int(numbers[1]))
            if name == histogram_name(role, column, class_name, thresholds):
                found[name] = thresholds
    return found
