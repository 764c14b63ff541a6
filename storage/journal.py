"""The journal: what a request costs is one append to a local file, before its answer leaves.

After `append` returned, the bytes have left this process: `kill -9` loses nothing. A side thread syncs them
to the disk every 50 ms and closes a file at 200 ms or 256 KiB; the shipper takes it from there. When idle
it sleeps.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.clock import Clock, to_microseconds, utc_now
from storage.errors import JournalFullError
from storage.framing import Tally, encode, encode_tally
from storage.journal_files import Disk, JournalFiles
from storage.journal_folder import SHIPPED, TallyFile, take_folder
from storage.records import ActionEvent, EventId, InferenceEvent, LabelEvent
from storage.settings import FullPolicy, JournalSettings

JournalRecord = InferenceEvent | LabelEvent | ActionEvent

NO_PLACE: Final = 0
"""The segment number in the id of a dropped event: ids of events that were written begin at segment 1."""

_SAMPLE_FROM = 0.8  # of the budget
_SAMPLE_ONE_IN = 10
_RETRY_AFTER_S = 1.0
_LARGEST_USUAL = 16 * 1024  # bytes of an event: with less room than that, `accepting` says no


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
    refused: int  # records that were turned away: all of them under policy `refuse`, labels under any


class Journal:
    """Appends records to the files of one producer. Safe to share between threads."""

    def __init__(
        self, folder: Path, *, settings: JournalSettings, clock: Clock = utc_now, disk: Disk | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._folder, self._owner_lock = take_folder(folder)
        recovery = self._folder.recover()
        self._torn_tails = recovery.torn_tails
        self._damaged = recovery.damaged
        self._answered = recovery.tally.answered
        self._journalled = recovery.tally.journalled
        self._dropped = recovery.tally.dropped
        self._labels = recovery.tally.labels
        self._refused = self._sampled = self._last_drop_us = 0
        self._tally_file = TallyFile(self._folder.path / "tally")
        self._lock = threading.Lock()
        self._files = JournalFiles(
            self._folder,
            head=lambda: encode_tally(self._tally_now(), self._clock()),
            settings=settings,
            disk=disk or Disk(),
            lock=self._lock,
        )
        self._work = threading.Condition(self._lock)
        self._asleep = False
        self._closed = False
        self._stop = threading.Event()
        self._side = threading.Thread(target=self._tend, name="journal", daemon=True)
        self._side.start()

    @property
    def producer(self) -> str:
        """The id of this producer; it lives as long as its folder."""
        return self._folder.producer

    def append(self, record: JournalRecord) -> EventId:
        """Write one record. Under `drop` and `sample` an event that is dropped gets an id without a place."""
        return self.append_many((record,))[0]

    def append_many(self, records: Sequence[JournalRecord]) -> list[EventId]:
        """Write records in one go, all of them or none.

        Raises `JournalFullError` where they may not be dropped: under policy `refuse`, and labels under any.
        """
        frames = [encode(record) for record in records]
        events = sum(type(record) is InferenceEvent for record in records)
        labels = sum(type(record) is LabelEvent for record in records) if events < len(records) else 0
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        with self._lock:
            place = self._write(data, events)
            if place is None:
                return self._drop(len(records), events)
            self._journalled += events
            self._labels += labels
            self._note_tally()
        number, offset = place
        ids = []
        for frame in frames:
            ids.append(EventId(producer=self._folder.producer, segment=number, offset=offset))
            offset += len(frame)
        return ids

    def count_answered(self, requests: int = 1) -> None:
        """Count requests that get their answers, whether their events were written or dropped."""
        with self._lock:
            self._answered += requests
            self._note_tally()

    @property
    def accepting(self) -> bool:
        """Whether an append would be written now. Ask before the work; `append` decides."""
        room = self._settings.budget_bytes - self._files.unshipped_bytes
        return room >= _LARGEST_USUAL and not self._files.failing

    @property
    def tally(self) -> Tally:
        """The counters of this producer, since its folder was made."""
        with self._lock:
            return self._tally_now()

    @property
    def stats(self) -> JournalStats:
        """Where the journal stands. Looks at the folder: for `/metrics`, not for each request."""
        oldest_s = self._oldest_unshipped_s()
        self._files.measure()
        with self._lock:
            return JournalStats(
                held_bytes=self._files.unshipped_bytes,
                budget_bytes=self._settings.budget_bytes,
                oldest_unshipped_s=oldest_s,
                torn_tails=self._torn_tails,
                damaged=self._damaged,
                sync_failures=self._files.sync_failures,
                write_failures=self._files.write_failures,
                refused=self._refused,
            )

    def close(self) -> None:
        """Sync and close the last file, so that the shipper can take it, and give the folder back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._files.retire()
            self._work.notify_all()
        self._stop.set()
        self._side.join()
        self._files.close_retired()
        self._tally_file.close()
        os.close(self._owner_lock)

    def _write(self, data: bytes, events: int) -> tuple[int, int] | None:
        """Where the data now lies. None: by policy it was not written."""
        if self._closed:
            return None
        admitted = self._admits(len(data), events)
        place = self._files.write(data) if admitted else None
        if self._asleep:
            self._asleep = False
            self._work.notify()
        return place

    def _admits(self, size: int, events: int) -> bool:
        """Whether the byte budget has room, by policy."""
        budget = self._settings.budget_bytes
        held = self._files.unshipped_bytes
        if held + size > budget:
            return False
        if self._settings.policy is not FullPolicy.SAMPLE or not events or held < _SAMPLE_FROM * budget:
            return True
        self._sampled += 1
        return self._sampled % _SAMPLE_ONE_IN == 0

    def _drop(self, records: int, events: int) -> list[EventId]:
        if self._settings.policy is FullPolicy.REFUSE or events < records:
            self._refused += records
            raise JournalFullError(
                "the journal takes nothing now: its disk or its byte budget is full",
                retry_after_s=_RETRY_AFTER_S,
            )
        first = max(self._last_drop_us + 1, to_microseconds(self._clock()))
        self._last_drop_us = first + records - 1
        if not self._closed:
            self._dropped += events
            self._note_tally()
        return [
            EventId(producer=self._folder.producer, segment=NO_PLACE, offset=first + number)
            for number in range(records)
        ]

    def _tally_now(self) -> Tally:
        return Tally(
            answered=self._answered, journalled=self._journalled, dropped=self._dropped, labels=self._labels
        )

    def _note_tally(self) -> None:
        self._tally_file.write(self._answered, self._journalled, self._dropped, self._labels)

    def _tend(self) -> None:
        """The side thread: sync, close and measure while there is something to do; else sleep."""
        while not self._stop.is_set():
            with self._lock:
                while not (self._closed or self._files.need_care or not self._has_room()):
                    self._asleep = True
                    self._work.wait()
            self._stop.wait(self._settings.sync_s)
            self._files.sync()
            self._files.close_retired()
            self._files.measure()

    def _has_room(self) -> bool:
        return self._files.unshipped_bytes + _LARGEST_USUAL < _SAMPLE_FROM * self._settings.budget_bytes

    def _oldest_unshipped_s(self) -> float | None:
        for file in self._folder.files():
            if file.state == SHIPPED:
                continue
            try:
                return max(0.0, self._clock().timestamp() - file.path.stat().st_mtime)
            except FileNotFoundError:
                continue  # shipped just now
        return None
