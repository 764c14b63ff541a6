"""Events that a monitor could not digest: set aside with the reason, so that their neighbours are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.records import EventId
from storage.tables import quarantine as table

_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One event that one monitor failed on."""

    event: EventId
    monitor: str
    partition: int
    error: str  # kind of error and its message, for the operator
    event_at: datetime
    stored_at: datetime
    model: str | None = None
    version: str | None = None


def add_quarantined(connection: Connection, items: Sequence[Quarantined]) -> None:
    """Set events aside; one that is there for this monitor stays as it is."""
    rows = [
        {
            "event": str(item.event),
            "monitor": item.monitor,
            "partition": item.partition,
            "model": item.model,
            "version": item.version,
            "error": item.error[:_LONGEST_ERROR],
            "event_at": item.event_at,
            "stored_at": item.stored_at,
        }
        for item in items
    ]
    dialects.insert_new(connection, table, rows, key=("event", "monitor"))


def quarantined(
    connection: Connection, *, event: EventId | None = None, limit: int = 100
) -> list[Quarantined]:
    """What was set aside, newest first; of one event where it is given."""
    statement = sa.select(table).order_by(table.c.stored_at.desc(), table.c.event).limit(limit)
    if event is not None:
        statement = statement.where(table.c.event == str(event))
    return [
        Quarantined(
            event=EventId.parse(row.event),
            monitor=row.monitor,
            partition=row.partition,
            error=row.error,
            event_at=row.event_at,
            stored_at=row.stored_at,
            model=row.model,
            version=row.version,
        )
        for row in connection.execute(statement)
    ]


def quarantined_by_monitor(connection: Connection) -> dict[str, int]:
    """How many events each monitor set aside."""
    statement = sa.select(table.c.monitor, sa.func.count().label("n")).group_by(table.c.monitor)
    return {row.monitor: row.n for row in connection.execute(statement)}


def quarantined_events(connection: Connection) -> int:
    """How many distinct events are in quarantine, for whichever monitor."""
    return connection.scalar(sa.select(sa.func.count(sa.distinct(table.c.event)))) or 0
