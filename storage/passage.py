"""How far one event has come on the road: into the log, past each monitor, or aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.quarantine import quarantined
from storage.records import EventId
from storage.segments import find_segment
from storage.tables import cursor


class Step(StrEnum):
    """What a monitor did with an event."""

    COUNTED = "counted"
    WAITING = "waiting"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Where an event lies, and which monitors have passed it."""

    partition: int
    seq: int
    stored_at: datetime
    monitors: dict[str, Step]


def passage(connection: Connection, id: EventId) -> Passage | None:
    """How far it has come; None where its segment is not stored (yet, or any more)."""
    held = find_segment(connection, id.producer, id.segment)
    if held is None:
        return None
    places = sa.select(cursor.c.monitor, cursor.c.seq).where(cursor.c.partition == held.partition)
    monitors = {
        row.monitor: Step.COUNTED if row.seq >= held.seq else Step.WAITING
        for row in connection.execute(places.order_by(cursor.c.monitor))
    }
    aside = {each.monitor: Step.QUARANTINED for each in quarantined(connection, event=id)}
    return Passage(
        partition=held.partition, seq=held.seq, stored_at=held.stored_at, monitors={**monitors, **aside}
    )
