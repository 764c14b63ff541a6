"""The transaction in which a monitor's work commits: its results and its read position together, or neither.

That is why every event is counted once, whatever crashes: the position is always where the results are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects, leases, quarantine, summaries, windows
from storage.clock import Clock, utc_now
from storage.database import Database
from storage.framing import encode
from storage.leases import Lease
from storage.quarantine import Quarantined
from storage.records import Record
from storage.segments import Delivery, SegmentLog
from storage.summaries import SummaryKey
from storage.summary import Summary
from storage.tables import cursor, head, producer, segment
from storage.windows import ModelClock, WindowKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far one monitor has come in one partition."""

    seq: int = 0  # of the last segment it has passed
    counted: int = 0  # inference events it has counted
    quarantined: int = 0  # inference events it has set aside


class Counting:
    """Opens the transactions of the monitors."""

    def __init__(self, database: Database, log: SegmentLog, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._log = log
        self._clock = clock

    def cursor(self, monitor: str, partition: int) -> Cursor:
        """The read position of a monitor; at the beginning where it has none."""
        statement = sa.select(cursor.c.seq, cursor.c.counted, cursor.c.quarantined).where(
            cursor.c.monitor == monitor, cursor.c.partition == partition
        )
        with self._database.read() as connection:
            row = connection.execute(statement).one_or_none()
        return (
            Cursor() if row is None else Cursor(seq=row.seq, counted=row.counted, quarantined=row.quarantined)
        )

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[CountingWrite]:
        """What is written inside commits together. Raises `LeaseLostError` when another worker took over."""
        with self._database.write() as connection:
            leases.hold(connection, lease)
            yield CountingWrite(connection, self._log, self._clock)

    def retire(self, keep: Iterable[str]) -> None:
        """Forget the positions of all others: a monitor that runs no more would keep segments for ever."""
        with self._database.write() as connection:
            connection.execute(sa.delete(cursor).where(cursor.c.monitor.not_in(sorted(keep))))


class CountingWrite:
    """What can be written in one such transaction. For anything else of storage, pass on its `connection`."""

    def __init__(self, connection: Connection, log: SegmentLog, clock: Clock) -> None:
        self.connection = connection
        self._log = log
        self._clock = clock

    def add_summaries(self, counted: Mapping[SummaryKey, Summary]) -> None:
        """Add to the panes' summaries."""
        summaries.add_summaries(self.connection, counted)

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Set events aside."""
        quarantine.add_quarantined(self.connection, items)

    def move_cursor(self, monitor: str, partition: int, *, seq: int, counted: int, quarantined: int) -> None:
        """Move the read position to a segment; the two counts are of inference events and are added."""
        statement = dialects.insert(self.connection, cursor).values(
            monitor=monitor,
            partition=partition,
            seq=seq,
            counted=counted,
            quarantined=quarantined,
            moved_at=self._clock(),
        )
        self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["monitor", "partition"],
                set_={
                    "seq": statement.excluded.seq,
                    "counted": cursor.c.counted + statement.excluded.counted,
                    "quarantined": cursor.c.quarantined + statement.excluded.quarantined,
                    "moved_at": statement.excluded.moved_at,
                },
            )
        )

    def enrol(self, monitor: str, partition: int) -> None:
        """Give a monitor that has none a read position: before all that the log still holds."""
        kept = sa.select(sa.func.min(segment.c.seq), sa.func.coalesce(sa.func.sum(segment.c.n), 0))
        oldest, n = self.connection.execute(kept.where(segment.c.partition == partition)).one()
        of_partition = sa.select(head.c.seq, head.c.stored).where(head.c.partition == partition)
        seq, stored = self.connection.execute(of_partition).one()
        row = {
            "monitor": monitor,
            "partition": partition,
            "seq": seq if oldest is None else oldest - 1,
            "counted": stored - int(n),  # what retention has deleted can be counted by nobody
            "quarantined": 0,
            "moved_at": self._clock(),
        }
        dialects.insert_new(self.connection, cursor, [row], key=("monitor", "partition"))

    def pass_over(self, monitor: str, partition: int, seq: int) -> int:
        """Move a read position to the newest segment, counting all events behind it. Returns its number."""
        ahead = sa.select(sa.func.max(segment.c.seq), sa.func.coalesce(sa.func.sum(segment.c.n), 0))
        newest, n = self.connection.execute(
            ahead.where(segment.c.partition == partition, segment.c.seq > seq)
        ).one()
        if newest is None:
            return seq
        self.move_cursor(monitor, partition, seq=newest, counted=int(n), quarantined=0)
        return int(newest)

    def touch_windows(self, keys: Iterable[WindowKey]) -> None:
        """Ask for these windows to be judged, or judged again."""
        windows.touch_windows(self.connection, keys)

    def note_newest(self, *, model: str, version: str, newest_at: datetime, replay: bool) -> None:
        """Move a model's clock forward."""
        clock = ModelClock(
            model=model, version=version, newest_at=newest_at, counted_at=self._clock(), replay=replay
        )
        windows.note_newest(self.connection, clock)

    def add_records(self, producer_name: str, records: Sequence[Record]) -> None:
        """Put derived records into the log as one segment. Call it last: it locks the head of a partition."""
        if not records:
            return
        statement = dialects.insert(self.connection, producer).values(
            producer=producer_name, newest=1, updated_at=self._clock()
        )
        number = self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["producer"],
                set_={"newest": producer.c.newest + 1, "updated_at": self._clock()},
            ).returning(producer.c.newest)
        ).scalar_one()
        raw = b"".join(encode(record) for record in records)
        self._log.store_in(self.connection, Delivery(producer=producer_name, number=number, raw=raw))
