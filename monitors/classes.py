"""Counts of predicted classes beside their labels, and the figures that follow from them.

Cells: `confusion` [predicted, label], the last row for predictions that are no class; `scores` [bin, label]
of models of two classes; `losses`, the fixed-point sums of Brier, log loss, and their squares, over `scored`
rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inference.manifest import ModelSpec
from monitors.bins import LOSS_UNIT, Counts, Floats, fixed_sum, logit_edges
from monitors.columns import Mask, Numbers
from monitors.frames import Frame
from monitors.statistics import Interval, draws, interval_of, mean_interval, roc_auc, roc_auc_interval, wilson
from storage.records import Value
from storage.summary import Summary

SCORE_EDGES = logit_edges(512)
_CLIP = float(np.finfo(np.float64).eps)  # of probabilities in the log loss, as in scikit-learn
_SQUARE_UNIT = 2**16  # squared log losses reach 1,300: room for 10^11 rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value, where it may lie, and the rows behind it."""

    value: float
    interval: Interval
    n: int


def count_classes(frame: Frame, labels: Sequence[str], manifest: ModelSpec) -> dict[str, object]:
    """Cells of rows that all have a label that is a class."""
    classes = {name: place for place, name in enumerate(manifest.outputs.classes)}
    truth = np.array([classes[label] for label in labels], dtype=np.int64)
    groups = frame.categories("class")
    places = np.array(
        [*(classes.get(name, len(classes)) for name in groups.names), len(classes), len(classes)]
    )
    predicted = places[groups.codes]  # the codes -1 and -2, missing and wrong, find the two places at the end
    confusion = np.zeros((len(classes) + 1, len(classes)), dtype=np.int64)
    np.add.at(confusion, (predicted, truth), 1)
    return {"confusion": confusion} | _scores(frame, truth, manifest)


def class_figures(summary: Summary, manifest: ModelSpec) -> Mapping[str, Figure]:
    """Every figure that the cells allow. One that is missing is unknown."""
    if "confusion" not in summary or not summary["confusion"].sum():
        return {}
    confusion = summary["confusion"]
    n, right = int(confusion.sum()), int(np.trace(confusion[:-1]))
    figures = {"accuracy": Figure(value=right / n, interval=wilson(right, n), n=n)}
    if manifest.positive is None:
        figures |= _macro(confusion)
    else:
        figures |= _of_positive(confusion, manifest.outputs.classes.index(manifest.positive))
    return figures | _ranking(summary, manifest) | _losses(summary)


def _scores(frame: Frame, truth: Counts, manifest: ModelSpec) -> dict[str, object]:
    if manifest.positive is None:
        return _many_losses(frame, truth, len(manifest.outputs.classes))
    usable, p = _probabilities(frame.numbers("score"))
    positive = truth[usable] == manifest.outputs.classes.index(manifest.positive)
    bins = np.searchsorted(SCORE_EDGES, p, side="left")
    scores = np.bincount(bins * 2 + positive, minlength=2 * (len(SCORE_EDGES) + 1)).reshape(-1, 2)
    return {"scores": scores} | _sums((p - positive) ** 2, np.where(positive, p, 1 - p))


def _many_losses(frame: Frame, truth: Counts, classes: int) -> dict[str, object]:
    rows = frame.column("probabilities")
    usable = np.array([_is_distribution(row, classes) for row in rows], dtype=np.bool_)
    if not usable.any():
        return {}
    p = np.array([row for row, good in zip(rows, usable, strict=True) if good], dtype=np.float64)
    hit = truth[usable][:, None] == np.arange(classes)
    return _sums(((p - hit) ** 2).sum(axis=1), p[hit])


def _sums(brier: Floats, of_truth: Floats) -> dict[str, object]:
    log_loss = -np.log(np.clip(of_truth, _CLIP, 1 - _CLIP))
    losses = [
        (fixed_sum(loss), int(np.rint(loss**2 * _SQUARE_UNIT).astype(np.int64).sum()))
        for loss in (brier, log_loss)
    ]
    return {"scored": len(brier), "losses": losses}


def _probabilities(scores: Numbers) -> tuple[Mask, Floats]:
    usable = scores.present & (scores.values >= 0) & (scores.values <= 1)
    return usable, scores.values[usable]


def _is_distribution(row: Value, classes: int) -> bool:
    return isinstance(row, list) and len(row) == classes and all(0 <= p <= 1 for p in row)


def _of_positive(confusion: Counts, positive: int) -> dict[str, Figure]:
    found, true = int(confusion[positive].sum()), int(confusion[:, positive].sum())
    hits = int(confusion[positive, positive])
    figures: dict[str, Figure] = {}
    if found:
        figures["precision"] = Figure(value=hits / found, interval=wilson(hits, found), n=found)
    if true:
        figures["recall"] = Figure(value=hits / true, interval=wilson(hits, true), n=true)
    if found + true:
        cells = np.array([hits, found - hits, true - hits])
        f1 = 2 * hits / (found + true)
        drawn = draws(cells)
        again = 2 * drawn[:, 0] / (2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2])
        figures["f1"] = Figure(value=f1, interval=interval_of(f1, again, 0.0, 1.0), n=int(confusion.sum()))
    return figures


def _macro(confusion: Counts) -> dict[str, Figure]:
    n = int(confusion.sum())
    drawn = draws(confusion.ravel()).reshape(-1, *confusion.shape)
    values, again = _macro_of(confusion), _macro_of(drawn)
    return {
        name: Figure(value=float(value), interval=interval_of(float(value), others, 0.0, 1.0), n=n)
        for name, value, others in zip(("precision", "recall", "f1"), values, again, strict=True)
    }


def _macro_of(confusion: Counts) -> list[Floats]:
    hits = np.diagonal(confusion[..., :-1, :], axis1=-2, axis2=-1)
    found, true = confusion[..., :-1, :].sum(axis=-1), confusion.sum(axis=-2)
    occurring = np.maximum(((found + true) > 0).sum(axis=-1), 1)
    shares = [(hits, found), (hits, true), (2 * hits, found + true)]
    return [(part / np.maximum(whole, 1)).sum(axis=-1) / occurring for part, whole in shares]


def _ranking(summary: Summary, manifest: ModelSpec) -> dict[str, Figure]:
    if manifest.positive is None or "scores" not in summary:
        return {}
    negatives, positives = summary["scores"].T
    area = roc_auc(positives, negatives)
    if area is None:
        return {}
    n = int(positives.sum() + negatives.sum())
    return {"roc_auc": Figure(value=area, interval=roc_auc_interval(positives, negatives), n=n)}


def _losses(summary: Summary) -> dict[str, Figure]:
    n = summary.count("scored")
    if n <= 0:
        return {}
    figures = {}
    for name, (total, squares) in zip(("brier", "log_loss"), summary["losses"].tolist(), strict=True):
        mean = total / LOSS_UNIT / n
        figures[name] = Figure(value=mean, interval=mean_interval(mean, squares / _SQUARE_UNIT / n, n), n=n)
    return figures
