"""Read-only questions for the API and the dashboard; long answers come in pages."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.accounts import Accounting, accounting
from storage.alerts import alert_of
from storage.clock import from_microseconds, to_microseconds
from storage.errors import InvalidPageError
from storage.labels import find_app_ids, labels_of
from storage.measurements import judgement_of
from storage.models import ModelVersion, model_versions
from storage.quarantine import Quarantined, quarantined
from storage.records import Alert, EventId, InferenceEvent, InvalidEventIdError, Judgement, Scope
from storage.segments import find_event
from storage.settling import Label
from storage.tables import Instant, alert, measurement
from storage.windows import ModelClock, model_clocks

__all__ = [
    "Accounting",
    "AlertPage",
    "EventStory",
    "MeasurementFilter",
    "MeasurementPage",
    "ModelInfo",
    "accounting",
    "alerts",
    "event_story",
    "find_event_id",
    "measurements",
    "models",
]

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_MOST = 10_000
_LONGEST_WINDOW = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementFilter:
    """Which measurements; None: whatever it is."""

    model: str | None = None
    version: str | None = None
    monitor: str | None = None
    metric: str | None = None
    column: str | None = None
    slice: str | None = None
    start: datetime | None = None  # windows that begin at or after
    end: datetime | None = None  # windows that end at or before


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementPage:
    """Some measurements, oldest window first."""

    judgements: list[Judgement]
    next: str | None  # ask with it for the next page; None: this is the last


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPage:
    """Some alerts, newest first."""

    alerts: list[Alert]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStory:
    """One event in full, and all that became of it."""

    id: EventId
    event: InferenceEvent
    labels: list[Label]  # those that hold
    quarantined: list[Quarantined]
    judgements: list[Judgement]  # of the windows that it lies in


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model version, and how far its events have come."""

    version: ModelVersion
    clock: ModelClock | None  # None: no event of it was counted yet


def measurements(
    connection: Connection, asked: MeasurementFilter, *, limit: int = 1000, cursor: str | None = None
) -> MeasurementPage:
    """A page of measurements. Raises `InvalidPageError` for a cursor that is not one of ours."""
    statement = sa.select(measurement).order_by(measurement.c.start, measurement.c.id)
    for name in ("model", "version", "monitor", "metric", "column", "slice"):
        wanted = getattr(asked, name)
        if wanted is not None:
            statement = statement.where(measurement.c[name] == wanted)
    if asked.start is not None:
        statement = statement.where(measurement.c.start >= asked.start)
    if asked.end is not None:
        statement = statement.where(measurement.c.end <= asked.end)
    if cursor is not None:
        start_us, last_id = _numbers(cursor, 2)
        place = sa.tuple_(measurement.c.start, measurement.c.id)
        statement = statement.where(
            place > sa.tuple_(sa.literal(_instant(start_us), Instant), sa.literal(last_id, sa.BigInteger))
        )
    size = max(1, min(limit, _MOST))
    rows = connection.execute(statement.limit(size + 1)).all()
    kept = rows[:size]
    more = f"{to_microseconds(kept[-1].start)}.{kept[-1].id}" if len(rows) > size else None
    return MeasurementPage(judgements=[judgement_of(row) for row in kept], next=more)


def alerts(
    connection: Connection,
    *,
    model: str | None = None,
    statuses: Collection[str] = (),
    limit: int = 200,
    cursor: str | None = None,
) -> AlertPage:
    """A page of alerts, of a model and of some statuses where given."""
    statement = sa.select(alert).order_by(alert.c.id.desc())
    if model is not None:
        statement = statement.where(alert.c.model == model)
    if statuses:
        statement = statement.where(alert.c.status.in_(sorted(statuses)))
    if cursor is not None:
        statement = statement.where(alert.c.id < _numbers(cursor, 1)[0])
    size = max(1, min(limit, _MOST))
    rows = connection.execute(statement.limit(size + 1)).all()
    kept = rows[:size]
    return AlertPage(
        alerts=[alert_of(row) for row in kept], next=str(kept[-1].id) if len(rows) > size else None
    )


def models(connection: Connection) -> list[ModelInfo]:
    """All model versions that were registered."""
    clocks = {(clock.model, clock.version): clock for clock in model_clocks(connection)}
    return [
        ModelInfo(version=version, clock=clocks.get((version.model, version.version)))
        for version in model_versions(connection)
    ]


def find_event_id(connection: Connection, text: str, *, tenant: str | None) -> EventId | None:
    """The event that a text names: an event id, or the own id of an app of this tenant."""
    found = find_app_ids(connection, [(tenant, text)])
    if found:
        return found[tenant, text]
    try:
        return EventId.parse(text)
    except InvalidEventIdError:
        return None


def event_story(connection: Connection, event_id: EventId) -> EventStory | None:
    """One event and what is known of it; None where it is not stored (yet, or any more)."""
    event = find_event(connection, event_id)
    if event is None:
        return None
    found = labels_of(connection, [event_id])
    return EventStory(
        id=event_id,
        event=event,
        labels=[found[place] for place in sorted(found) if found[place].value is not None],
        quarantined=quarantined(connection, event=event_id),
        judgements=_judgements_around(connection, event),
    )


def _judgements_around(connection: Connection, event: InferenceEvent) -> list[Judgement]:
    if event.model is None or event.version is None:
        return []
    scope = Scope(model=event.model, version=event.version, arm=event.arm)
    statement = (
        sa.select(measurement)
        .where(
            measurement.c.model == scope.model,
            measurement.c.version == scope.version,
            measurement.c.arm == scope.arm.value,
            measurement.c.slice == scope.slice,
            measurement.c.start <= event.at,
            measurement.c.start > event.at - _LONGEST_WINDOW,
            measurement.c.end > event.at,
        )
        .order_by(measurement.c.start, measurement.c.id)
        .limit(_MOST)
    )
    return [judgement_of(row) for row in connection.execute(statement)]


def _numbers(cursor: str, count: int) -> list[int]:
    parts = cursor.split(".")
    if len(parts) != count or not all(_NUMBER.fullmatch(part) for part in parts):
        raise InvalidPageError(
            f"'{cursor[:80]}' is not a cursor; use the 'next' of the page before, unchanged"
        )
    return [int(part) for part in parts]


def _instant(at_us: int) -> datetime:
    try:
        return from_microseconds(at_us)
    except OverflowError as exc:
        raise InvalidPageError(
            "the cursor names no time; use the 'next' of the page before, unchanged"
        ) from exc
