"""What people did about alerts: silences, and acknowledgements of alerts that are open.

Actions come from several partitions in any order, some twice: every order ends the same. That a silence was
ended may be heard before that it was made; its row then waits, without matchers, and nobody sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage import dialects
from storage.alerts import alert_of
from storage.records import Alert, AlertStatus, Matcher
from storage.tables import acknowledgement, alert, silence

_NOT_MADE = ""
"""In place of the matchers: the silence was ended, and how it was made is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Alerts that nobody is to be told of for a while."""

    id: str  # the event id of the action that made it
    matchers: tuple[Matcher, ...]
    author: str
    comment: str
    starts_at: datetime
    ends_at: datetime  # if it was ended before its time: when that was
    made_at: datetime
    ended_by: str | None = None  # who ended it before its time

    def active(self, now: datetime) -> bool:
        """Whether it holds now; its end lies outside."""
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Somebody has seen an alert and looks after it."""

    fingerprint: str
    starts_at: datetime  # of the alert's episode
    author: str
    comment: str
    made_at: datetime


def add_silence(connection: Connection, made: Silence) -> None:
    """Write a silence. The same id a second time changes nothing."""
    statement = dialects.insert(connection, silence).values(
        id=made.id,
        matchers=_MATCHERS.encode(made.matchers).decode(),
        author=made.author,
        comment=made.comment,
        starts_at=made.starts_at,
        ends_at=made.ends_at,
        made_at=made.made_at,
        ended_by=made.ended_by or "",
    )
    new = statement.excluded
    ended = silence.c.ends_at < new.ends_at
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={
                **{name: new[name] for name in ("matchers", "author", "comment", "starts_at", "made_at")},
                "ends_at": sa.case((ended, silence.c.ends_at), else_=new.ends_at),
                "ended_by": sa.case((ended, silence.c.ended_by), else_=new.ended_by),
            },
            where=silence.c.matchers == _NOT_MADE,
        )
    )


def end_silence(connection: Connection, id: str, *, ends_at: datetime, ended_by: str) -> bool:
    """End a silence before its time; the earliest end wins. Returns whether it is known that it was made."""
    statement = dialects.insert(connection, silence).values(
        id=id,
        matchers=_NOT_MADE,
        author="",
        comment="",
        starts_at=ends_at,
        ends_at=ends_at,
        made_at=ends_at,
        ended_by=ended_by,
    )
    new = statement.excluded
    same_time = sa.and_(silence.c.ends_at == new.ends_at, silence.c.ended_by > new.ended_by)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={"ends_at": new.ends_at, "ended_by": new.ended_by},
            where=sa.or_(silence.c.ends_at > new.ends_at, same_time),
        )
    )
    return find_silence(connection, id) is not None


def find_silence(connection: Connection, id: str) -> Silence | None:
    """One silence, over or not."""
    row = connection.execute(
        sa.select(silence).where(silence.c.id == id, silence.c.matchers != _NOT_MADE)
    ).one_or_none()
    return None if row is None else _silence_of(row)


def silences(connection: Connection, *, since: datetime) -> list[Silence]:
    """Those that end after a time, in the order in which they start."""
    statement = (
        sa.select(silence)
        .where(silence.c.ends_at > since, silence.c.matchers != _NOT_MADE)
        .order_by(silence.c.starts_at, silence.c.id)
    )
    return [_silence_of(row) for row in connection.execute(statement)]


def unknown_silences(connection: Connection) -> int:
    """How many were ended of which it is not known that they were made."""
    statement = sa.select(sa.func.count()).select_from(silence).where(silence.c.matchers == _NOT_MADE)
    return connection.scalar(statement) or 0


def acknowledge(  # noqa: PLR0913  # each is a fact of the action
    connection: Connection,
    fingerprint: str,
    *,
    author: str,
    comment: str,
    made_at: datetime,
    starts_at: datetime | None = None,
) -> bool:
    """Acknowledge an episode of an alert: the one that started then, or else the one that is open.

    The latest word on an episode wins. Returns whether there is such an episode.
    """
    episode = _episode(connection, fingerprint, starts_at)
    if episode is None:
        return False
    statement = dialects.insert(connection, acknowledgement).values(
        fingerprint=fingerprint, starts_at=episode, author=author, comment=comment, made_at=made_at
    )
    new, old = statement.excluded, acknowledgement.c
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["fingerprint", "starts_at"],
            set_={"author": new.author, "comment": new.comment, "made_at": new.made_at},
            where=sa.or_(
                old.made_at < new.made_at,
                sa.and_(
                    old.made_at == new.made_at,
                    sa.or_(
                        old.author < new.author,
                        sa.and_(old.author == new.author, old.comment < new.comment),
                    ),
                ),
            ),
        )
    )
    return True


def acknowledgements(connection: Connection) -> dict[tuple[str, datetime], Acknowledgement]:
    """Of the alerts that are open, by fingerprint and start of the episode."""
    of_episode = sa.and_(
        alert.c.fingerprint == acknowledgement.c.fingerprint, alert.c.starts_at == acknowledgement.c.starts_at
    )
    statement = (
        sa.select(acknowledgement).join(alert, of_episode).where(alert.c.status != AlertStatus.RESOLVED.value)
    )
    return {
        (row.fingerprint, row.starts_at): Acknowledgement(
            fingerprint=row.fingerprint,
            starts_at=row.starts_at,
            author=row.author,
            comment=row.comment,
            made_at=row.made_at,
        )
        for row in connection.execute(statement)
    }


def open_alert(connection: Connection, fingerprint: str) -> Alert | None:
    """The open episode of an alert: what can be acknowledged."""
    row = connection.execute(
        sa.select(alert)
        .where(alert.c.fingerprint == fingerprint, alert.c.status != AlertStatus.RESOLVED.value)
        .order_by(alert.c.starts_at.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else alert_of(row)


_MATCHERS = msgspec.json.Encoder()
_READ_MATCHERS = msgspec.json.Decoder(tuple[Matcher, ...])


def _silence_of(row: Row[Any]) -> Silence:
    return Silence(
        id=row.id,
        matchers=_READ_MATCHERS.decode(row.matchers),
        author=row.author,
        comment=row.comment,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        made_at=row.made_at,
        ended_by=row.ended_by or None,
    )


def _episode(connection: Connection, fingerprint: str, starts_at: datetime | None) -> datetime | None:
    """The start of the episode that is meant. While an alert is pending, its start may move back."""
    of_alert = sa.select(alert.c.starts_at).where(alert.c.fingerprint == fingerprint)
    newest_open = (
        of_alert.where(alert.c.status != AlertStatus.RESOLVED.value)
        .order_by(alert.c.starts_at.desc())
        .limit(1)
    )
    found: datetime | None = None
    if starts_at is not None:
        found = connection.scalar(of_alert.where(alert.c.starts_at == starts_at))
        newest_open = newest_open.where(alert.c.starts_at < starts_at)
    return found or connection.scalar(newest_open)
