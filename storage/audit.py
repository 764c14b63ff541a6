"""The trail of what people did: rows are only added, and each holds the hash of all before it.

Whoever changes a row, or takes one out, breaks the chain from there on, and `broken_at` finds it; that the
newest rows are gone can be seen by comparing with a hash that was noted elsewhere. Rows lie in the order in
which they were heard; the time of the deed stands in each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage import dialects
from storage.records import ActionEvent, EventId
from storage.tables import audit

_CHUNK = 500
_FIRST = ""
"""In place of the hash before the first row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One deed."""

    number: int  # from 1, without gaps
    place: str  # event id of the action: it is here once, however often it is heard
    action: ActionEvent
    hash: str  # of the hash before, the place and the action


def add_actions(connection: Connection, actions: Sequence[tuple[EventId, ActionEvent]]) -> int:
    """Add those that are not there yet. Returns how many."""
    if not actions:
        return 0
    dialects.lock_for_actions(connection)
    known = _known(connection, [str(place) for place, _ in actions])
    last = connection.execute(
        sa.select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)
    ).one_or_none()
    number, before = (0, _FIRST) if last is None else (last.number, last.hash)
    rows: list[dict[str, object]] = []
    for place, action in actions:
        if str(place) in known:
            continue
        known.add(str(place))
        number += 1
        body = msgspec.json.encode(action).decode()
        before = _hash(before, str(place), body)
        rows.append({"number": number, "place": str(place), "body": body, "hash": before})
    if rows:
        connection.execute(sa.insert(audit), rows)
    return len(rows)


def entries(connection: Connection, *, limit: int) -> list[AuditEntry]:
    """The newest, oldest of them first."""
    rows = connection.execute(sa.select(audit).order_by(audit.c.number.desc()).limit(limit)).all()
    return [_entry(row) for row in reversed(rows)]


def broken_at(connection: Connection) -> int | None:
    """The number of the first row that is not as it was written, or is missing; None where all is well."""
    expected, before = 1, _FIRST
    while True:
        rows = connection.execute(
            sa.select(audit).where(audit.c.number >= expected).order_by(audit.c.number).limit(_CHUNK)
        ).all()
        for row in rows:
            if row.number != expected or row.hash != _hash(before, row.place, row.body):
                return expected
            expected, before = expected + 1, row.hash
        if len(rows) < _CHUNK:
            return None


_ACTION = msgspec.json.Decoder(ActionEvent)


def _known(connection: Connection, places: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(places), _CHUNK):
        chunk = places[start : start + _CHUNK]
        found |= set(connection.scalars(sa.select(audit.c.place).where(audit.c.place.in_(chunk))))
    return found


def _hash(before: str, place: str, body: str) -> str:
    return hashlib.sha256(msgspec.json.encode((before, place, body))).hexdigest()


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(number=row.number, place=row.place, action=_ACTION.decode(row.body), hash=row.hash)
