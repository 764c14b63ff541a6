"""Accuracy: predictions beside the labels that came for them, however late.

A row counts as unlabelled when its event is seen; a label counts by `observe(after) - observe(before)`, which
takes the unlabelled row, or the former label, out again. Of two labels of one row the latest `labelled_at`
wins, then its place in the log; that is settled before, where labels are joined. Here the conflicts are only
counted.

Cells do not depend on a reference: predicted class x label, score bins x label for the ROC curve, and losses
in fixed point. The reference's own value, where its rows had labels, gives the bounds: `accuracy`, `f1`,
`roc_auc` may fall by `tolerance` and `brier` rise by it, `mae` and `rmse` may rise by `relative_tolerance`.
Breached means that the whole 95 % interval lies outside, so few labels do not alarm. Precision, recall and
log loss are shown without bounds: they move with the threshold and with single rows.

With more than two classes precision, recall and F1 are means over the classes that occur ("macro"), the Brier
score is the sum over the classes, and there is no ROC curve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from inference.manifest import ModelSpec, Task
from monitors.base import ModelContext
from monitors.classes import Figure, class_figures, count_classes
from monitors.frames import Frame
from monitors.labels import can_be_right, label_of
from monitors.regression import count_errors, error_figures
from monitors.statistics import wilson
from storage.records import Bounds, Measurement
from storage.summary import Summary

CLASS_METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier", "log_loss")
NUMBER_METRICS = ("mae", "rmse")
_CELLS = frozenset({"labelled", "confusion", "scores", "errors", "scored", "losses"})
_MAY_FALL = frozenset({"accuracy", "f1", "roc_auc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How right the model was, by the labels that came, and for how many rows they came."""

    uses_labels: ClassVar[bool] = True
    uses_reference: ClassVar[bool] = False
    uses_scores: ClassVar[bool] = False
    uses_slices: ClassVar[bool] = True

    model: ModelContext
    tolerance: float = 0.02
    relative_tolerance: float = 0.1
    max_conflict_share: float = 0.05
    min_labels: int = 30  # fewer say nothing: unknown

    @classmethod
    def applies(cls, context: ModelContext) -> bool:
        """Where an answer is one of known classes that exclude each other, or a number."""
        return can_be_right(context.manifest)

    def observe(self, frame: Frame) -> Summary:
        """`rows`, `labelled`, `conflicts`, labels of no known class (`not_allowed`), and the task's cells."""
        answered = frame.ok
        if answered.rows == 0:
            return Summary()
        counts: dict[str, object] = {"rows": answered.rows}
        labels = answered.labels
        if labels is not None:
            meant = [None if label is None else label_of(label, self.model.manifest) for label in labels]
            counts["not_allowed"] = sum(
                label is not None and name is None for label, name in zip(labels, meant, strict=True)
            )
            counts["conflicts"] = answered.conflicts
            counts["labelled"] = len(meant) - meant.count(None)
            if counts["labelled"]:
                known = answered.where(np.array([name is not None for name in meant]))
                counts |= self._cells(known, [name for name in meant if name is not None])
        return Summary.of(counts)

    def assess(self, current: Summary, reference: Summary | None) -> Iterator[Measurement]:
        """Figures of the labelled rows, then how many rows are labelled and how many labels disagree."""
        manifest = self.model.manifest
        now = _figures(current, manifest) if _is_complete(current) else {}
        then = _figures(reference, manifest) if reference is not None else {}
        labelled = max(current.count("labelled"), 0)
        for metric in NUMBER_METRICS if manifest.task is Task.REGRESSION else CLASS_METRICS:
            figure = now.get(metric) if labelled >= self.min_labels else None
            yield _measured(metric, figure, self._bounds(metric, then.get(metric)), labelled)
        rows = max(current.count("rows"), labelled)  # a label may be counted before its event
        yield _share("label_coverage", labelled, rows, Bounds())
        conflicts = min(max(current.count("conflicts"), 0), labelled)  # one may be over before it is counted
        yield _share("label_conflict_share", conflicts, labelled, Bounds(upper=self.max_conflict_share))

    def _cells(self, frame: Frame, labels: Sequence[str | float]) -> dict[str, object]:
        manifest = self.model.manifest
        if manifest.task is Task.REGRESSION:
            return count_errors(frame, [float(label) for label in labels], manifest.outputs.name)
        return count_classes(frame, [str(label) for label in labels], manifest)

    def _bounds(self, metric: str, then: Figure | None) -> Bounds:
        if then is None:
            return Bounds()
        if metric in _MAY_FALL:
            return Bounds(lower=then.value - self.tolerance)
        if metric == "brier":
            return Bounds(upper=then.value + self.tolerance)
        return (
            Bounds(upper=then.value * (1 + self.relative_tolerance)) if metric in NUMBER_METRICS else Bounds()
        )


def _figures(summary: Summary, manifest: ModelSpec) -> Mapping[str, Figure]:
    return error_figures(summary) if manifest.task is Task.REGRESSION else class_figures(summary, manifest)


def _is_complete(summary: Summary) -> bool:
    """Whether no label was taken out before it was counted: two workers may count the two."""
    return not any((cells < 0).any() for name, cells in summary.counts.items() if name in _CELLS)


def _measured(metric: str, figure: Figure | None, bounds: Bounds, n: int) -> Measurement:
    if figure is None:
        return Measurement(metric=metric, value=None, n=n, bounds=bounds)
    low, high = figure.interval
    beyond = (bounds.lower is not None and high < bounds.lower) or (
        bounds.upper is not None and low > bounds.upper
    )
    return Measurement(
        metric=metric,
        value=figure.value,
        interval=figure.interval,
        bounds=bounds,
        significant=beyond,
        n=figure.n,
    )


def _share(metric: str, count: int, n: int, bounds: Bounds) -> Measurement:
    if n <= 0:
        return Measurement(metric=metric, value=None, n=0, bounds=bounds)
    return _measured(metric, Figure(value=count / n, interval=wilson(count, n), n=n), bounds, n)
