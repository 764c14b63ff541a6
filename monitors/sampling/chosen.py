"""Counts of rows that were chosen to be labelled, by level of probability, and what they say of the model.

Cells: `rows` of each cell (of all answered rows); `chosen/<level>` [cell, unanswered / label 0 / label 1],
where the label of two classes is the class, of more whether the answer was right, and of a number always 1;
for numbers `errors/<level>` too; `unasked` [cell, label 0 / label 1] of labels that came for rows that were
not chosen, with `errors`; `delays`, first labels by how long they took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from inference.manifest import ModelSpec, Task
from monitors.bins import Counts, Floats, wide_means, wide_sums
from monitors.frames import Frame
from monitors.labels import label_of
from monitors.sampling.certainty import cell_count, cells_of, predicted_classes
from monitors.sampling.estimates import Answers, Estimate
from monitors.sampling.plan import level_of, pi_of
from storage.summary import Summary

DELAY_ENDS = 2.0 ** (np.arange(64) / 2)
"""Seconds at which the bins of `delays` end: half octaves, the first up to a second."""

_CHOSEN, _ERRORS = "chosen/", "errors/"
_FEW_ANSWERS = 0.5
_APART = 3.0  # standard errors


def count_rows(frame: Frame, manifest: ModelSpec) -> dict[str, object]:
    """Answered rows by cell, of a frame of events."""
    cells = cells_of(frame, manifest)
    return {"rows": np.bincount(cells[cells >= 0], minlength=cell_count(manifest))}


def count_labels(frame: Frame, manifest: ModelSpec) -> dict[str, object]:
    """Choices and labels, of a frame of label changes or of a file."""
    cells = cells_of(frame, manifest)
    meant = [None if label is None else label_of(label, manifest) for label in frame.labels or ()]
    codes = _codes(meant, frame, manifest)
    chosen = ~np.isnan(frame.pi) & (cells >= 0)
    unasked = ~chosen & (cells >= 0) & (codes > 0)
    levels = np.full(frame.rows, -1)
    levels[chosen] = level_of(frame.pi[chosen])
    is_number = manifest.task is Task.REGRESSION
    counts: dict[str, object] = {}
    for level in np.unique(levels[chosen]).tolist():
        of_level = levels == level
        counts[f"{_CHOSEN}{level}"] = _table(cells[of_level], codes[of_level], manifest)
        if is_number:
            counts[f"{_ERRORS}{level}"] = _errors(frame, meant, of_level, manifest)
    if unasked.any():
        counts["unasked"] = _table(cells[unasked], codes[unasked], manifest)[:, 1:]
        if is_number:
            counts["errors"] = _errors(frame, meant, unasked, manifest)
    return counts | _late(frame.delays)


def answers_of(summary: Summary) -> Answers | None:
    """The chosen rows; None where there are none, or a label was taken out before it was counted."""
    by_level = _levels(summary)
    if not by_level or any((cells < 0).any() for cells in by_level.values()):
        return None
    weights = 1 / pi_of(np.array(list(by_level)))
    cells = np.stack(list(by_level.values()))
    level, cell, label = np.nonzero(cells[..., 1:])
    by_weight = weights @ cells.sum(axis=1)
    return Answers(
        weight=weights[level],
        rows=cells[level, cell, label + 1].astype(np.float64),
        cell=cell,
        label=label,
        chosen=int(cells.sum()),
        share=float(by_weight[1:].sum() / by_weight.sum()),
    )


def is_right(answers: Answers, manifest: ModelSpec) -> Floats:
    """1 where the answer was right, of models with classes."""
    if manifest.positive is None:
        return answers.label.astype(np.float64)
    return np.asarray(answers.label == answers.cell % 2, dtype=np.float64)


def unasked_by_cell(summary: Summary, manifest: ModelSpec) -> Counts:
    """Labels that came unasked by cell, of models with classes: wrong, right."""
    if "unasked" not in summary:
        return np.zeros((cell_count(manifest), 2), dtype=np.int64)
    counts = summary["unasked"]
    if manifest.positive is None:
        return counts
    by_class = counts.reshape(-1, 2, 2).copy()  # score bin, predicted, label
    by_class[:, 0] = by_class[:, 0, ::-1]
    return by_class.reshape(-1, 2)


def mean_error(summary: Summary, answers: Answers) -> Estimate | None:
    """Hajek's mean of absolute errors of numbers, and its variance, from their sums by level."""
    levels = [int(name.removeprefix(_ERRORS)) for name in summary.counts if name.startswith(_ERRORS)]
    sums = [wide_means(summary[f"{_ERRORS}{level}"]) for level in levels]
    n = np.array([counts.sum() for counts, _, _ in sums], dtype=np.float64)
    first = np.array([counts @ means for counts, means, _ in sums])
    second = np.array([counts @ squares for counts, _, squares in sums])
    weights = 1 / pi_of(np.array(levels, dtype=np.int64))
    size = float(weights @ n)
    if size <= 0:
        return None
    mean = float(weights @ first) / size
    spread = np.maximum(second - 2 * mean * first + n * mean**2, 0.0)
    variance = float(weights**2 @ spread) / size**2  # as of `Answers.variance`
    return Estimate(value=mean, variance=variance, n=answers.answered)


def depends_on_who(summary: Summary, expected: Floats) -> bool:
    """Whether few answered, or those who did had rows of another certainty than those who did not."""
    rows = np.sum(list(_levels(summary).values()), axis=0)
    parts = rows[:, 1:].sum(axis=1), rows[:, 0]
    answered, silent = (int(part.sum()) for part in parts)
    if answered < _FEW_ANSWERS * (answered + silent):
        return True
    if silent < 2:
        return False
    means = [float(expected @ part) / int(part.sum()) for part in parts]
    spreads = [
        float((expected - mean) ** 2 @ part) / int(part.sum()) ** 2
        for mean, part in zip(means, parts, strict=True)
    ]
    return abs(means[0] - means[1]) > _APART * float(np.sqrt(sum(spreads))) + 1e-9


def delay_at(summary: Summary, share: float) -> float | None:
    """Seconds within which so many of the first labels came, to the end of a bin."""
    counts = summary["delays"] if "delays" in summary else np.zeros(1, dtype=np.int64)
    n = int(counts.sum())
    return float(DELAY_ENDS[int(np.searchsorted(np.cumsum(counts), share * n))]) if n > 0 else None


def _codes(meant: Sequence[str | float | None], frame: Frame, manifest: ModelSpec) -> NDArray[np.int64]:
    """The place on the last axis: 0 for a row without a label, else 1 or 2."""
    known = np.array([label is not None for label in meant], dtype=np.bool_)
    if manifest.task is Task.REGRESSION:
        return np.where(known, 2, 0)
    classes = {name: place for place, name in enumerate(manifest.outputs.classes)}
    truth = np.array([-1 if label is None else classes[str(label)] for label in meant], dtype=np.int64)
    target = predicted_classes(frame, manifest) if manifest.positive is None else classes[manifest.positive]
    return np.where(known, 1 + (truth == target), 0)


def _table(cells: NDArray[np.int64], codes: NDArray[np.int64], manifest: ModelSpec) -> Counts:
    n = cell_count(manifest)
    return np.bincount(cells * 3 + codes, minlength=3 * n).reshape(n, 3)


def _errors(
    frame: Frame, meant: Sequence[str | float | None], mask: NDArray[np.bool_], manifest: ModelSpec
) -> Counts:
    predicted = frame.numbers(manifest.outputs.name).values
    places = [place for place in np.flatnonzero(mask).tolist() if meant[place] is not None]
    with np.errstate(over="ignore"):  # a difference past the largest float counts as the largest there is
        return wide_sums(np.abs(predicted[places] - np.array([meant[place] for place in places], np.float64)))


def _late(delays: Floats) -> dict[str, object]:
    known = delays[~np.isnan(delays)]
    if not len(known):
        return {}
    bins = np.minimum(np.searchsorted(DELAY_ENDS, known, side="left"), len(DELAY_ENDS) - 1)
    return {"delays": np.bincount(bins, minlength=len(DELAY_ENDS))}


def _levels(summary: Summary) -> Mapping[int, Counts]:
    return {
        int(name.removeprefix(_CHOSEN)): cells
        for name, cells in summary.counts.items()
        if name.startswith(_CHOSEN) and cells.any()
    }
