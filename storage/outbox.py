"""The outbox: rendered messages on their way to one recipient each, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage import dialects
from storage.tables import outbox

_LONGEST_ERROR = 500


class Delivery(StrEnum):
    """What became of a message."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"  # refused for good, or tried for too long: a person has to look


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """A rendered message to one recipient of one channel. Its id stays the same at every attempt."""

    message_id: str
    channel: str
    recipient: str
    body: bytes
    made_at: datetime
    next_at: datetime  # when it is to be tried
    state: Delivery = Delivery.WAITING
    attempts: int = 0
    last_error: str | None = None
    reason: str = ""  # why it goes out, by name
    subject: str = ""  # for people who look for it
    group: str = ""  # name of the alert group that it speaks of; "": of none


def add_messages(connection: Connection, messages: Sequence[OutboxMessage]) -> None:
    """Put messages into the outbox; one that is there stays as it is, so nothing is told twice."""
    rows = [
        {
            "message_id": message.message_id,
            "channel": message.channel,
            "recipient": message.recipient,
            "state": message.state.value,
            "body": message.body,
            "attempts": message.attempts,
            "made_at": message.made_at,
            "next_at": message.next_at,
            "last_error": message.last_error or "",
            "reason": message.reason,
            "subject": message.subject,
            "group": message.group,
        }
        for message in messages
    ]
    dialects.insert_new(connection, outbox, rows, key=("message_id", "channel", "recipient"))


def due_messages(connection: Connection, now: datetime, *, limit: int) -> list[OutboxMessage]:
    """Of every recipient the message to send next, if it is due; those tried least come first.

    So one that is away for long holds up nobody else.
    """
    key = (outbox.c.message_id, outbox.c.channel, outbox.c.recipient)
    line = sa.over(
        sa.func.row_number(),
        partition_by=(outbox.c.channel, outbox.c.recipient),
        order_by=(outbox.c.next_at, outbox.c.made_at, outbox.c.message_id),
    )
    untried = sa.and_(outbox.c.attempts == 0, outbox.c.made_at > now)  # the clock went back since it was made
    waiting = sa.and_(outbox.c.state == Delivery.WAITING.value, sa.or_(outbox.c.next_at <= now, untried))
    due = sa.select(*key, line.label("place")).where(waiting).subquery()
    statement = (
        sa.select(outbox)
        .join(due, sa.and_(*(column == due.c[column.name] for column in key)))
        .where(due.c.place == 1)
        .order_by(outbox.c.attempts, outbox.c.next_at, outbox.c.channel, outbox.c.recipient)
        .limit(limit)
    )
    return [message_of(row) for row in connection.execute(statement)]


def message_before(connection: Connection, message: OutboxMessage) -> OutboxMessage | None:
    """The oldest message about the same group that waits for the same recipient and was made before."""
    statement = (
        sa.select(outbox)
        .where(
            outbox.c.state == Delivery.WAITING.value,
            outbox.c.channel == message.channel,
            outbox.c.recipient == message.recipient,
            outbox.c.group == message.group,
            outbox.c.made_at < message.made_at,
        )
        .order_by(outbox.c.made_at, outbox.c.message_id)
        .limit(1)
    )
    row = connection.execute(statement).first() if message.group else None
    return None if row is None else message_of(row)


def next_message_at(connection: Connection) -> datetime | None:
    """When the next waiting message is due; None where none waits."""
    at: datetime | None = connection.scalar(
        sa.select(sa.func.min(outbox.c.next_at)).where(outbox.c.state == Delivery.WAITING.value)
    )
    return at


def mark_sent(connection: Connection, message: OutboxMessage) -> None:
    """The receiving server took it, with its final answer."""
    _mark(
        connection,
        message,
        {"state": Delivery.SENT.value, "attempts": message.attempts + 1, "last_error": ""},
    )


def mark_failed(connection: Connection, message: OutboxMessage, *, error: str, next_at: datetime) -> None:
    """It did not go out; try it again at `next_at`."""
    _mark(
        connection,
        message,
        {"attempts": message.attempts + 1, "last_error": error[:_LONGEST_ERROR], "next_at": next_at},
    )


def mark_dead(connection: Connection, message: OutboxMessage, *, error: str) -> None:
    """It will never go out: the recipient was refused for good, or the time for it is over."""
    _mark(
        connection,
        message,
        {
            "state": Delivery.DEAD.value,
            "attempts": message.attempts + 1,
            "last_error": error[:_LONGEST_ERROR],
        },
    )


def message_counts(connection: Connection) -> dict[Delivery, int]:
    """How many messages stand where."""
    statement = sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state)
    return {Delivery(state): n for state, n in connection.execute(statement)}


def late_messages(connection: Connection, *, tries: int, limit: int = 20) -> list[OutboxMessage]:
    """Messages that still wait after so many tries, oldest first."""
    statement = (
        sa.select(outbox)
        .where(outbox.c.state == Delivery.WAITING.value, outbox.c.attempts >= tries)
        .order_by(outbox.c.made_at)
        .limit(limit)
    )
    return [message_of(row) for row in connection.execute(statement)]


def dead_messages(
    connection: Connection, *, since: datetime | None = None, limit: int = 20
) -> list[OutboxMessage]:
    """Messages that nobody got, newest first: the dashboard shows them in a banner."""
    statement = (
        sa.select(outbox)
        .where(outbox.c.state == Delivery.DEAD.value)
        .order_by(outbox.c.made_at.desc())
        .limit(limit)
    )
    if since is not None:
        statement = statement.where(outbox.c.made_at >= since)
    return [message_of(row) for row in connection.execute(statement)]


def newest_messages(connection: Connection, *, limit: int) -> list[OutboxMessage]:
    """What was told last and what is being told, newest first, whatever became of it."""
    statement = sa.select(outbox).order_by(outbox.c.made_at.desc(), outbox.c.message_id).limit(limit)
    return [message_of(row) for row in connection.execute(statement)]


def message_of(row: Row[Any]) -> OutboxMessage:
    """A message from its row."""
    return OutboxMessage(
        message_id=row.message_id,
        channel=row.channel,
        recipient=row.recipient,
        body=bytes(row.body),
        made_at=row.made_at,
        next_at=row.next_at,
        state=Delivery(row.state),
        attempts=row.attempts,
        last_error=row.last_error or None,
        reason=row.reason,
        subject=row.subject,
        group=row.group,
    )


def _mark(connection: Connection, message: OutboxMessage, changes: Mapping[str, object]) -> None:
    """Note what became of a try, unless another worker has said the last word on the message."""
    connection.execute(
        sa.update(outbox)
        .where(
            outbox.c.message_id == message.message_id,
            outbox.c.channel == message.channel,
            outbox.c.recipient == message.recipient,
            outbox.c.state == Delivery.WAITING.value,
        )
        .values(**changes)
    )
