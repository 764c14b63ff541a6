"""The files that a journal writes: opening, appending, cutting back, syncing, closing.

`JournalFiles` knows nothing of records or policies. One lock, the journal's, guards it: what is called with
the lock held says so; syncs and renames, which may be slow, run without it so that appends go on.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from storage.journal_folder import CLOSED, OPEN, SHIPPED, ProducerFolder, segment_path, sync_folder
from storage.settings import Durability, JournalSettings

TRY_AGAIN_S = 0.25
"""For so long after a failed write the disk is taken to be full; then the next append finds out."""

_MOST_CLOSING = 64  # files that wait for a slow disk; each holds a descriptor
_MEASURE_S = 0.5  # the shipper deletes files: how often to look what is left
_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}
_fdatasync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What the journal asks of the operating system. Tests pass one that fails."""

    write: Callable[[int, bytes], int] = os.write
    sync: Callable[[int], None] = _fdatasync
    truncate: Callable[[int, int], None] = os.ftruncate
    sync_folder: Callable[[Path], None] = sync_folder
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True, kw_only=True)
class _File:
    """The file that is written now, or one that waits to be closed."""

    number: int
    descriptor: int
    opened_s: float
    size: int = 0
    dirty: bool = False


@dataclass(slots=True)
class _Held:
    """Bytes of files that are no longer written and that the shipper has not taken yet, by number."""

    sizes: dict[int, int] = field(default_factory=dict)
    total: int = 0
    measured_s: float = 0.0

    def add(self, number: int, size: int) -> None:
        self.sizes[number] = size
        self.total += size

    def keep(self, numbers: set[int]) -> None:
        for number in self.sizes.keys() - numbers:
            self.total -= self.sizes.pop(number)


class JournalFiles:
    """The files of one producer, written by one process."""

    def __init__(
        self,
        folder: ProducerFolder,
        *,
        head: Callable[[], bytes],
        settings: JournalSettings,
        disk: Disk,
        lock: threading.Lock,
    ) -> None:
        self._folder = folder
        self._newest = max((file.number for file in folder.files()), default=0)
        self._head = head  # what every file begins with
        self._settings = settings
        self._disk = disk
        self._lock = lock
        self._file: _File | None = None
        self._closing: list[_File] = []
        self._folder_dirty = False
        self._failed_s: float | None = None
        self._held = _Held()
        for file in folder.files():
            if file.state != SHIPPED:
                self._held.add(file.number, file.path.stat().st_size)
        self.sync_failures = 0
        self.write_failures = 0

    @property
    def unshipped_bytes(self) -> int:
        """What counts against the budget. With the lock."""
        return self._held.total + (self._file.size if self._file is not None else 0)

    @property
    def failing(self) -> bool:
        """Whether a write failed a moment ago."""
        return self._failed_s is not None and self._disk.monotonic() - self._failed_s < TRY_AGAIN_S

    @property
    def need_care(self) -> bool:
        """Whether a file is to be synced or closed. With the lock."""
        return self._file is not None or bool(self._closing)

    def write(self, data: bytes) -> tuple[int, int] | None:
        """Append in one write; gives number and offset, or None when the disk is full. With the lock."""
        file = self._file or self._open()
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
        file.dirty = True
        self._failed_s = None
        if self._settings.durability is Durability.SYNC and not self._synced(file):
            self.retire()
        if file.size >= self._settings.segment_bytes and len(self._closing) < _MOST_CLOSING:
            self.retire()
        return file.number, offset

    def retire(self) -> None:
        """Write no more into the current file: `close_retired` closes it. With the lock."""
        if self._file is not None:
            self._held.add(self._file.number, self._file.size)
            self._closing.append(self._file)
            self._file = None

    def sync(self) -> None:
        """Sync the current file, or retire it when it is old enough. Without the lock."""
        with self._lock:
            file = self._file
            if file is None:
                return
            if self._disk.monotonic() - file.opened_s >= self._settings.segment_s:
                self.retire()
                return
            if not file.dirty:
                return
        if not self._synced(file):
            with self._lock:
                if self._file is file:
                    self.retire()

    def close_retired(self) -> None:
        """Sync, close and rename what was retired, so that the shipper can take it. Without the lock."""
        with self._lock:
            closing = list(self._closing)
        for file in closing:
            if file.dirty:
                self._synced(file)
            path = segment_path(self._folder.path, file.number, OPEN)
            try:
                path.rename(path.with_suffix(CLOSED))
            except OSError:
                self.write_failures += 1
                continue  # it stays in the list: the next round tries again
            os.close(file.descriptor)
            with self._lock:
                self._closing.remove(file)
        if closing or self._folder_dirty:
            self._folder_dirty = False
            try:
                self._disk.sync_folder(self._folder.path)
            except OSError:
                self.sync_failures += 1

    def measure(self) -> None:
        """Look which files the shipper has taken, now and then. Without the lock."""
        now = self._disk.monotonic()
        if now - self._held.measured_s < _MEASURE_S:
            return
        left = {file.number for file in self._folder.files() if file.state != SHIPPED}
        with self._lock:
            self._held.measured_s = now
            self._held.keep(left | {file.number for file in self._closing})

    def _open(self) -> _File | None:
        number = self._newest + 1
        path = segment_path(self._folder.path, number, OPEN)
        head = self._head()
        try:
            descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
        except OSError as exc:
            self._note_failure(exc)
            return None
        file = _File(number=number, descriptor=descriptor, opened_s=self._disk.monotonic())
        try:
            file.size = self._disk.write(descriptor, head)
        except OSError as exc:
            self._note_failure(exc)
        if file.size != len(head):  # no event was given this number, so it is free again
            self._failed_s = self._disk.monotonic()
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return None
        self._newest = number
        self._folder_dirty = True
        self._file = file
        return file

    def _cut_back(self, file: _File) -> None:
        """Take half a frame away again: all that would follow it would hide behind the damage."""
        self._failed_s = self._disk.monotonic()
        try:
            self._disk.truncate(file.descriptor, file.size)
        except OSError as exc:
            self._note_failure(exc)
            self.retire()

    def _note_failure(self, exc: OSError) -> None:
        if exc.errno not in _DISK_TROUBLE:
            raise exc
        self.write_failures += 1
        self._failed_s = self._disk.monotonic()

    def _synced(self, file: _File) -> bool:
        """Sync one file. After a failure a second try would lie about lost pages: begin a new file."""
        file.dirty = False
        try:
            self._disk.sync(file.descriptor)
        except OSError:
            self.sync_failures += 1
            return False
        return True
