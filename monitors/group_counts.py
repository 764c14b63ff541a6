"""Rows of protected groups by prediction, label and score, as cells of a Summary and back.

By grouping and group: `table` [predicted, label], `scores` [bin, label], and `sums` [bin, label] of the
scores in fixed point. A label is 0, 1 or unknown, 1 the positive class; bins are 20 of equal width, closed
above.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.manifest import ModelSpec
from monitors.bins import LOSS_UNIT, Counts, Floats
from monitors.columns import Categories, Mask
from monitors.frames import Frame
from monitors.labels import label_of
from storage.summary import Summary

SCORE_BINS = 20
_UNKNOWN = 2
_PARTS = ("table", "scores", "sums")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCounts:
    """What was counted of one grouping, a place for each group."""

    groups: tuple[str, ...]
    tables: Counts  # [group, predicted, label]
    scores: Counts  # [group, bin, label]
    sums: Counts  # [group, bin, label]

    @classmethod
    def of(cls, summary: Summary, grouping: str) -> GroupCounts:
        """Read them from a summary.

        A group of which a label was taken out before it was counted (two workers may count the two) has no
        rows yet.
        """
        start = f"table/{grouping}|"
        found = sorted(name.removeprefix(start) for name in summary.counts if name.startswith(start))
        cells = {group: [summary[_name(part, grouping, group)] for part in _PARTS] for group in found}
        seen = {group: parts for group, parts in cells.items() if any(part.any() for part in parts)}
        whole = [
            parts if all((part >= 0).all() for part in parts) else [np.zeros_like(part) for part in parts]
            for parts in seen.values()
        ]
        shapes = [(2, 3), (SCORE_BINS, 3), (SCORE_BINS, 3)]
        stacked = [
            np.array([parts[place] for parts in whole], dtype=np.int64).reshape(-1, *shape)
            for place, shape in enumerate(shapes)
        ]
        return cls(groups=tuple(seen), tables=stacked[0], scores=stacked[1], sums=stacked[2])


def count_groups(frame: Frame, manifest: ModelSpec) -> dict[str, object]:
    """Cells of answered rows. A row whose prediction is no class is in none of them."""
    rows = _Rows.of(frame, manifest)
    return {
        name: cells
        for grouping, groups in frame.groupings.items()
        for name, cells in _cells(rows, grouping, groups)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Rows as codes."""

    predicted: Counts  # 0, 1, or -1 for no class
    labels: Counts  # 0, 1, or 2 for unknown
    scores: Floats
    scored: Mask
    bins: Counts

    @classmethod
    def of(cls, frame: Frame, manifest: ModelSpec) -> _Rows:
        numbers = frame.numbers("score")
        scored = numbers.present & (numbers.values >= 0) & (numbers.values <= 1)
        scores = np.where(scored, numbers.values, 0.0)
        bins = np.clip(np.ceil(scores * SCORE_BINS) - 1, 0, SCORE_BINS - 1).astype(np.int64)
        return cls(
            predicted=_predicted(frame, manifest),
            labels=_labels(frame, manifest),
            scores=scores,
            scored=scored,
            bins=bins,
        )


def _predicted(frame: Frame, manifest: ModelSpec) -> Counts:
    groups = frame.categories("class")
    known = {name: int(name == manifest.positive) for name in manifest.outputs.classes}
    places = np.array([*(known.get(name, -1) for name in groups.names), -1, -1], dtype=np.int64)
    return places[groups.codes]  # the codes -1 and -2, missing and wrong, find the two places at the end


def _labels(frame: Frame, manifest: ModelSpec) -> Counts:
    labels = frame.labels
    if labels is None:
        return np.full(frame.rows, _UNKNOWN, dtype=np.int64)
    meant = [None if label is None else label_of(label, manifest) for label in labels]
    return np.array(
        [_UNKNOWN if name is None else int(name == manifest.positive) for name in meant], dtype=np.int64
    )


def _cells(rows: _Rows, grouping: str, groups: Categories) -> Iterator[tuple[str, Counts]]:
    counted = (groups.codes >= 0) & (rows.predicted >= 0)
    scored = counted & rows.scored
    n = len(groups.names)
    table = _crossed(groups.codes[counted], n, rows.predicted[counted], 2, rows.labels[counted])
    of_bins = (groups.codes[scored], n, rows.bins[scored], SCORE_BINS, rows.labels[scored])
    scores, sums = _crossed(*of_bins), _crossed(*of_bins, np.rint(rows.scores[scored] * LOSS_UNIT))
    for place, group in enumerate(groups.names):
        if table[place].any():
            for part, cells in zip(_PARTS, (table, scores, sums), strict=True):
                yield _name(part, grouping, group), cells[place]


def _crossed(  # noqa: PLR0913, PLR0917  # three codes with the number of each, but of labels
    groups: Counts, n: int, middle: Counts, m: int, labels: Counts, weights: Floats | None = None
) -> NDArray[np.int64]:
    """Counts, or sums of weights, by group, by what is in the middle, and by label."""
    # bincount sums in doubles, which are exact for integers up to 2^53: 500 million scores
    cells = np.bincount((groups * m + middle) * 3 + labels, weights, minlength=n * m * 3)
    return cells.astype(np.int64).reshape(n, m, 3)


def _name(part: str, grouping: str, group: str) -> str:
    return f"{part}/{grouping}|{group}"
