"""A database as the road leaves it, for tests of pages: the `age` of a shop's customers drifts on day seven.

Everything is written through storage's own functions, and measured by the monitors. The name and a value
of one column would do harm as HTML or markdown. The labels of the last day have not come yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from inference.manifest import Manifest, ModelSpec
from monitors import build, kinds
from monitors.alerts.rules import RuleState, decide
from monitors.base import ModelContext
from monitors.frames import Frame, frame_of_columns, frames_of
from monitors.reference import Reference, reference_of
from monitors.reporting.rows import sample_of_reference, to_bytes
from monitors.rulebook import DEFAULT_RULES
from storage.alerts import save_alerts
from storage.counting import Counting
from storage.database import Database, open_writer
from storage.journal import Journal
from storage.leases import Leases
from storage.measurements import add_judgements
from storage.models import StoredReference, put_reference, put_reference_rows, register_model
from storage.records import EventId, InferenceEvent, Judgement, Outcome, Scope, Value, Window
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings, JournalSettings
from storage.shipper import Shipper
from storage.summaries import SummaryKey, add_summaries
from storage.summary import Summary
from storage.windows import ModelClock, note_newest

MODEL, VERSION = "shop", "1"
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
LENGTH = timedelta(days=1)
WINDOWS, DRIFT_FROM, ROWS = 10, 6, 400
HOSTILE_COLUMN = "<img src=x onerror=alert(1)>"
HOSTILE_VALUE = "**bold** [link](javascript:alert(1)) <script>alert(2)</script>"
COLUMNS = ("age", "income", HOSTILE_COLUMN, "class", "score")

_INPUTS = [
    {"name": "age", "type": "number"},
    {"name": "income", "type": "number"},
    {"name": HOSTILE_COLUMN, "type": "category", "categories": ["red", "green", HOSTILE_VALUE]},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """Where the database is, and what was put into it."""

    settings: DatabaseSettings
    judgements: tuple[Judgement, ...]

    def value(self, metric: str, column: str | None, window: int) -> float | None:
        """What was measured, windows counted from 0."""
        start = BEGIN + window * LENGTH
        found = [
            each.measurement.value
            for each in self.judgements
            if (each.measurement.metric, each.measurement.column) == (metric, column)
            and each.window.start == start
        ]
        (value,) = found
        return value


def seeded_database(folder: Path) -> Seeded:
    """Make it, anew, in a folder. Takes about a second."""
    settings = DatabaseSettings(url=f"sqlite:///{folder / 'inferwatch.db'}")
    database = open_writer(settings)
    context = _register(database)
    log = SegmentLog(database)
    events = [_events(window) for window in range(WINDOWS)]
    ids = _journalled(folder / "journal", events, log, database)
    judgements: list[Judgement] = []
    for window, ours in enumerate(events):
        judgements += _counted_and_judged(
            window, list(zip(ids[window], ours, strict=True)), context, database
        )
    decision = decide(DEFAULT_RULES, judgements, dict[str, RuleState](), clock=BEGIN + WINDOWS * LENGTH)
    with database.write() as connection:
        save_alerts(connection, decision.alerts, stored_at=BEGIN)
    _move_cursors(log, database)
    database.close()
    return Seeded(settings=settings, judgements=tuple(judgements))


def shop(name: str = MODEL) -> Manifest:
    """The model."""
    return Manifest.model_validate(
        {
            "name": name,
            "version": VERSION,
            "task": "classification",
            "backend": "echo",
            "inputs": _INPUTS,
            "outputs": {"classes": ["no", "yes"]},
            "label": "bought",
            "window": {"pane": "1d", "length": "1d"},
            "files": {},
            "added_at": "2026-03-01T00:00:00Z",
        }
    )


def _columns(random: np.random.Generator, rows: int, age: float) -> dict[str, list[Value]]:
    score = random.beta(2, 3, rows)
    return {
        "age": random.normal(age, 10, rows).tolist(),
        "income": random.lognormal(10, 0.4, rows).tolist(),
        HOSTILE_COLUMN: random.choice(["red", "green", HOSTILE_VALUE], rows, p=[0.5, 0.3, 0.2]).tolist(),
        "class": ["yes" if each > 0.5 else "no" for each in score],
        "score": score.tolist(),
    }


def _reference(manifest: Manifest) -> tuple[Reference, bytes]:
    """The reference, and the sample of its rows."""
    random = np.random.default_rng(1)
    columns = _columns(random, 5_000, age=40)
    truth = random.random(5_000) < np.array(columns["score"], dtype=float)
    labels: list[str | int | float | bool | None] = ["yes" if each else "no" for each in truth]
    frame = frame_of_columns(columns, manifest, labels=labels)
    reference = reference_of(frame, manifest, "a table of the test", kinds())
    return reference, to_bytes(sample_of_reference(frame, manifest), reference.hash)


def _register(database: Database) -> ModelContext:
    manifest = shop()
    reference, rows = _reference(manifest)
    with database.write() as connection:
        register_model(
            connection,
            model=MODEL,
            version=VERSION,
            manifest=manifest.model_dump_json(),
            registered_at=BEGIN,
        )
        stored = StoredReference(
            hash=reference.hash, model=MODEL, version=VERSION, body=reference.to_bytes(), made_at=BEGIN
        )
        put_reference(connection, stored)
        put_reference_rows(connection, reference.hash, rows)
    return ModelContext(manifest=manifest, reference=reference)


def _journalled(
    folder: Path, events: list[list[InferenceEvent]], log: SegmentLog, database: Database
) -> list[list[EventId]]:
    """The ids of the events, once they have gone through a journal and into the log."""
    journal = Journal(folder, settings=JournalSettings(folder=folder))
    ids = []
    for window in events:
        ids.append(journal.append_many(window))
        for _ in window:
            journal.count_answered()
    journal.close()
    Shipper(folder, log, database).ship()
    return ids


def _counted_and_judged(
    window: int, events: list[tuple[EventId, InferenceEvent]], context: ModelContext, database: Database
) -> list[Judgement]:
    """What the monitor process stores of one window."""
    (frame,) = frames_of(events, context.manifest, LENGTH)
    scope, found = Scope(model=MODEL, version=VERSION), Window(start=_start(window), end=_start(window + 1))
    summaries: dict[SummaryKey, Summary] = {}
    judgements: list[Judgement] = []
    for name in kinds():
        monitor = build(name, {}, context)
        labelled = name == "accuracy" and window < WINDOWS - 1
        counted = monitor.observe(_labelled(window, context.manifest) if labelled else frame)
        key = SummaryKey(
            monitor=name,
            scope=scope,
            reference=counted.reference,
            start=found.start,
            length_s=int(LENGTH.total_seconds()),
            partition=0,
        )
        summaries[key] = counted
        known: Mapping[str, Summary] = context.reference.summaries if context.reference else {}
        judgements += [
            Judgement(monitor=name, scope=scope, window=found, measurement=measured, replay=True)
            for measured in monitor.assess(counted, known.get(name))
        ]
    with database.write() as connection:
        add_summaries(connection, summaries)
        add_judgements(connection, judgements, judged_at=found.end)
        newest = ModelClock(
            model=MODEL, version=VERSION, newest_at=events[-1][1].at, counted_at=found.end, replay=True
        )
        note_newest(connection, newest)
    return judgements


def _move_cursors(log: SegmentLog, database: Database) -> None:
    """Every monitor has passed every segment."""
    lease = Leases(database, owner="test").acquire("partition-0")
    if lease is None:
        raise RuntimeError("another test holds this database")
    segments = log.after(0, 0, 1000)
    with Counting(database, log).transaction(lease) as write:
        for name in kinds():
            write.move_cursor(
                name, 0, seq=segments[-1].seq, counted=sum(each.n for each in segments), quarantined=0
            )


def _start(window: int) -> datetime:
    return BEGIN + window * LENGTH


def _rows(window: int) -> dict[str, list[Value]]:
    return _columns(np.random.default_rng(100 + window), ROWS, age=40 if window < DRIFT_FROM else 52)


def _labelled(window: int, manifest: ModelSpec) -> Frame:
    """The rows of a window with labels that have come."""
    columns = _rows(window)
    truth = np.random.default_rng(window).random(ROWS) < np.array(columns["score"], dtype=float)
    return frame_of_columns(columns, manifest, labels=["yes" if each else "no" for each in truth])


def _events(window: int) -> list[InferenceEvent]:
    """Requests of four rows each; the first was an error."""
    columns = _rows(window)
    times = np.random.default_rng(200 + window).lognormal(-5.5, 0.5, ROWS)
    return [
        InferenceEvent(
            at=_start(window) + first * LENGTH / ROWS,
            outcome=Outcome.OK if first else Outcome.ERROR,
            protocol="v1",
            total_s=float(times[first]),
            model=MODEL,
            version=VERSION,
            rows=4,
            inputs={name: columns[name][first : first + 4] for name in COLUMNS[:3]},
            outputs={name: columns[name][first : first + 4] for name in COLUMNS[3:]} if first else {},
            replay=True,
        )
        for first in range(0, ROWS, 4)
    ]
