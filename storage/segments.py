"""The segment log: one row a shipped journal file, numbered in each partition in the order of commits.

The body is the file as it was, compressed: offsets and CRCs stay true, and an event id goes on naming its
place.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import zstandard
from sqlalchemy.engine import Connection, Row

from storage import dialects
from storage.clock import Clock, from_microseconds, utc_now
from storage.database import Database
from storage.framing import Kind, Scan, frame_at, scan
from storage.records import EventId, InferenceEvent, Record
from storage.tables import head, producer, segment

_CODEC = "zstd"
_LARGEST_BODY = 1 << 31
_LARGEST_NUMBER = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One journal file on its way into the log."""

    producer: str
    number: int
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One row of the log."""

    partition: int
    seq: int
    producer: str
    number: int
    n: int  # inference events
    others: int  # labels, label changes and actions
    first_at: datetime
    last_at: datetime
    stored_at: datetime
    codec: str
    body: bytes

    def raw(self) -> bytes:
        """The journal file as it was written."""
        return zstandard.ZstdDecompressor().decompress(self.body, max_output_size=_LARGEST_BODY)

    def scan(self) -> Scan:
        """Its good frames, not decoded, and what was damaged."""
        return scan(self.raw())

    def records(self) -> list[tuple[EventId, Record]]:
        """All its records with their ids."""
        return [
            (EventId(producer=self.producer, segment=self.number, offset=frame.offset), frame.record())
            for frame in self.scan().frames
            if frame.kind is not Kind.TALLY
        ]


class SegmentLog:
    """Stores segments, each once, and gives them out in order. Safe to share between threads."""

    def __init__(self, database: Database, *, clock: Clock = utc_now, retain_days: float = 30) -> None:
        self._database = database
        self._clock = clock
        self._retain = timedelta(days=retain_days)
        self._partitions: tuple[int, ...] = ()

    @property
    def partitions(self) -> tuple[int, ...]:
        """The numbers of all partitions. Fixed for the life of the database."""
        if not self._partitions:
            with self._database.read() as connection:
                self._partitions = _partitions(connection)
        return self._partitions

    def store(self, producer: str, number: int, raw: bytes) -> bool:
        """Store one journal file. False: it was stored before, and nothing changes."""
        with self._database.write() as connection:
            return self.store_in(connection, Delivery(producer=producer, number=number, raw=raw))

    def store_many(self, deliveries: Sequence[Delivery]) -> int:
        """Store several in one transaction; returns how many were new."""
        with self._database.write() as connection:
            return self.store_many_in(connection, deliveries)

    def store_many_in(self, connection: Connection, deliveries: Sequence[Delivery]) -> int:
        """The same in the caller's transaction. Heads are locked in rising order, so none waits in a ring."""
        count = len(_partitions(connection))
        ordered = sorted(deliveries, key=lambda each: partition_of(each.producer, each.number, count))
        return sum(self.store_in(connection, delivery) for delivery in ordered)

    def store_in(self, connection: Connection, delivery: Delivery) -> bool:
        """Store one in the caller's transaction. Locks its partition's head: take them in rising order."""
        found = scan(delivery.raw)
        kept = [frame for frame in found.frames if frame.kind is not Kind.TALLY]
        if not kept and not found.damage.damaged and not found.damage.torn_bytes:
            return False  # a file in which nothing was written
        partition = partition_of(delivery.producer, delivery.number, len(_partitions(connection)))
        if _exists(connection, partition, delivery):
            return False
        n = sum(frame.kind is Kind.EVENT for frame in kept)
        seq = connection.execute(
            sa.update(head)
            .where(head.c.partition == partition)
            .values(seq=head.c.seq + 1, stored=head.c.stored + n)
            .returning(head.c.seq)
        ).scalar_one()
        if _exists(
            connection, partition, delivery
        ):  # another shipper was quicker; now the head's lock decides
            connection.execute(
                sa.update(head)
                .where(head.c.partition == partition)
                .values(seq=head.c.seq - 1, stored=head.c.stored - n)
            )
            return False
        now = self._clock()
        times = [frame.at_us for frame in kept]
        connection.execute(
            sa.insert(segment).values(
                partition=partition,
                seq=seq,
                producer=delivery.producer,
                number=delivery.number,
                n=n,
                others=len(kept) - n,
                first_at=from_microseconds(min(times)) if times else now,
                last_at=from_microseconds(max(times)) if times else now,
                stored_at=now,
                retain_until=now + self._retain,
                codec=_CODEC,
                body=zstandard.ZstdCompressor().compress(delivery.raw),
            )
        )
        _note_producer(connection, delivery, found, now)
        return True

    def heads(self) -> dict[int, int]:
        """The newest number of every partition: one question that tells whether there is anything to do."""
        with self._database.read() as connection:
            return {
                row.partition: row.seq for row in connection.execute(sa.select(head.c.partition, head.c.seq))
            }

    def after(self, partition: int, seq: int, limit: int) -> list[Segment]:
        """The segments that follow a read position, oldest first."""
        statement = SEGMENTS.where(segment.c.partition == partition, segment.c.seq > seq).order_by(
            segment.c.seq
        )
        with self._database.read() as connection:
            return [segment_of(row) for row in connection.execute(statement.limit(limit)).all()]

    def find(self, producer: str, number: int) -> Segment | None:
        """The segment of a producer with this number; None where it is not stored (yet, or any more)."""
        with self._database.read() as connection:
            return find_segment(connection, producer, number)

    def event(self, event_id: EventId) -> InferenceEvent | None:
        """The event at a place; None where no inference event is stored there."""
        with self._database.read() as connection:
            return find_event(connection, event_id)


def partition_of(producer: str, number: int, partitions: int) -> int:
    """Where a segment lies. One rule for ever: a repeated segment has to land where it was."""
    return (zlib.crc32(producer.encode()) + number) % partitions


def find_segment(connection: Connection, producer: str, number: int) -> Segment | None:
    """The same as `SegmentLog.find`, on a connection."""
    if not 0 <= number <= _LARGEST_NUMBER:
        return None
    partition = partition_of(producer, number, len(_partitions(connection)))
    row = connection.execute(
        SEGMENTS.where(
            segment.c.partition == partition, segment.c.producer == producer, segment.c.number == number
        )
    ).one_or_none()
    return None if row is None else segment_of(row)


def find_event(connection: Connection, event_id: EventId) -> InferenceEvent | None:
    """The same as `SegmentLog.event`, on a connection."""
    held = find_segment(connection, event_id.producer, event_id.segment)
    frame = None if held is None else frame_at(held.raw(), event_id.offset)
    return None if frame is None else frame.event()


SEGMENTS: sa.Select[Any] = sa.select(
    segment.c.partition,
    segment.c.seq,
    segment.c.producer,
    segment.c.number,
    segment.c.n,
    segment.c.others,
    segment.c.first_at,
    segment.c.last_at,
    segment.c.stored_at,
    segment.c.codec,
    segment.c.body,
)
"""The question whose rows `segment_of` reads."""


def segment_of(row: Row[Any]) -> Segment:
    """A segment from its row."""
    return Segment(
        partition=row.partition,
        seq=row.seq,
        producer=row.producer,
        number=row.number,
        n=row.n,
        others=row.others,
        first_at=row.first_at,
        last_at=row.last_at,
        stored_at=row.stored_at,
        codec=row.codec,
        body=bytes(row.body),
    )


def _partitions(connection: Connection) -> tuple[int, ...]:
    return tuple(connection.scalars(sa.select(head.c.partition).order_by(head.c.partition)))


def _exists(connection: Connection, partition: int, delivery: Delivery) -> bool:
    place = (
        segment.c.partition == partition,
        segment.c.producer == delivery.producer,
        segment.c.number == delivery.number,
    )
    return connection.execute(sa.select(segment.c.seq).where(*place)).one_or_none() is not None


def _note_producer(connection: Connection, delivery: Delivery, found: Scan, now: datetime) -> None:
    """Keep what is known of the producer's files up to date; its tally is noted by the shipper."""
    statement = dialects.insert(connection, producer).values(
        producer=delivery.producer,
        newest=delivery.number,
        damaged=found.damage.damaged,
        torn=int(found.damage.torn_bytes > 0),
        updated_at=now,
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["producer"],
            set_={
                "newest": dialects.greatest(connection, producer.c.newest, statement.excluded.newest),
                "damaged": producer.c.damaged + statement.excluded.damaged,
                "torn": producer.c.torn + statement.excluded.torn,
                "updated_at": now,
            },
        )
    )
