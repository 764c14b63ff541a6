"""What the toxicity page shows, read in one moment; the worst texts are a question of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dashboard.subjects import Subject, subject
from dashboard.views.columns import (
    TABLED,
    ColumnMap,
    alerts_of,
    column_map,
    newest_windows,
    series,
    worst_slices,
)
from dashboard.views.scoring import ScoringLine, scoring_line
from storage import judged
from storage.accounts import lags
from storage.database import Database
from storage.judged import Asked, Snapshot
from storage.models import ModelVersion
from storage.records import Alert, EventId, InferenceEvent, Judgement, Window
from storage.scorer import Scorer
from storage.scorers import ExampleFilter, find_scorer, worst_examples
from storage.segments import find_event
from storage.text_scores import (
    ScoreHistogram,
    counted_texts,
    reference_texts,
    score_histogram,
    text_cells,
)
from storage.worst import BreachedRun, across_slices, breached_run

MONITOR = "toxicity"
FLAGGED, SEVERE = "toxic_share", "severe_share"
DECIDING = (FLAGGED, SEVERE)
OF_TEXTS = ("scored_share", "truncated_share")
"""What is measured of a text column itself, and not of its classes."""
WORST = 10
"""Texts that are shown at once."""
LONGEST = 2_000
"""Characters of a text that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn:
    """A column of texts, and the classes that were measured of it."""

    name: str
    comes_in: bool
    classes: tuple[str, ...]

    def measured_as(self, class_name: str) -> str:
        """How measurements and alerts call a class of it."""
        return f"{self.name}.{class_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicityView:
    """Everything on the page but the worst texts. What there is nothing of is empty."""

    subject: Subject
    scorer: Scorer | None = None  # None: none was ever loaded
    waiting: ScoringLine | None = None
    runs: bool = False  # whether the monitor has begun to read anything
    has_texts: bool = True  # whether texts come to this model or from it
    map: ColumnMap | None = None  # of shares flagged
    texts: tuple[TextColumn, ...] = ()  # in the chosen window
    text: TextColumn | None = None  # the chosen one
    class_name: str = ""  # and its chosen class
    of_all: tuple[Judgement, ...] = ()  # everything of the chosen window
    over_time: tuple[tuple[Judgement, ...], ...] = ()  # each that decides about the class, the worst of runs
    measured: tuple[Judgement, ...] = ()  # everything about the column and class, in the newest of them
    slices: tuple[Judgement, ...] = ()  # the share flagged, the worst first
    verdicts: tuple[tuple[Judgement, BreachedRun | None], ...] = ()  # of what decides, in the chosen window
    alerts: tuple[Alert, ...] = ()  # open ones of the class
    cells: Mapping[str, int] | None = None  # texts of the chosen column; None: not known apart any more
    histogram: ScoreHistogram | None = None

    def of_class(self, column: str) -> list[Judgement]:
        """Everything about a class of a column in the chosen window."""
        return [each for each in self.of_all if each.measurement.column == column]

    def shares(self, text: TextColumn, metric: str) -> list[Judgement]:
        """A share of every class of a column in the chosen window."""
        found = {each.measurement.column: each for each in self.of_all if each.measurement.metric == metric}
        ordered = sorted(text.classes, key=self._place)
        return [found[text.measured_as(name)] for name in ordered if text.measured_as(name) in found]

    def _place(self, class_name: str) -> tuple[int, str]:
        """Classes in the order of the model that scores."""
        known = self.scorer.classes if self.scorer is not None else ()
        return known.index(class_name) if class_name in known else len(known), class_name


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstText:
    """One of the worst texts."""

    event: EventId
    row: int
    score: float
    at: datetime | None  # None: its event is not kept any more
    text: str | None


def toxicity(database: Database, address: Mapping[str, str], now: datetime) -> ToxicityView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        found = subject(snapshot, address, MONITOR, OF_TEXTS[0])
        behind = lags(snapshot, monitor=MONITOR)
        scorer = find_scorer(snapshot)
        columns = column_map(snapshot, found, Asked(monitors=(MONITOR,), metric=FLAGGED), address)
        view = ToxicityView(
            subject=found,
            scorer=scorer,
            waiting=scoring_line(scorer, behind, now),
            runs=bool(behind),
            has_texts=_has_texts(found.registered),
            map=columns,
        )
        if columns is None or columns.column.chosen is None or columns.picked is None:
            return view
        return _of_class(snapshot, view, columns, columns.column.chosen, columns.picked)


def worst_texts(database: Database, view: ToxicityView) -> list[WorstText]:
    """The worst texts of the chosen column, class and window: for those who asked to see them."""
    found = view.map
    if found is None or view.text is None or found.picked is None:
        return []
    asked = ExampleFilter(
        model=found.scope.model,
        version=found.scope.version,
        arm=found.scope.arm,
        slice=found.scope.slice,
        column=view.text.name,
        class_name=view.class_name,
        start=found.picked.start,
        end=found.picked.end,
    )
    with database.read() as snapshot:
        texts = []
        for example in worst_examples(snapshot, asked, WORST):
            event = find_event(snapshot, example.event)
            texts.append(
                WorstText(
                    event=example.event,
                    row=example.row,
                    score=example.score,
                    at=event.at if event is not None else None,
                    text=_text(event, view.text, example.row),
                )
            )
        return texts


def _of_class(
    snapshot: Snapshot, view: ToxicityView, columns: ColumnMap, chosen: str, picked: Window
) -> ToxicityView:
    scope, everything = columns.scope, Asked(monitors=(MONITOR,))
    of_class = replace(everything, column=chosen)
    of_all = judged.judgements_between(snapshot, scope, picked, everything)
    newest = newest_windows(view.subject, TABLED) or picked
    texts = _text_columns(of_all, view.subject.registered)
    text = next((each for each in texts for name in each.classes if each.measured_as(name) == chosen), None)
    named = () if text is None else (replace(everything, column=text.name),)
    slices = across_slices(
        snapshot, scope, view.subject.slice.options, picked, replace(of_class, metric=FLAGGED)
    )
    of_chosen = [each for each in of_all if each.measurement.column == chosen]
    deciding = [each for each in of_chosen if each.measurement.metric in DECIDING]
    view = replace(
        view,
        texts=texts,
        text=text,
        class_name="" if text is None else chosen.removeprefix(f"{text.name}."),
        of_all=tuple(of_all),
        over_time=tuple(
            series(snapshot, scope, columns.span, one, step=columns.step, of_window=of_chosen)
            for one in (replace(of_class, metric=metric) for metric in DECIDING)
        ),
        measured=tuple(
            each
            for asked in (*named, of_class)
            for each in judged.judgements_between(snapshot, scope, newest, asked)
        ),
        slices=tuple(worst_slices(slices)),
        verdicts=tuple((each, breached_run(snapshot, each)) for each in deciding),
        alerts=tuple(each for each in alerts_of(snapshot, scope, (MONITOR,)) if each.column == chosen),
    )
    return _counted(snapshot, view, columns, picked)


def _counted(snapshot: Snapshot, view: ToxicityView, columns: ColumnMap, picked: Window) -> ToxicityView:
    """With what was counted by the scorer in force."""
    registered = view.subject.registered
    if view.scorer is None or view.text is None or registered is None:
        return view
    counted = counted_texts(snapshot, columns.scope, picked, view.scorer.hash)
    if counted is None:
        return view
    reference = (
        reference_texts(snapshot, registered.reference, view.scorer.hash) if registered.reference else None
    )
    return replace(
        view,
        cells=text_cells(counted, view.text.name),
        histogram=score_histogram(counted, reference, view.text.name, view.class_name),
    )


def _text_columns(of_all: Sequence[Judgement], registered: ModelVersion | None) -> tuple[TextColumn, ...]:
    """The columns whose texts were judged, those that come in first. A class belongs to the longest name."""
    names = [each.measurement.column or "" for each in of_all if each.measurement.metric == OF_TEXTS[0]]
    classes: dict[str, list[str]] = {name: [] for name in names}
    for each in of_all:
        column = each.measurement.column or ""
        ours = [name for name in names if column.startswith(f"{name}.")]
        if each.measurement.metric == FLAGGED and ours:
            name = max(ours, key=len)
            classes[name].append(column.removeprefix(f"{name}."))
    inputs = _inputs(registered)
    found = [
        TextColumn(name=name, comes_in=name in inputs, classes=tuple(of_name))
        for name, of_name in classes.items()
    ]
    return tuple(sorted(found, key=lambda each: not each.comes_in))


def _inputs(registered: ModelVersion | None) -> set[str]:
    manifest = json.loads(registered.manifest) if registered is not None else {}
    return {str(column["name"]) for column in manifest.get("inputs") or () if column["type"] == "text"}


def _has_texts(registered: ModelVersion | None) -> bool:
    if registered is None:
        return True
    return bool(_inputs(registered)) or json.loads(registered.manifest)["task"] == "generation"


def _text(event: InferenceEvent | None, column: TextColumn, row: int) -> str | None:
    if event is None:
        return None
    values = (event.inputs if column.comes_in else event.outputs).get(column.name, ())
    value = values[row] if row < len(values) else None
    return value if isinstance(value, str) else None
