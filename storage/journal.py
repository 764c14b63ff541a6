"""The journal: what a request costs is one append to a local file, before its answer leaves.

After `append` returned, the bytes have left this process: `kill -9` loses nothing. A side thread syncs them
to the disk every 50 ms and closes a file at 200 ms or 256 KiB; the shipper takes it from there. When idle
it sleeps.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from storage.clock import Clock, to_microseconds, utc_now
from storage.errors import JournalFullError
from storage.framing import Tally, encode, encode_tally
from storage.journal_folder import (
    CLOSED,
    OPEN,
    SHIPPED,
    TallyFile,
    segment_path,
    sync_folder,
    take_folder,
)
from storage.records import EventId, InferenceEvent, LabelEvent
from storage.settings import Durability, FullPolicy, JournalSettings

JournalRecord = InferenceEvent | LabelEvent

NO_PLACE: Final = 0
"""The segment number in the id of a dropped event: ids of events that were written begin at segment 1."""

_SAMPLE_FROM = 0.8  # of the budget
_SAMPLE_ONE_IN = 10
_RETRY_AFTER_S = 1.0
_TRY_AGAIN_S = 0.25  # after a failed write, `accepting` says yes again: the next append finds out
_MEASURE_S = 0.5  # the shipper deletes files: how often to look what is left
_MOST_CLOSING = 64  # files that wait for a slow disk; each holds a descriptor
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}


_fdatasync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What the journal asks of the operating system. Tests pass one that fails."""

    write: Callable[[int, bytes], int] = os.write
    sync: Callable[[int], None] = _fdatasync
    truncate: Callable[[int, int], None] = os.ftruncate
    sync_folder: Callable[[Path], None] = sync_folder
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStats:
    """What `/metrics` tells of the journal."""

    held_bytes: int  # not yet shipped
    budget_bytes: int
    oldest_unshipped_s: float | None  # None: all is shipped
    torn_tails: int
    damaged: int
    sync_failures: int
    write_failures: int
    refused: int  # requests that policy refuse turned away


@dataclass(slots=True, kw_only=True)
class _File:
    """The file that is written now, or one that waits to be closed."""

    number: int
    descriptor: int
    opened_s: float
    size: int = 0
    dirty: bool = False


@dataclass(slots=True)
class _Counters:
    answered: int = 0
    journalled: int = 0
    dropped: int = 0
    labels: int = 0
    refused: int = 0
    torn_tails: int = 0
    damaged: int = 0
    sync_failures: int = 0
    write_failures: int = 0
    seen: int = 0  # events while sampling
    last_drop_us: int = 0


@dataclass(slots=True)
class _Held:
    """Bytes of closed files that the shipper has not taken yet, by number."""

    sizes: dict[int, int] = field(default_factory=dict)
    total: int = 0
    measured_s: float = 0.0

    def add(self, number: int, size: int) -> None:
        self.sizes[number] = size
        self.total += size

    def keep(self, numbers: set[int]) -> None:
        for number in self.sizes.keys() - numbers:
            self.total -= self.sizes.pop(number)


class Journal:
    """Appends records to the files of one producer. Safe to share between threads."""

    def __init__(
        self, folder: Path, *, settings: JournalSettings, clock: Clock = utc_now, disk: Disk | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._disk = disk or Disk()
        self._folder, self._owner_lock = take_folder(folder)
        recovery = self._folder.recover()
        self._counters = _Counters(
            answered=recovery.tally.answered,
            journalled=recovery.tally.journalled,
            dropped=recovery.tally.dropped,
            labels=recovery.tally.labels,
            torn_tails=recovery.torn_tails,
            damaged=recovery.damaged,
        )
        self._newest = recovery.newest
        self._tally_file = TallyFile(self._folder.path / "tally")
        self._held = _Held()
        for file in self._folder.files():
            if file.state != SHIPPED:
                self._held.add(file.number, file.path.stat().st_size)
        self._file: _File | None = None
        self._closing: list[_File] = []
        self._failed_s: float | None = None
        self._closed = False
        self._folder_dirty = False
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._side = threading.Thread(target=self._tend, name="journal", daemon=True)
        self._side.start()

    @property
    def producer(self) -> str:
        """The id of this producer; it lives as long as its folder."""
        return self._folder.producer

    def append(self, record: JournalRecord) -> EventId:
        """Write one record. Under `drop` and `sample` a dropped one gets an id without a place."""
        return self.append_many((record,))[0]

    def append_many(self, records: Sequence[JournalRecord]) -> list[EventId]:
        """Write records in one go: all of them or none. Raises `JournalFullError` under policy `refuse`."""
        frames = [encode(record) for record in records]
        events = sum(type(record) is InferenceEvent for record in records)
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        with self._lock:
            place = self._write(data, events)
            if place is None:
                return self._drop(len(records), events)
            self._counters.journalled += events
            self._counters.labels += len(records) - events
            self._note_tally()
        number, offset = place
        ids = []
        for frame in frames:
            ids.append(EventId(producer=self._folder.producer, segment=number, offset=offset))
            offset += len(frame)
        return ids

    def count_answered(self) -> None:
        """Count a request that gets its answer, whether its event was written or dropped."""
        with self._lock:
            self._counters.answered += 1
            self._note_tally()

    @property
    def accepting(self) -> bool:
        """Whether an append would be written now. Ask before the work; `append` decides."""
        if self._failed_s is not None and self._disk.monotonic() - self._failed_s < _TRY_AGAIN_S:
            return False
        return self._unshipped_bytes() < self._settings.budget_bytes

    @property
    def tally(self) -> Tally:
        """The counters of this producer, since its folder was made."""
        with self._lock:
            counters = self._counters
            return Tally(
                answered=counters.answered,
                journalled=counters.journalled,
                dropped=counters.dropped,
                labels=counters.labels,
            )

    @property
    def stats(self) -> JournalStats:
        """Where the journal stands. Looks at the folder: for `/metrics`, not for each request."""
        oldest_s = self._oldest_unshipped_s()
        with self._lock:
            self._measure()
            return JournalStats(
                held_bytes=self._unshipped_bytes(),
                budget_bytes=self._settings.budget_bytes,
                oldest_unshipped_s=oldest_s,
                torn_tails=self._counters.torn_tails,
                damaged=self._counters.damaged,
                sync_failures=self._counters.sync_failures,
                write_failures=self._counters.write_failures,
                refused=self._counters.refused,
            )

    def close(self) -> None:
        """Sync and close the last file, so that the shipper can take it, and give the folder back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._retire_file()
            self._work.notify_all()
        self._stop.set()
        self._side.join()
        self._close_files()
        self._tally_file.close()
        os.close(self._owner_lock)

    # Writing: all of it under the lock.

    def _write(self, data: bytes, events: int) -> tuple[int, int] | None:
        """Where the data now lies: number and offset. None: by policy it was not written."""
        if self._closed or not self._admits(len(data), events):
            return None
        file = self._file or self._open_file()
        if file is None:
            return None
        try:
            written = self._disk.write(file.descriptor, data)
        except OSError as exc:
            self._note_failure(exc)
            written = 0
        if written != len(data):
            self._cut_back(file)
            return None
        offset = file.size
        file.size += written
        self._failed_s = None
        if not file.dirty:
            file.dirty = True
            self._work.notify()
        if self._settings.durability is Durability.SYNC:
            self._sync(file)
        if file.size >= self._settings.segment_bytes and len(self._closing) < _MOST_CLOSING:
            self._retire_file()
        return file.number, offset

    def _admits(self, size: int, events: int) -> bool:
        """Whether the byte budget has room, by policy."""
        budget = self._settings.budget_bytes
        held = self._unshipped_bytes()
        if held + size > budget:
            self._work.notify()  # the side thread looks whether the shipper made room
            return False
        if self._settings.policy is not FullPolicy.SAMPLE or not events or held < _SAMPLE_FROM * budget:
            return True
        self._counters.seen += 1
        self._work.notify()
        return self._counters.seen % _SAMPLE_ONE_IN == 0

    def _open_file(self) -> _File | None:
        number = self._newest + 1
        path = segment_path(self._folder.path, number, OPEN)
        counters = self._counters
        tally = Tally(
            answered=counters.answered,
            journalled=counters.journalled,
            dropped=counters.dropped,
            labels=counters.labels,
        )
        head = encode_tally(tally, self._clock())
        try:
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
        except OSError as exc:
            self._note_failure(exc)
            return None
        self._newest = number
        self._folder_dirty = True
        file = _File(number=number, descriptor=descriptor, opened_s=self._disk.monotonic())
        try:
            file.size = self._disk.write(descriptor, head)
        except OSError as exc:
            self._note_failure(exc)
        if file.size != len(head):
            os.close(descriptor)
            path.unlink(missing_ok=True)
            self._newest = number - 1  # no event was given this number
            self._failed_s = self._disk.monotonic()
            return None
        self._file = file
        self._work.notify()
        return file

    def _cut_back(self, file: _File) -> None:
        """Take half a frame away again: all that would follow it would hide behind the damage."""
        self._failed_s = self._disk.monotonic()
        try:
            self._disk.truncate(file.descriptor, file.size)
        except OSError as exc:
            self._note_failure(exc)
            self._retire_file()

    def _note_failure(self, exc: OSError) -> None:
        if exc.errno not in _DISK_FULL:
            raise exc
        self._counters.write_failures += 1
        self._failed_s = self._disk.monotonic()

    def _drop(self, records: int, events: int) -> list[EventId]:
        if self._settings.policy is FullPolicy.REFUSE or events < records:
            self._counters.refused += records
            raise JournalFullError(
                "the journal takes no more events now: its disk or its byte budget is full",
                retry_after_s=_RETRY_AFTER_S,
            )
        self._counters.dropped += events
        self._note_tally()
        first = max(self._counters.last_drop_us + 1, to_microseconds(self._clock()))
        self._counters.last_drop_us = first + records - 1
        return [
            EventId(producer=self._folder.producer, segment=NO_PLACE, offset=first + number)
            for number in range(records)
        ]

    def _note_tally(self) -> None:
        counters = self._counters
        self._tally_file.write(counters.answered, counters.journalled, counters.dropped, counters.labels)

    def _retire_file(self) -> None:
        """Write no more into the current file; the side thread closes it."""
        if self._file is not None:
            self._held.add(self._file.number, self._file.size)
            self._closing.append(self._file)
            self._file = None
            self._work.notify()

    def _unshipped_bytes(self) -> int:
        return self._held.total + (self._file.size if self._file is not None else 0)

    # The side thread.

    def _tend(self) -> None:
        """Sync, close and measure while there is something to do; sleep when there is not."""
        while not self._stop.is_set():
            with self._lock:
                while not (self._closed or self._has_work()):
                    self._work.wait()
            self._stop.wait(self._settings.sync_s)
            self._sync_current()
            self._close_files()
            with self._lock:
                if self._disk.monotonic() - self._held.measured_s >= _MEASURE_S:
                    self._measure()

    def _has_work(self) -> bool:
        over = self._held.total >= _SAMPLE_FROM * self._settings.budget_bytes
        return self._file is not None or bool(self._closing) or over

    def _sync_current(self) -> None:
        with self._lock:
            file = self._file
            if file is None:
                return
            if self._disk.monotonic() - file.opened_s >= self._settings.segment_s:
                self._retire_file()
                return
            if not file.dirty:
                return
            file.dirty = False
        self._sync(file)  # outside the lock: appends go on

    def _sync(self, file: _File) -> None:
        """Sync one file. After a failure its pages may be lost, and a second try would lie: begin a new file."""
        try:
            self._disk.sync(file.descriptor)
        except OSError:
            self._counters.sync_failures += 1
            if file is self._file and self._settings.durability is not Durability.SYNC:
                with self._lock:
                    self._retire_file()
            elif file is self._file:
                self._retire_file()

    def _close_files(self) -> None:
        with self._lock:
            closing = list(self._closing)
        for file in closing:
            if file.dirty:
                file.dirty = False
                self._sync(file)
            try:
                path = segment_path(self._folder.path, file.number, OPEN)
                path.rename(path.with_suffix(CLOSED))
            except OSError:
                self._counters.write_failures += 1
                continue  # it stays in the list: the next round tries again
            os.close(file.descriptor)
            with self._lock:
                self._closing.remove(file)
        if closing or self._folder_dirty:
            self._folder_dirty = False
            try:
                self._disk.sync_folder(self._folder.path)
            except OSError:
                self._counters.sync_failures += 1

    def _measure(self) -> None:
        """Look which files the shipper has taken."""
        self._held.measured_s = self._disk.monotonic()
        self._held.keep({file.number for file in self._folder.files() if file.state != SHIPPED})

    def _oldest_unshipped_s(self) -> float | None:
        for file in self._folder.files():
            if file.state == SHIPPED:
                continue
            try:
                return max(0.0, self._clock().timestamp() - file.path.stat().st_mtime)
            except FileNotFoundError:
                continue  # shipped just now
        return None
