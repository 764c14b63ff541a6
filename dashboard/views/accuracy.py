"""What the accuracy page shows, read in one moment: three kinds of truth, which are never mixed.

The monitor `accuracy` counts every label that came. `sampling` estimates from the rows that were chosen to be
labelled, and counts apart what came unasked; its windows are a day long at least.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from dashboard.runs import APART, step_of
from dashboard.subjects import NOTHING, Choice, Subject, choose, subject
from dashboard.views.columns import TABLED, alerts_of, newest_windows, offered_windows, series, worst_slices
from dashboard.words import stamp
from storage import judged
from storage.counted import Confusion, confusion, reference_confusion
from storage.database import Database
from storage.judged import Asked, Snapshot
from storage.models import ModelVersion
from storage.records import Alert, Bounds, Judgement, Measurement, Scope, Window
from storage.worst import BreachedRun, Worse, across_slices, breached_run, newest_known

MONITOR, SAMPLING = "accuracy", "sampling"
EVERYWHERE = "label_coverage"
"""A metric that is measured in every window."""
IN_EVERY_DAY = "sample_answered_share"
"""The same, of samples."""

METRICS: Mapping[str, str] = {
    "accuracy": "the share of labelled rows whose answer was the label",
    "precision": "of the rows that were answered with the positive class, the share that has it",
    "recall": "of the rows that have the positive class, the share that was answered with it",
    "f1": "the harmonic mean of precision and recall",
    "roc_auc": "how often a row of the positive class has the higher score than one of the other",
    "brier": "the mean squared distance of the score from the truth; 0 is best",
    "log_loss": "how surprising the truth was by the score; 0 is best",
    "mae": "the mean absolute error; 0 is best",
    "rmse": "the root of the mean squared error, which large errors drive; 0 is best",
    "label_coverage": "the share of answered rows that have a label",
    "label_conflict_share": "the share of labelled rows for which two labels disagree",
}
"""What the monitor `accuracy` measures, and what each is, in this order."""

ESTIMATES: Mapping[str, str] = {
    "sampled_accuracy": "by the labels of chosen rows alone; this one decides",
    "sampled_accuracy_assisted": "the same, where the scores of all rows help",
    "sampled_mae": "the mean absolute error, by the labels of chosen rows",
    "sampled_tpr": "of the rows of the positive class, the share that was found",
    "sampled_fpr": "of the rows of the other class, the share that was taken for the positive one",
    "sampled_ppv": "of the rows that were answered with the positive class, the share that has it",
    "sampled_auc": "how often a row of the positive class has the higher score than one of the other",
}
"""What is estimated from rows that were chosen to be labelled, in this order."""

_MAY_NOT_FALL = frozenset({"accuracy", "precision", "recall", "f1", "roc_auc", "label_coverage"})
"""Of which less is worse, also where nothing gives them bounds."""

OF_LABELS = frozenset({"label_coverage", "label_conflict_share"})
"""Shares that say how much is known, and nothing of how right an answer was."""

LEADING = ("accuracy", "mae")
"""Of classes, and of numbers."""

UNASKED = "unasked_accuracy"
DEPENDS = "sample_depends_on_who"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyView:
    """Everything on the page. What was not chosen, because there is nothing of it, is empty."""

    subject: Subject
    classes: tuple[str, ...] = ()
    judgeable: bool = True  # whether an answer of this model can be right or wrong
    metric: Choice = NOTHING  # of what every label tells
    window: Choice = NOTHING  # by its stamp, newest first
    windows: tuple[Window, ...] = ()  # those themselves
    picked: Window | None = None  # the chosen one
    of_window: tuple[Judgement, ...] = ()
    step: timedelta = APART  # how long the runs are that windows are put together in
    over_time: tuple[Judgement, ...] = ()  # the chosen metric, the worst of each run
    known: bool = False  # whether anything is, of the windows shown
    measured: tuple[Judgement, ...] = ()  # everything, of the newest windows shown
    slices: tuple[Judgement, ...] = ()  # the chosen metric, worst first
    runs: tuple[tuple[str, BreachedRun], ...] = ()  # of each metric, up to the chosen window
    alerts: tuple[Alert, ...] = ()
    sampled: tuple[Judgement, ...] = ()  # all that samples tell of the days shown
    sampled_run: BreachedRun | None = None  # of the estimate that decides, up to the day of the window
    confusion: Confusion | None = None
    reference: Confusion | None = None

    def of(self, metric: str) -> Judgement | None:
        """One number of the chosen window."""
        return next((each for each in self.of_window if each.measurement.metric == metric), None)

    @property
    def deciding(self) -> list[Measurement]:
        """What says whether answers were right enough: all that has bounds, else what leads."""
        told = [each.measurement for each in self.of_window if each.measurement.metric not in OF_LABELS]
        return [each for each in told if each.bounds != Bounds()] or [
            each for each in told if each.metric in LEADING
        ]

    @property
    def labels(self) -> bool:
        """Whether any label came in the windows shown."""
        return self.known or any(
            each.measurement.value for each in self.measured if each.measurement.metric == EVERYWHERE
        )

    @property
    def day(self) -> Window | None:
        """Of the windows of samples the newest that begins before the chosen window is over."""
        days = {each.window for each in self.sampled}
        past = [each for each in days if self.picked is not None and each.start < self.picked.end]
        return max(past or days, default=None)

    @property
    def of_day(self) -> dict[str, Judgement]:
        """What samples tell of it, by metric."""
        day = self.day
        return {each.measurement.metric: each for each in self.sampled if each.window == day}

    @property
    def estimate(self) -> Judgement | None:
        """What decides of it."""
        return self.of_day.get("sampled_accuracy") or self.of_day.get("sampled_mae")

    def series(self, metric: str) -> list[Judgement]:
        """One number of samples, day by day."""
        return [each for each in self.sampled if each.measurement.metric == metric]


def accuracy(database: Database, address: Mapping[str, str]) -> AccuracyView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        found = subject(snapshot, address, MONITOR, EVERYWHERE)
        view = _described(AccuracyView(subject=found), found.registered)
        if found.scope is None or found.span is None:
            return view
        return _of_scope(snapshot, view, found.scope, found.span, address)


def _described(view: AccuracyView, registered: ModelVersion | None) -> AccuracyView:
    if registered is None:
        return view
    manifest = json.loads(registered.manifest)
    outputs = manifest.get("outputs") or {}
    return replace(
        view,
        classes=tuple(outputs.get("classes") or ()),
        judgeable=manifest["task"] not in _NEVER_RIGHT and not outputs.get("multi_label", False),
    )


def _of_scope(
    snapshot: Snapshot, view: AccuracyView, scope: Scope, span: Window, address: Mapping[str, str]
) -> AccuracyView:
    known_at = _newest(snapshot, scope, span)
    windows = offered_windows(view.subject, address.get("window"))
    window = choose([stamp(each.start) for each in windows], address.get("window") or known_at)
    picked = next((each for each in windows if stamp(each.start) == window.chosen), None)
    if picked is None:
        return view
    everything = Asked(monitors=(MONITOR,))
    of_window = sorted(judged.judgements_between(snapshot, scope, picked, everything), key=_order)
    there = {each.measurement.metric for each in of_window}
    metric = choose([name for name in METRICS if name in there], address.get("metric"))
    chosen = replace(everything, metric=metric.chosen)
    runs = {each.measurement.metric: breached_run(snapshot, each) for each in of_window}
    step = step_of(view.subject.shown)
    worse = Worse.LESS if metric.chosen in _MAY_NOT_FALL else Worse.GREATER
    newest = newest_windows(view.subject, TABLED) or picked
    reference = view.subject.registered.reference if view.subject.registered is not None else None
    slices = across_slices(snapshot, scope, view.subject.slice.options, picked, chosen)
    view = replace(view, picked=picked, sampled=tuple(_sampled(snapshot, scope, span)))
    return replace(
        view,
        metric=metric,
        window=window,
        windows=tuple(windows),
        known=known_at is not None,
        of_window=tuple(of_window),
        step=step,
        over_time=series(snapshot, scope, span, chosen, step=step, of_window=of_window, worse=worse),
        measured=tuple(judged.judgements_between(snapshot, scope, newest, everything)),
        slices=tuple(worst_slices(slices, worse)),
        runs=tuple((name, run) for name, run in runs.items() if run is not None),
        alerts=tuple(alerts_of(snapshot, scope, (MONITOR, SAMPLING))),
        sampled_run=breached_run(snapshot, view.estimate) if view.estimate is not None else None,
        confusion=confusion(snapshot, scope, picked),
        reference=reference_confusion(snapshot, reference) if reference else None,
    )


def _newest(snapshot: Snapshot, scope: Scope, span: Window) -> str | None:
    """The newest window whose accuracy is known: in the very newest few labels have come."""
    asked = [Asked(monitors=(MONITOR,), metric=metric) for metric in LEADING]
    known = [newest_known(snapshot, scope, span, each) for each in asked]
    return max((stamp(at) for at in known if at is not None), default=None)


def _order(judgement: Judgement) -> tuple[int, str]:
    metric = judgement.measurement.metric
    return list(METRICS).index(metric) if metric in METRICS else len(METRICS), metric


def _sampled(snapshot: Snapshot, scope: Scope, span: Window) -> list[Judgement]:
    """What samples tell of every day that the span touches."""
    days = judged.windows(snapshot, scope, SAMPLING, IN_EVERY_DAY)
    touched = [day for day in days if day.start < span.end and day.end > span.start]
    if not touched:
        return []
    whole = Window(start=touched[0].start, end=max(day.end for day in touched))
    return judged.judgements_between(snapshot, scope, whole, Asked(monitors=(SAMPLING,)))


_NEVER_RIGHT = frozenset({"generation", "embedding"})
"""Tasks whose answers no label can call right or wrong."""
