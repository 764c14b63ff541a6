"""Moves closed journal files into the segment log, and removes each only after its COMMIT.

If the outcome of a COMMIT is unknown, the file is still there and is shipped again; the log's unique key
says no.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from storage import dialects
from storage.clock import Clock, utc_now
from storage.database import Database
from storage.framing import Tally
from storage.journal_folder import (
    CLOSED,
    OPEN,
    SHIPPED,
    ProducerFolder,
    SegmentFile,
    owner_dead,
    producer_folders,
)
from storage.segments import Delivery, SegmentLog
from storage.tables import producer as table

_MOST_FILES = 32  # in one transaction
_MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipperStats:
    """What `/metrics` tells of shipping on this host."""

    waiting_bytes: int
    waiting_files: int
    oldest_unshipped_s: float | None  # None: all is shipped
    shipped: int  # segments, since this process began
    repeated: int  # segments that the log had already
    torn_tails: int  # of gateways that died and did not come back
    damaged: int


class Shipper:
    """Ships all producers of one host. One runs on a host; a second would store nothing twice."""

    def __init__(self, folder: Path, log: SegmentLog, database: Database, *, clock: Clock = utc_now) -> None:
        self._folder = folder
        self._log = log
        self._database = database
        self._clock = clock
        self._tallies: dict[str, Tally] = {}
        self._recovered: set[str] = set()  # producers whose dead gateway was tidied up after
        self._shipped = self._repeated = self._torn_tails = self._damaged = 0

    def ship(self) -> int:
        """One pass over all producers; returns how many segments were new. Raises what the database does."""
        taken = 0
        for folder in producer_folders(self._folder):
            self._tidy(folder)
            for batch in _batches(folder.files()):
                taken += self._store(folder, batch)
            self._note_tally(folder)
        return taken

    @property
    def stats(self) -> ShipperStats:
        """Where shipping stands. Looks at the folders: for `/metrics`."""
        sizes = []
        oldest_at = None
        for folder in producer_folders(self._folder):
            for file in folder.files():
                if file.state == SHIPPED:
                    continue
                try:
                    found = file.path.stat()
                except FileNotFoundError:
                    continue  # shipped just now
                sizes.append(found.st_size)
                oldest_at = found.st_mtime if oldest_at is None else min(oldest_at, found.st_mtime)
        return ShipperStats(
            waiting_bytes=sum(sizes),
            waiting_files=len(sizes),
            oldest_unshipped_s=None if oldest_at is None else max(0.0, self._clock().timestamp() - oldest_at),
            shipped=self._shipped,
            repeated=self._repeated,
            torn_tails=self._torn_tails,
            damaged=self._damaged,
        )

    def _tidy(self, folder: ProducerFolder) -> None:
        """Close what a dead gateway left open; while one lives, its files are its own."""
        if folder.producer in self._recovered and all(file.state != OPEN for file in folder.files()):
            return
        with owner_dead(folder) as dead:
            if not dead:
                self._recovered.discard(folder.producer)
                return
            recovery = folder.recover()
            self._recovered.add(folder.producer)
        self._torn_tails += recovery.torn_tails
        self._damaged += recovery.damaged

    def _store(self, folder: ProducerFolder, batch: list[SegmentFile]) -> int:
        """Store some files in one transaction, then remove them; the newest is kept, marked as shipped."""
        deliveries = [
            Delivery(producer=folder.producer, number=file.number, raw=file.path.read_bytes())
            for file in batch
        ]
        tally = folder.tally()  # read after the files, so that it knows of all that is in them
        with self._database.write() as connection:
            taken = self._log.store_many_in(connection, deliveries)
            note_tally(connection, folder.producer, tally, self._clock())
        self._tallies[folder.producer] = tally
        newest = folder.files()[-1].number
        for file in batch:
            if file.number == newest:
                file.path.rename(file.path.with_suffix(SHIPPED))
            else:
                file.path.unlink()
        self._shipped += taken
        self._repeated += len(batch) - taken
        return taken

    def _note_tally(self, folder: ProducerFolder) -> None:
        """Bring the producer's counters to SQL, and drop shipped files that are no longer the newest."""
        for file in folder.files()[:-1]:
            if file.state == SHIPPED:
                file.path.unlink()
        tally = folder.tally()
        if self._tallies.get(folder.producer, Tally()) == tally:
            return
        with self._database.write() as connection:
            note_tally(connection, folder.producer, tally, self._clock())
        self._tallies[folder.producer] = tally


def note_tally(connection: Connection, producer: str, tally: Tally, now: datetime) -> None:
    """Bring a producer's counters up to date; they only grow."""
    statement = dialects.insert(connection, table).values(
        producer=producer,
        answered=tally.answered,
        journalled=tally.journalled,
        dropped=tally.dropped,
        labels=tally.labels,
        updated_at=now,
    )
    grown = {
        column.name: dialects.greatest(connection, column, statement.excluded[column.name])
        for column in (table.c.answered, table.c.journalled, table.c.dropped, table.c.labels)
    }
    connection.execute(
        statement.on_conflict_do_update(index_elements=["producer"], set_={**grown, "updated_at": now})
    )


def _batches(files: list[SegmentFile]) -> Iterator[list[SegmentFile]]:
    """The closed files, oldest first, in portions that one transaction takes."""
    batch: list[SegmentFile] = []
    size = 0
    for file in files:
        if file.state != CLOSED:
            continue
        batch.append(file)
        size += file.path.stat().st_size
        if len(batch) >= _MOST_FILES or size >= _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
