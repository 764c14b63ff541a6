"""Summaries by monitor, scope and pane: written by adding, read by summing.

Each partition has rows of its own, so workers never wait for each other; a window is the sum over panes and
partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.clock import to_microseconds
from storage.records import Arm, Scope, Window
from storage.summary import Summary
from storage.tables import summary as table

_CHUNK = 50
"""Rows asked for at once: seven bound values each, well below what SQLite takes."""

_LONGEST_PANE = timedelta(days=1)

_KEY = (
    table.c.monitor,
    table.c.model,
    table.c.version,
    table.c.arm,
    table.c.slice,
    table.c.reference,
    table.c.start,
    table.c.length_s,
    table.c.partition,
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SummaryKey:
    """What a summary row is of."""

    monitor: str
    scope: Scope
    reference: str | None  # hash of the reference whose bins were used
    start: datetime  # of the pane
    length_s: int  # of the pane; 3600 and 86400 after roll-up
    partition: int


def add_summaries(connection: Connection, summaries: Mapping[SummaryKey, Summary]) -> None:
    """Add to the rows that there are, and make those that there are not. Raises `revision` of each by one."""
    for chunk in _chunks(sorted(summaries), _CHUNK):
        held = _held(connection, chunk)
        rows = [
            {
                **_row(key),
                "revision": 1,
                "body": (held[key] + summaries[key] if key in held else summaries[key]).to_bytes(),
            }
            for key in chunk
        ]
        statement = dialects.insert(connection, table)
        statement = statement.on_conflict_do_update(
            index_elements=[column.name for column in _KEY],
            set_={"body": statement.excluded.body, "revision": table.c.revision + 1},
        )
        connection.execute(statement, rows)


def between(
    connection: Connection, monitor: str, scope: Scope, reference: str | None, window: Window
) -> list[tuple[datetime, Summary]]:
    """The summaries whose panes begin in the window, partitions summed, oldest first."""
    statement = (
        sa.select(table.c.start, table.c.body)
        .where(
            *_of(monitor, scope),
            table.c.reference == (reference or ""),
            table.c.start >= window.start,
            table.c.start < window.end,
        )
        .order_by(table.c.start)
    )
    panes: dict[datetime, Summary] = {}
    for at, body in connection.execute(statement):
        panes[at] = panes.get(at, Summary()) + Summary.from_bytes(bytes(body))
    return list(panes.items())


def sum_between(
    connection: Connection, monitor: str, scope: Scope, reference: str | None, window: Window
) -> Summary:
    """One summary of all panes that begin in the window; empty where nothing was counted."""
    total = Summary()
    for _, pane in between(connection, monitor, scope, reference, window):
        total = total + pane
    return total


def are_rolled_up(
    connection: Connection, monitor: str, scope: Scope, reference: str | None, window: Window
) -> bool:
    """Whether panes of the window went into longer ones, which hold other traffic too."""
    start = sa.type_coerce(table.c.start, sa.BigInteger)
    end = start + sa.cast(table.c.length_s, sa.BigInteger) * 1_000_000
    first, last = to_microseconds(window.start), to_microseconds(window.end)
    sticks_out = sa.or_(sa.and_(start < first, end > first), end > last)
    statement = (
        sa.select(sa.literal(1))
        .where(
            *_of(monitor, scope),
            table.c.reference == (reference or ""),
            table.c.start > window.start - _LONGEST_PANE,
            table.c.start < window.end,
            sticks_out,
        )
        .limit(1)
    )
    return connection.scalar(statement) is not None


def scopes_between(connection: Connection, monitor: str, window: Window) -> list[Scope]:
    """Whose traffic one monitor counted in the window."""
    statement = (
        sa.select(table.c.model, table.c.version, table.c.arm, table.c.slice)
        .where(table.c.monitor == monitor, table.c.start >= window.start, table.c.start < window.end)
        .distinct()
    )
    return sorted(
        Scope(model=model, version=version, arm=Arm(arm), slice=slice_)
        for model, version, arm, slice_ in connection.execute(statement)
    )


def delete_reference(connection: Connection, monitor: str, scope: Scope, reference: str | None) -> int:
    """Delete what was counted against a reference that is out of force. Returns the number of rows."""
    statement = sa.delete(table).where(*_of(monitor, scope), table.c.reference == (reference or ""))
    return connection.execute(statement).rowcount


def _held(connection: Connection, keys: Sequence[SummaryKey]) -> dict[SummaryKey, Summary]:
    wanted = sa.tuple_(*_KEY).in_([tuple(_row(key).values()) for key in keys])
    held = {}
    held_rows = sa.select(*_KEY, table.c.body).where(wanted).order_by(*_KEY).with_for_update()
    for row in connection.execute(held_rows).all():
        scope = Scope(model=row.model, version=row.version, arm=Arm(row.arm), slice=row.slice)
        key = SummaryKey(
            monitor=row.monitor,
            scope=scope,
            reference=row.reference or None,
            start=row.start,
            length_s=row.length_s,
            partition=row.partition,
        )
        held[key] = Summary.from_bytes(bytes(row.body))
    return held


def _row(key: SummaryKey) -> dict[str, object]:
    """The key's columns, in the order of `_KEY`."""
    return {
        "monitor": key.monitor,
        "model": key.scope.model,
        "version": key.scope.version,
        "arm": key.scope.arm.value,
        "slice": key.scope.slice,
        "reference": key.reference or "",
        "start": key.start,
        "length_s": key.length_s,
        "partition": key.partition,
    }


def _of(monitor: str, scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        table.c.monitor == monitor,
        table.c.model == scope.model,
        table.c.version == scope.version,
        table.c.arm == scope.arm.value,
        table.c.slice == scope.slice,
    )


def _chunks(items: Iterable[SummaryKey], size: int) -> Iterator[list[SummaryKey]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
