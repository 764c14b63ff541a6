"""A database as months of twenty models leave it: ten million events, and what was made of them.

Segments, samples, labels, alerts and messages go through storage's own functions. Panes, windows and
measurements are what the monitors made of a few hours, written again and again in the order of time by SQL:
through the judge they would take a day.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from msgspec import msgpack, structs
from sqlalchemy.engine import Connection

from storage import dialects
from storage.alerts import save_alerts
from storage.clock import to_microseconds, utc_now
from storage.database import Database, open_writer
from storage.framing import Tally, encode, encode_tally
from storage.labels import store_labels
from storage.models import StoredReference, put_reference, register_model
from storage.outbox import OutboxMessage, add_messages
from storage.quarantine import Quarantined, add_quarantined
from storage.records import Alert, AlertStatus, EventId, InferenceEvent, Scope, Severity
from storage.samples import Sample, add_samples, save_plan
from storage.scorers import put_scorer
from storage.segments import Delivery, SegmentLog
from storage.settings import DatabaseSettings
from storage.settling import Label
from storage.tables import cursor, producer
from storage.windows import ModelClock, note_newest
from tests.benchmarks.page_models import HOUR, MINUTE, SCORER, VERSION, Kind, kinds_of_models, manifest_of

MODELS, DAYS, SEGMENT_DAYS, PANE_DAYS = 20, 90, 30, 7
EVENTS = int(os.environ.get("INFERWATCH_PAGE_EVENTS", "10_000_000"))
EVENTS_IN_SEGMENT, AT_ONCE = 1000, 20
PRODUCER = "b"
HOURS_MEASURED = 12
"""Different hours that the monitors measured; they come again and again. The SQL below says so too."""
_PLAN = msgpack.encode({"budget": 50.0})
"""What a page reads of the plan of a day."""
DRIFTING = 3
"""Models that drift in their last days, and are sliced. The SQL below says so too."""


def large_database() -> DatabaseSettings:
    """Where it is. Made once a machine, which takes minutes; delete its folder to have it made anew."""
    revision = sorted(path.stem for path in Path("storage/migrations/versions").glob("0*.py"))[-1]
    folder = Path(tempfile.gettempdir()) / f"inferwatch-pages-{revision}-{EVENTS}"
    path = folder / "inferwatch.db"
    settings = DatabaseSettings(url=f"sqlite:///{path}")
    if (folder / "made").exists():
        return settings
    folder.mkdir(exist_ok=True)
    for leftover in folder.glob("inferwatch.db*"):
        leftover.unlink()
    open_writer(settings).close()
    quick = _without_a_net(settings)
    fill(Database(writer=quick, reader=quick), EVENTS)
    quick.dispose()
    open_writer(settings).close()
    (folder / "made").touch()
    return settings


def _without_a_net(settings: DatabaseSettings) -> sa.Engine:
    """Writes every page once, and syncs nothing: what a crash would cost can be made again."""
    engine = sa.create_engine(settings.url, module=dialects.SQLITE, poolclass=sa.StaticPool)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        for statement in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -200000"):
            connection.execute(f"PRAGMA {statement}")

    return engine


def fill(database: Database, events: int) -> None:
    """Everything, up to the last whole hour."""
    now = utc_now().replace(minute=0, second=0, microsecond=0)
    kinds = kinds_of_models()
    models = [(f"model-{place:02}", kinds[place % len(kinds)]) for place in range(MODELS)]
    with database.write() as connection:
        _register(connection, models, now)
        _counted(connection, kinds, now)
        _measured(connection, kinds, now)
        _alerts(connection, [name for name, _ in models], now)
    ids = _segments(database, models, now, events)
    with database.write() as connection:
        _passed(connection, kinds, events, now)
        _labelled(connection, ids, now)


def _register(connection: Connection, models: Sequence[tuple[str, Kind]], now: datetime) -> None:
    put_scorer(connection, SCORER)
    for name, kind in models:
        manifest = manifest_of(name, kind.name).model_dump_json()
        began = now - timedelta(days=DAYS)
        register_model(connection, model=name, version=VERSION, manifest=manifest, registered_at=began)
        reference = kind.reference
        stored = StoredReference(
            hash=reference.hash, model=name, version=VERSION, body=reference.to_bytes(), made_at=began
        )
        put_reference(connection, stored)
        newest = ModelClock(model=name, version=VERSION, newest_at=now, counted_at=now, replay=False)
        note_newest(connection, newest)
    connection.execute(
        sa.text("create temp table bench_scope (kind text, model text, slice text, n integer)")
    )
    scopes = [
        {"kind": kind.name, "model": name, "slice": part, "n": place}
        for place, (name, kind) in enumerate(models)
        for part in (("all", "category_0=red", "category_0=green") if place < DRIFTING else ("all",))
    ]
    connection.execute(sa.text("insert into bench_scope values (:kind, :model, :slice, :n)"), scopes)


def _counted(connection: Connection, kinds: Sequence[Kind], now: datetime) -> None:
    """Panes: minutes of the newest days, hours before them; and the windows that were judged of them."""
    connection.execute(
        sa.text("create temp table bench_counted (kind text, monitor text, reference text, hour, minute)")
    )
    rows = [
        {"kind": kind.name, "monitor": each.monitor, "reference": each.reference or "",
         "hour": each.hour, "minute": each.minute}
        for kind in kinds
        for each in kind.counted()
    ]  # fmt: skip
    connection.execute(
        sa.text("insert into bench_counted values (:kind, :monitor, :reference, :hour, :minute)"), rows
    )
    panes_began = now - timedelta(days=PANE_DAYS)
    _repeat(connection, _PANES, panes_began, now, MINUTE)
    _repeat(connection, _PANES, now - timedelta(days=DAYS), panes_began, HOUR)
    _repeat(connection, _WINDOWS, now - timedelta(days=DAYS), now, HOUR)
    connection.execute(sa.text(_RECOUNTS))


def _measured(connection: Connection, kinds: Sequence[Kind], now: datetime) -> None:
    """Measurements of every hour, the oldest first. Some models drift in their last days."""
    connection.execute(
        sa.text(
            "create temp table bench_measured (kind text, hour integer, moved integer, monitor text, "
            'metric text, "column" text, value, low, high, lower, upper, n integer, significant, breached)'
        )
    )
    rows = [
        {
            "kind": kind.name, "hour": hour, "moved": moved, "monitor": monitor, "metric": each.metric,
            "column": each.column or "", "value": each.value,
            "low": each.interval[0] if each.interval else None,
            "high": each.interval[1] if each.interval else None,
            "lower": each.bounds.lower, "upper": each.bounds.upper, "n": each.n,
            "significant": each.significant, "breached": each.breached,
        }
        for kind in kinds
        for moved in (0, 1)
        for hour in range(HOURS_MEASURED)
        for monitor, each in kind.measured(1000 * hour, moved * 12.0)
    ]  # fmt: skip
    connection.execute(sa.text(_MEASURED), rows)
    connection.execute(sa.text("create index temp.bench_hour on bench_measured (kind, hour, moved)"))
    _repeat(connection, _MEASUREMENTS, now - timedelta(days=DAYS), now, HOUR)


def _repeat(
    connection: Connection, statement: str, began: datetime, end: datetime, length: timedelta
) -> None:
    """Run it for every window, or pane, of a time; `w.i` counts them."""
    asked = {
        "began": to_microseconds(began),
        "last": (end - began) // length,
        "length": length // timedelta(microseconds=1),
        "length_s": int(length.total_seconds()),
    }
    names = set(sa.text(statement).compile().params)
    connection.execute(sa.text(statement), {name: asked[name] for name in names})


_PANES = """
insert into summary (
    monitor, model, version, arm, slice, reference, start, length_s, partition, revision, body
)
with recursive w(i) as (select 0 union all select i + 1 from w where i + 1 < :last)
select c.monitor, s.model, '1', 'stable', s.slice, c.reference, :began + w.i * :length, :length_s, 0, 1,
    case :length_s when 60 then c.minute else c.hour end
from w cross join bench_scope s cross join bench_counted c
where c.kind = s.kind
"""
_WINDOWS = """
insert into judge_window (monitor, model, version, arm, slice, start, "end", revision, judged)
with recursive w(i) as (select 0 union all select i + 1 from w where i + 1 < :last)
select c.monitor, s.model, '1', 'stable', s.slice, :began + w.i * :length, :began + (w.i + 1) * :length, 3, 3
from w cross join bench_scope s cross join bench_counted c
where c.kind = s.kind
"""
_RECOUNTS = """
insert into recount (monitor, model, version, partition, reference, seq)
select c.monitor, s.model, '1', 0, c.reference, 0
from bench_scope s join bench_counted c on c.kind = s.kind
where s.slice = 'all'
"""
_MEASURED = """
insert into bench_measured values (
    :kind, :hour, :moved, :monitor, :metric, :column, :value, :low, :high, :lower, :upper, :n, :significant,
    :breached
)
"""
_MEASUREMENTS = """
insert into measurement (
    monitor, model, version, arm, slice, start, "end", metric, "column", value, interval_low, interval_high,
    bound_lower, bound_upper, n, significant, breached, replay, judged_at
)
with recursive w(i) as (select 0 union all select i + 1 from w where i + 1 < :last)
select m.monitor, s.model, '1', 'stable', s.slice, :began + w.i * :length,
    :began + (w.i + case m.monitor when 'sampling' then 24 else 1 end) * :length,
    m.metric, m."column", m.value, m.low, m.high, m.lower, m.upper, m.n, m.significant, m.breached, 0,
    :began + (w.i + 1) * :length
from w cross join bench_scope s cross join bench_measured m
where m.kind = s.kind and m.hour = (w.i + s.n) % 12 and m.moved = (s.n < 3 and w.i > :last - 48)
    and (m.monitor != 'sampling' or w.i % 24 = 0)  -- whose windows are days
"""


def _alerts(connection: Connection, models: Sequence[str], now: datetime) -> None:
    """Open ones of the models that drift, and two episodes a day that are over; a message about each."""
    episodes = [
        _alert(models[place % len(models)], f"number_{place % 5}", now - timedelta(hours=12 * place), place)
        for place in range(2 * DAYS)
    ]
    episodes += [
        replace(_alert(models[place], "number_0", now - timedelta(hours=40), 10_000 + place),
                status=AlertStatus.FIRING, ends_at=None)
        for place in range(DRIFTING)
    ]  # fmt: skip
    save_alerts(connection, episodes, stored_at=now)
    messages = [
        OutboxMessage(
            message_id=f"m{place}", channel="email", recipient="team@example.org", body=b"x" * 4000,
            made_at=each.starts_at, next_at=each.starts_at, subject=each.summary, reason="new",
        )
        for place, each in enumerate(episodes)
    ]  # fmt: skip
    add_messages(connection, messages)
    connection.execute(sa.text("update outbox set state = 'sent', attempts = 1"))


def _alert(model: str, column: str, at: datetime, number: int) -> Alert:
    return Alert(
        fingerprint=f"{number:032x}", status=AlertStatus.RESOLVED, rule="drift", severity=Severity.WARNING,
        scope=Scope(model=model, version=VERSION), monitor="drift", metric="drift", column=column,
        summary=f"drift of {column} is 0.31 (healthy up to 0.1, 700 rows)", starts_at=at, updated_at=at,
        ends_at=at + HOUR,
    )  # fmt: skip


def _segments(
    database: Database, models: Sequence[tuple[str, Kind]], now: datetime, events: int
) -> list[tuple[EventId, InferenceEvent]]:
    """Store the events of the newest days, models by turns. Gives one of each thousand, with its id."""
    clock = [now]
    log = SegmentLog(database, clock=lambda: clock[0])
    kept: list[tuple[EventId, InferenceEvent]] = []
    began = now - timedelta(days=SEGMENT_DAYS)
    spacing = timedelta(days=SEGMENT_DAYS) / events
    made = [structs.replace(kind.event(place), model=name) for place in range(10) for name, kind in models]
    files = _files(made, began, spacing, events, kept)
    while deliveries := list(islice(files, AT_ONCE)):
        clock[0] = began + deliveries[-1].number * EVENTS_IN_SEGMENT * spacing
        log.store_many(deliveries)
    return kept


def _files(
    made: Sequence[InferenceEvent],
    began: datetime,
    spacing: timedelta,
    events: int,
    kept: list[tuple[EventId, InferenceEvent]],
) -> Iterator[Delivery]:
    """Journal files, as a gateway would have written them."""
    for number in range(1, events // EVENTS_IN_SEGMENT + 1):
        first = (number - 1) * EVENTS_IN_SEGMENT
        parts = [encode_tally(Tally(), began + first * spacing)]
        size = len(parts[0])
        for place in range(first, first + EVENTS_IN_SEGMENT):
            event = structs.replace(made[place % len(made)], at=began + place * spacing)
            if place == first + number % EVENTS_IN_SEGMENT:
                kept.append((EventId(producer=PRODUCER, segment=number, offset=size), event))
            parts.append(encode(event))
            size += len(parts[-1])
        yield Delivery(producer=PRODUCER, number=number, raw=b"".join(parts))


def _passed(connection: Connection, kinds: Sequence[Kind], events: int, now: datetime) -> None:
    """Every monitor has passed every segment; some events it could not digest."""
    monitors = sorted({each.monitor for kind in kinds for each in kind.counted()})
    segments = events // EVENTS_IN_SEGMENT
    for monitor in [*monitors, "labels"]:
        passed = {"monitor": monitor, "partition": 0, "seq": segments, "moved_at": now}
        connection.execute(sa.insert(cursor).values(**passed, counted=events, quarantined=0))
    told = {"answered": events, "journalled": events}
    connection.execute(sa.update(producer).values(**told, updated_at=now))
    set_aside = [
        Quarantined(
            event=EventId(producer=PRODUCER, segment=number, offset=0), monitor="drift", partition=0,
            error="ValueError: a number was expected", event_at=now, stored_at=now, model="model-00",
            version=VERSION,
        )
        for number in range(1, 501)
    ]  # fmt: skip
    add_quarantined(connection, set_aside)


def _labelled(
    connection: Connection, events: Sequence[tuple[EventId, InferenceEvent]], now: datetime
) -> None:
    """Of each thousand events one was chosen to be labelled, and most of those were."""
    samples, labels = [], []
    for place, (event_id, event) in enumerate(events):
        labelled_at = event.at + HOUR if place % 5 and event.at < now - 24 * HOUR else None
        chosen = Sample(
            event=event_id, row=0, model=event.model or "", version=VERSION, arm=event.arm, tenant=None,
            at=event.at, pi=0.001, certainty=0.8, labelled_at=labelled_at,
        )  # fmt: skip
        samples.append(chosen)
        if labelled_at is not None:
            said = Label(
                event=event_id, row=0, said="yes", labelled_at=labelled_at,
                place=replace(event_id, producer="l"), known_at=labelled_at,
            )  # fmt: skip
            labels.append(said)
    add_samples(connection, samples, stored_at=now)
    store_labels(connection, labels, stored_at=now)
    today = now.replace(hour=0)
    for model in sorted({event.model or "" for _, event in events}):
        for day in range(DAYS):
            at = today - timedelta(days=day)
            save_plan(connection, model=model, version=VERSION, day=at, body=_PLAN, made_at=at)
