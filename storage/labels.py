"""Labels that came, what is known of each row by them, and those that still wait for their event."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.records import EventId
from storage.settling import Label, LabelValue, Moment
from storage.tables import app_event, label, label_refused, label_waiting

_LONGEST_ID = 200
_CHUNK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLabel:
    """A label whose event is not known yet."""

    place: EventId
    tenant: str | None
    event: str  # an event id, or the app's own id
    row: int
    value: LabelValue | None  # None: takes back what was said before
    labelled_at: datetime
    everyone: bool = False  # its sender may label events of every key


def labels_of(connection: Connection, events: Collection[EventId]) -> dict[tuple[EventId, int], Label]:
    """What is known of rows of these events, by event and row; also of those whose label was taken back."""
    found: dict[tuple[EventId, int], Label] = {}
    for chunk in _chunks([str(event) for event in events]):
        for row in connection.execute(sa.select(label).where(label.c.event.in_(chunk))):
            each = _label(row)
            found[each.event, each.row] = each
    return found


def store_labels(connection: Connection, winners: Iterable[Label], *, stored_at: datetime) -> None:
    """Write what is known of rows, over what was known."""
    rows = [
        {
            "event": str(each.event),
            "row": each.row,
            "value": _VALUES.encode(each.said),
            "labelled_at": each.labelled_at,
            "place": str(each.place),
            "known_at": each.known_at,
            **_columns("disputed", each.disputed),
            **_columns("taken_back", each.taken_back),
            "stored_at": stored_at,
        }
        for each in sorted(winners, key=lambda each: (str(each.event), each.row))
    ]
    replaced = [column.name for column in label.c if not column.primary_key]
    dialects.upsert(connection, label, rows, key=("event", "row"), replaced=replaced)


def remember_app_ids(
    connection: Connection, ids: Iterable[tuple[str | None, str, EventId]], *, stored_at: datetime
) -> None:
    """Note (tenant, the app's own id, event). An id used before keeps leading to its first event."""
    rows = [
        {"tenant": tenant or "", "app_id": short_id(app_id), "event": str(event), "stored_at": stored_at}
        for tenant, app_id, event in sorted(ids, key=lambda each: (each[0] or "", each[1], each[2]))
    ]
    dialects.insert_new(connection, app_event, rows, key=("tenant", "app_id"))


def find_app_ids(
    connection: Connection, ids: Collection[tuple[str | None, str]]
) -> dict[tuple[str | None, str], EventId]:
    """The events behind (tenant, the app's own id), of those that are known."""
    by_short = {(tenant or "", short_id(app_id)): (tenant, app_id) for tenant, app_id in ids}
    found: dict[tuple[str | None, str], EventId] = {}
    for chunk in _chunks(sorted({app_id for _, app_id in by_short})):
        statement = sa.select(app_event.c.tenant, app_event.c.app_id, app_event.c.event)
        for tenant, app_id, event in connection.execute(statement.where(app_event.c.app_id.in_(chunk))):
            asked = by_short.get((tenant, app_id))
            if asked is not None:
                found[asked] = EventId.parse(event)
    return found


def add_waiting(
    connection: Connection, items: Sequence[WaitingLabel], *, stored_at: datetime, most: int
) -> int:
    """Let labels wait for their events, `most` in all. Returns how many found no place; those are counted."""
    held = waiting_count(connection)
    taken = items[: max(0, most - held)]
    rows = [
        {
            "place": str(item.place),
            "tenant": item.tenant or "",
            "event": short_id(item.event),
            "row": item.row,
            "value": _VALUES.encode(item.value),
            "labelled_at": item.labelled_at,
            "everyone": item.everyone,
            "stored_at": stored_at,
        }
        for item in taken
    ]
    dialects.insert_new(connection, label_waiting, rows, key=("place",))
    refused = len(items) - len(taken)
    if refused:
        refuse_labels(connection, "no_place_to_wait", refused)
    return refused


def waiting_for(connection: Connection, ids: Collection[str]) -> list[WaitingLabel]:
    """The labels that wait for events with these ids (event ids or the apps' own)."""
    found: list[WaitingLabel] = []
    for chunk in _chunks(sorted({short_id(each) for each in ids})):
        found += _waiting(connection, sa.select(label_waiting).where(label_waiting.c.event.in_(chunk)))
    return found


def waiting_since(connection: Connection, *, after: EventId | None, limit: int) -> list[WaitingLabel]:
    """All waiting labels, page by page in the order of their places, to try them again."""
    statement = sa.select(label_waiting).order_by(label_waiting.c.place).limit(limit)
    if after is not None:
        statement = statement.where(label_waiting.c.place > str(after))
    return _waiting(connection, statement)


def remove_waiting(connection: Connection, places: Collection[EventId]) -> int:
    """Labels that wait no more. Returns how many there were: 0 means that another worker was quicker."""
    removed = 0
    for chunk in _chunks(sorted(str(place) for place in places)):
        removed += connection.execute(
            sa.delete(label_waiting).where(label_waiting.c.place.in_(chunk))
        ).rowcount
    return removed


def waiting_count(connection: Connection) -> int:
    """How many labels wait."""
    return connection.scalar(sa.select(sa.func.count()).select_from(label_waiting)) or 0


def refuse_labels(connection: Connection, reason: str, n: int) -> None:
    """Count labels that were given up, by a short reason."""
    statement = dialects.insert(connection, label_refused).values(reason=reason, n=n)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["reason"], set_={"n": label_refused.c.n + statement.excluded.n}
        )
    )


def refused_labels(connection: Connection) -> dict[str, int]:
    """How many labels were given up, by reason."""
    return {row.reason: row.n for row in connection.execute(sa.select(label_refused))}


_VALUES = msgspec.msgpack.Encoder()
_VALUE = msgspec.msgpack.Decoder(str | int | float | bool | None)


def _value(packed: bytes) -> LabelValue | None:
    value: LabelValue | None = _VALUE.decode(packed)
    return value


def _label(row: sa.Row[tuple[object, ...]]) -> Label:
    return Label(
        event=EventId.parse(row.event),
        row=row.row,
        said=_value(row.value),
        labelled_at=row.labelled_at,
        place=EventId.parse(row.place),
        known_at=row.known_at,
        disputed=_moment(row.disputed_at, row.disputed_place),
        taken_back=_moment(row.taken_back_at, row.taken_back_place),
    )


def _moment(at: datetime | None, place: str | None) -> Moment | None:
    return None if at is None or place is None else (at, EventId.parse(place))


def _columns(name: str, moment: Moment | None) -> dict[str, datetime | str | None]:
    at, place = moment or (None, None)
    return {f"{name}_at": at, f"{name}_place": None if place is None else str(place)}


def _waiting(connection: Connection, statement: sa.Select[tuple[object, ...]]) -> list[WaitingLabel]:
    return [
        WaitingLabel(
            place=EventId.parse(row.place),
            tenant=row.tenant or None,
            event=row.event,
            row=row.row,
            value=_value(row.value),
            labelled_at=row.labelled_at,
            everyone=row.everyone,
        )
        for row in connection.execute(statement)
    ]


def short_id(text: str) -> str:
    """An id that fits into an index, whatever an app calls its requests."""
    if len(text) <= _LONGEST_ID and "\0" not in text:
        return text
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _chunks(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
