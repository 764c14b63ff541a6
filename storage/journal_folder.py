"""The folder of one producer: its lock, its files, its tally, and what a crash left in them.

    <journal>/<producer>/lock            held by the living gateway that writes here
                         tally           its counters, mapped into memory: they outlive kill -9
                         <number>.open   written now
                         <number>.seg    closed: ready to be shipped
                         <number>.done   shipped, kept while it is the newest: a restart finds its number

A number is never used twice: the database would take the new events for a repetition, and drop them.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from storage.errors import JournalError
from storage.framing import Kind, Scan, Tally, scan

OPEN, CLOSED, SHIPPED = ".open", ".seg", ".done"

_COUNTERS = struct.Struct("<4Q")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SegmentFile:
    """One file of a producer."""

    number: int
    path: Path

    @property
    def state(self) -> str:
        return self.path.suffix


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was found where a gateway died."""

    tally: Tally
    torn_tails: int
    damaged: int


class TallyFile:
    """Four counters in a small file that is mapped into memory: an update costs no system call."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _COUNTERS.size:
                os.write(
                    descriptor, bytes(_COUNTERS.size)
                )  # its block is taken now: a full disk cannot hurt later
                os.fsync(descriptor)
            self._map = mmap.mmap(descriptor, _COUNTERS.size)
        finally:
            os.close(descriptor)

    def read(self) -> Tally:
        return _tally(self._map)

    def write(self, answered: int, journalled: int, dropped: int, labels: int) -> None:
        _COUNTERS.pack_into(self._map, 0, answered, journalled, dropped, labels)

    def close(self) -> None:
        self._map.close()


class ProducerFolder:
    """One producer's folder, whoever looks at it: the gateway that writes, or the shipper."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.producer = path.name

    def files(self) -> list[SegmentFile]:
        """All its segment files, oldest first."""
        found = (_segment_file(self.path / name) for name in os.listdir(self.path))
        return sorted(each for each in found if each is not None)

    def tally(self) -> Tally:
        """The counters as they are now; zeros where there are none yet."""
        try:
            content = (self.path / "tally").read_bytes()
        except FileNotFoundError:
            return Tally()
        return _tally(content) if len(content) >= _COUNTERS.size else Tally()

    def try_lock(self) -> int | None:
        """Lock the folder; None: its gateway lives, or somebody mends it. Close the descriptor to unlock."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def recover(self) -> Recovery:
        """Mend what a dead gateway left: cut torn tails, close files, count on. Hold the lock."""
        torn_tails = damaged = 0
        last = Tally()
        files = self.files()
        for file in files:
            if file.state != OPEN and file is not files[-1]:
                continue  # the newest file's own tally knows of what is in it
            content = scan(file.path.read_bytes())
            last = _larger(last, _after(content))
            if file.state == OPEN:
                damaged += content.damage.damaged
                torn_tails += content.damage.torn_bytes > 0
                _close(file, content)
        tally = _larger(last, self.tally())
        # An event that was written and whose answer the crash cut off counts as answered.
        tally = replace(tally, answered=max(tally.answered, tally.journalled + tally.dropped))
        counters = TallyFile(self.path / "tally")
        counters.write(tally.answered, tally.journalled, tally.dropped, tally.labels)
        counters.close()
        return Recovery(tally=tally, torn_tails=torn_tails, damaged=damaged)


@contextmanager
def owner_dead(folder: ProducerFolder) -> Iterator[bool]:
    """Whether no gateway holds the folder; while inside, none can take it."""
    lock = folder.try_lock()
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def producer_folders(journal: Path) -> list[ProducerFolder]:
    """All producers of a host, dead or alive."""
    if not journal.is_dir():
        return []
    return [
        ProducerFolder(path) for path in sorted(journal.iterdir()) if path.is_dir() and not path.is_symlink()
    ]


def take_folder(journal: Path) -> tuple[ProducerFolder, int]:
    """A folder to write into and its lock: one whose gateway is dead, or a new one. Raises `JournalError`."""
    try:
        journal.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in producer_folders(journal):
            lock = folder.try_lock()
            if lock is not None:
                return folder, lock
        return _new_folder(journal)
    except OSError as exc:
        raise JournalError(f"cannot write to the journal's folder '{journal}': {exc.strerror}") from exc


def sync_folder(path: Path) -> None:
    """Make the names of new files last through a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def segment_path(folder: Path, number: int, state: str) -> Path:
    """Where a segment file of this state lies."""
    return folder / f"{number:016x}{state}"


def _new_folder(journal: Path) -> tuple[ProducerFolder, int]:
    while True:
        folder = ProducerFolder(journal / secrets.token_hex(5))
        folder.path.mkdir(mode=0o700)
        lock = folder.try_lock()
        if lock is not None:
            sync_folder(journal)
            return folder, lock
        # The shipper was looking into it at this very moment: leave it that one.


def _segment_file(path: Path) -> SegmentFile | None:
    if path.suffix not in {OPEN, CLOSED, SHIPPED}:
        return None
    try:
        return SegmentFile(number=int(path.stem, 16), path=path)
    except ValueError:
        return None


def _tally(content: bytes | mmap.mmap) -> Tally:
    answered, journalled, dropped, labels = _COUNTERS.unpack_from(content)
    return Tally(answered=answered, journalled=journalled, dropped=dropped, labels=labels)


def _after(content: Scan) -> Tally:
    """The tally at the end of a file: the one it begins with, and what was written since."""
    tally = Tally()
    for frame in content.frames:
        if frame.kind is Kind.TALLY:
            tally = frame.tally()
        elif frame.kind is Kind.EVENT:
            tally += Tally(answered=1, journalled=1)
        elif frame.kind is Kind.LABEL:
            tally += Tally(labels=1)
    return tally


def _larger(one: Tally, other: Tally) -> Tally:
    """Counters only grow, so of two accounts the larger one is the later."""
    return Tally(
        answered=max(one.answered, other.answered),
        journalled=max(one.journalled, other.journalled),
        dropped=max(one.dropped, other.dropped),
        labels=max(one.labels, other.labels),
    )


def _close(file: SegmentFile, content: Scan) -> None:
    if content.damage.torn_bytes:
        os.truncate(file.path, file.path.stat().st_size - content.damage.torn_bytes)
    with file.path.open("rb") as opened:
        os.fsync(opened.fileno())
    file.path.rename(file.path.with_suffix(CLOSED))
