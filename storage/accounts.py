"""Where every event is: the check of design.md's promise, made in production and shown.

    answered = counted + quarantined + dropped + waiting

Each number on the right is read from where it is kept, none is what the others leave over, so the sum can
fail.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.quarantine import quarantined_events
from storage.tables import cursor, head, producer, segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Inference events by where they are, since the database was made."""

    answered: int  # requests that got an answer
    journalled: int  # written to a journal
    stored: int  # in the segment log, ever
    counted: int  # counted by every monitor
    quarantined: int  # set aside by a monitor
    dropped: int  # by policy, when a journal was full
    waiting: int  # in a journal, or stored and not yet passed by every monitor

    @property
    def accounted(self) -> int:
        """Events whose place is known. Equals `answered` when nothing is lost."""
        return self.counted + self.quarantined + self.dropped + self.waiting

    @property
    def accounted_share(self) -> float | None:
        """The same as a share; None before the first answer."""
        return self.accounted / self.answered if self.answered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far a monitor is behind in one partition."""

    monitor: str
    partition: int
    events: int  # stored and not yet passed
    since: datetime | None  # when the oldest of them was stored; None: it is behind by nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerAccount:
    """What one gateway's journal told, and what was wrong with its files."""

    producer: str
    answered: int
    journalled: int
    dropped: int
    labels: int
    damaged: int
    torn: int
    updated_at: datetime


def accounting(connection: Connection) -> Accounting:
    """Add it up. Made of a few rows a producer, monitor and partition, and the segments that wait."""
    totals = connection.execute(
        sa.select(
            *(
                sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)
                for column in (producer.c.answered, producer.c.journalled, producer.c.dropped)
            )
        )
    ).one()
    answered, journalled, dropped = (int(total) for total in totals)
    stored = passed = waiting = 0
    slowest = _slowest(connection)
    for partition, stored_here in connection.execute(sa.select(head.c.partition, head.c.stored)).all():
        seq, passed_here = slowest.get(partition, (0, 0))
        stored += stored_here
        passed += passed_here
        waiting += _events_after(connection, partition, seq)
    quarantined = min(quarantined_events(connection), passed)
    return Accounting(
        answered=answered,
        journalled=journalled,
        stored=stored,
        counted=passed - quarantined,
        quarantined=quarantined,
        dropped=dropped,
        waiting=journalled - stored + waiting,
    )


def lags(connection: Connection, monitor: str | None = None) -> list[Lag]:
    """How far each monitor is behind, or one of them, by partition."""
    found = []
    cursors = sa.select(cursor.c.monitor, cursor.c.partition, cursor.c.seq)
    if monitor is not None:
        cursors = cursors.where(cursor.c.monitor == monitor)
    for name, partition, seq in connection.execute(
        cursors.order_by(cursor.c.monitor, cursor.c.partition)
    ).all():
        oldest = (
            sa.select(segment.c.stored_at)
            .where(segment.c.partition == partition, segment.c.seq > seq)
            .order_by(segment.c.seq)
            .limit(1)
        )
        events = _events_after(connection, partition, seq)
        found.append(
            Lag(
                monitor=name,
                partition=partition,
                events=events,
                since=connection.scalar(oldest) if events else None,
            )
        )
    return found


def counted_up_to(connection: Connection, monitors: Collection[str]) -> dict[str, datetime]:
    """The time of the oldest record that waits for a monitor. One for which nothing waits is missing.

    Partition by partition, so that of a long log only what waits is read.
    """
    partitions = connection.scalars(sa.select(head.c.partition)).all()
    found: dict[str, datetime] = {}
    for monitor in monitors:
        places = sa.select(cursor.c.partition, cursor.c.seq).where(cursor.c.monitor == monitor)
        passed = {row.partition: row.seq for row in connection.execute(places)}
        oldest = [_oldest_after(connection, partition, passed.get(partition, 0)) for partition in partitions]
        waiting = [at for at in oldest if at is not None]
        if waiting:
            found[monitor] = min(waiting)
    return found


def producer_accounts(connection: Connection) -> list[ProducerAccount]:
    """Each producer apart; those of derived records, which answer nothing, are left out."""
    rows = connection.execute(
        sa.select(producer).where(producer.c.answered > 0).order_by(producer.c.producer)
    )
    return [
        ProducerAccount(
            producer=row.producer,
            answered=row.answered,
            journalled=row.journalled,
            dropped=row.dropped,
            labels=row.labels,
            damaged=row.damaged,
            torn=row.torn,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def passed_by_all(connection: Connection) -> dict[int, int]:
    """Up to which segment every monitor has come, by partition. One that some has not begun is missing."""
    return {partition: seq for partition, (seq, _) in _slowest(connection).items()}


def _slowest(connection: Connection) -> dict[int, tuple[int, int]]:
    """By partition: how far the slowest monitor has come, and how many events it has passed."""
    rows = connection.execute(
        sa.select(cursor.c.monitor, cursor.c.partition, cursor.c.seq, cursor.c.counted, cursor.c.quarantined)
    ).all()
    monitors = {row.monitor for row in rows}
    places: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        places.setdefault(row.partition, []).append((row.seq, row.counted + row.quarantined))
    slowest = {}
    for partition, reached in places.items():
        if len(reached) < len(monitors):
            continue  # one has not begun here
        seq = min(seq for seq, _ in reached)
        slowest[partition] = (seq, max(passed for at, passed in reached if at == seq))
    return slowest


def _events_after(connection: Connection, partition: int, seq: int) -> int:
    total = sa.func.coalesce(sa.func.sum(segment.c.n), 0)
    return int(
        connection.scalar(sa.select(total).where(segment.c.partition == partition, segment.c.seq > seq)) or 0
    )


def _oldest_after(connection: Connection, partition: int, seq: int) -> datetime | None:
    oldest = sa.select(sa.func.min(segment.c.first_at)).where(
        segment.c.partition == partition, segment.c.seq > seq
    )
    at: datetime | None = connection.scalar(oldest)
    return at
