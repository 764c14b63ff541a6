"""The journal on a real disk: what was appended is there, whatever becomes of the process or the disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.errors import JournalError, JournalFullError
from storage.framing import Kind, Tally, scan
from storage.journal import NO_PLACE, Journal
from storage.journal_files import Disk
from storage.journal_folder import SHIPPED, ProducerFolder, producer_folders
from storage.records import EventId, Record
from storage.settings import Durability, FullPolicy, JournalSettings
from tests.helpers.events import a_label, an_event

SETTINGS = JournalSettings(sync_s=0.005, segment_s=0.02)
SLOW = JournalSettings(sync_s=0.005, segment_s=60)  # nothing is closed by its age
APPENDER = Path(__file__).parents[2] / "helpers" / "appender.py"


def held(folder: Path) -> dict[EventId, Record]:
    """Every record in the files of all producers, by its place."""
    return {
        EventId(producer=producer.producer, segment=file.number, offset=frame.offset): frame.record()
        for producer in producer_folders(folder)
        for file in producer.files()
        for frame in scan(file.path.read_bytes()).frames
        if frame.kind is not Kind.TALLY
    }


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it did not come true in 10 s"
        time.sleep(0.005)


class FullDisk:
    """A disk that takes `room` more bytes and then is full, as ENOSPC or with a short write first."""

    def __init__(self, room: int, *, short: bool = False) -> None:
        self.room = room
        self.short = short
        self.broken_truncate = False

    def write(self, descriptor: int, data: bytes) -> int:
        if len(data) <= self.room:
            self.room -= len(data)
            return os.write(descriptor, data)
        if self.short and self.room:
            written, self.room = os.write(descriptor, data[: self.room]), 0
            return written
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def truncate(self, descriptor: int, size: int) -> None:
        if self.broken_truncate:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.ftruncate(descriptor, size)

    def disk(self) -> Disk:
        return Disk(write=self.write, truncate=self.truncate)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path, settings=SETTINGS)
    yield opened
    opened.close()


def test_what_was_appended_lies_at_the_place_that_its_id_names(journal: Journal, tmp_path: Path) -> None:
    ids = [journal.append(an_event(number)) for number in range(3)]
    ids += journal.append_many([a_label(str(ids[0])), a_label(str(ids[1]))])
    journal.close()

    found = held(tmp_path)

    assert [found[each] for each in ids] == [
        *(an_event(number) for number in range(3)),
        a_label(str(ids[0])),
        a_label(str(ids[1])),
    ]


def test_an_event_is_in_the_file_before_append_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path, settings=SLOW)

    event_id = journal.append(an_event())

    assert held(tmp_path) == {event_id: an_event()}
    journal.close()


def test_a_request_costs_one_write(tmp_path: Path) -> None:
    writes = []

    def write(descriptor: int, data: bytes) -> int:
        writes.append(len(data))
        return os.write(descriptor, data)

    journal = Journal(tmp_path, settings=SLOW, disk=Disk(write=write))
    journal.append(an_event())
    before = len(writes)  # the first one opens the file

    journal.append(an_event(1))
    journal.append_many([an_event(2), an_event(3)])

    assert len(writes) - before == 2
    journal.close()


def test_a_file_is_closed_by_its_age_and_by_its_size(tmp_path: Path) -> None:
    by_age = Journal(tmp_path / "age", settings=SETTINGS)
    by_size = Journal(
        tmp_path / "size", settings=JournalSettings(sync_s=0.005, segment_s=60, segment_bytes=4096)
    )

    by_age.append(an_event())
    ids = [by_size.append(an_event(number)) for number in range(100)]

    wait_until(lambda: [file.state for file in producer_folders(tmp_path / "age")[0].files()] == [".seg"])
    assert {each.segment for each in ids} == set(range(1, ids[-1].segment + 1))
    assert ids[-1].segment > 3
    assert list(held(tmp_path / "size")) == ids
    by_age.close()
    by_size.close()


def test_every_file_begins_with_the_tally_until_then(tmp_path: Path) -> None:
    journal = Journal(tmp_path, settings=JournalSettings(sync_s=0.005, segment_s=60, segment_bytes=4096))
    for number in range(40):
        journal.append(an_event(number))
        journal.count_answered()
    journal.close()

    firsts = [scan(file.path.read_bytes()).frames for file in producer_folders(tmp_path)[0].files()]

    counted = 0
    for frames in firsts:
        assert frames[0].tally() == Tally(answered=counted, journalled=counted)
        counted += len(frames) - 1
    assert counted == 40


def test_a_restart_takes_the_same_folder_and_counts_and_numbers_on(tmp_path: Path) -> None:
    first = Journal(tmp_path, settings=SETTINGS)
    old = first.append(an_event())
    first.append(a_label(str(old)))
    first.count_answered()
    first.close()

    second = Journal(tmp_path, settings=SETTINGS)
    new = second.append(an_event(1))

    assert (second.producer, new.segment) == (first.producer, old.segment + 1)
    assert second.tally == Tally(answered=1, journalled=2, labels=1)
    second.close()


def test_a_restart_finds_its_number_though_all_is_shipped(tmp_path: Path) -> None:
    first = Journal(tmp_path, settings=SETTINGS)
    old = first.append(an_event())
    first.close()
    (file,) = producer_folders(tmp_path)[0].files()
    file.path.rename(file.path.with_suffix(SHIPPED))

    second = Journal(tmp_path, settings=SETTINGS)

    assert second.append(an_event(1)).segment == old.segment + 1
    second.close()


def test_two_living_gateways_have_two_producers(tmp_path: Path) -> None:
    first, second = Journal(tmp_path, settings=SETTINGS), Journal(tmp_path, settings=SETTINGS)

    assert first.producer != second.producer

    first.close()
    second.close()


def test_a_torn_tail_of_a_dead_gateway_is_cut_and_counted(tmp_path: Path) -> None:
    first = Journal(tmp_path, settings=SLOW)
    kept = first.append(an_event())
    first.append(an_event(1))
    path = producer_folders(tmp_path)[0].files()[0].path
    first.close()
    closed = path.with_suffix(".seg")
    closed.rename(path)
    os.truncate(path, path.stat().st_size - 3)

    second = Journal(tmp_path, settings=SLOW)

    assert second.stats.torn_tails == 1
    assert held(tmp_path) == {kept: an_event()}
    assert not scan(closed.read_bytes()).damage.torn_bytes
    second.close()


def test_threads_append_without_losing_or_mixing_anything(journal: Journal, tmp_path: Path) -> None:
    ids: dict[EventId, int] = {}

    def append(first: int) -> None:
        for number in range(first, first + 200):
            ids[journal.append(an_event(number))] = number

    threads = [threading.Thread(target=append, args=(1000 * each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()

    found = held(tmp_path)
    assert len(ids) == 800
    assert all(found[event_id] == an_event(number) for event_id, number in ids.items())


def test_over_its_budget_drop_gives_an_id_without_a_place_and_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path, settings=JournalSettings(budget_bytes=64 * 1024, sync_s=0.005, segment_s=60))

    ids = [journal.append(an_event(number)) for number in range(600)]

    placed = [each for each in ids if each.segment != NO_PLACE]
    assert len(set(ids)) == 600
    assert all(EventId.parse(str(each)) == each for each in ids)
    assert journal.tally == Tally(journalled=len(placed), dropped=600 - len(placed))
    assert 0 < len(placed) < 600
    assert not journal.accepting
    assert journal.stats.held_bytes <= 64 * 1024
    journal.close()


def test_when_the_shipper_made_room_events_are_kept_again(tmp_path: Path) -> None:
    settings = JournalSettings(budget_bytes=64 * 1024, sync_s=0.005, segment_s=0.01, segment_bytes=8192)
    journal = Journal(tmp_path, settings=settings)
    while journal.append(an_event()).segment != NO_PLACE:
        pass
    wait_until(lambda: all(file.state == ".seg" for file in producer_folders(tmp_path)[0].files()))

    for file in producer_folders(tmp_path)[0].files()[:-1]:
        file.path.unlink()

    wait_until(lambda: journal.accepting)
    assert journal.append(an_event()).segment != NO_PLACE
    journal.close()


def test_sample_keeps_one_event_in_ten_from_four_fifths_of_the_budget_on(tmp_path: Path) -> None:
    settings = JournalSettings(
        budget_bytes=128 * 1024,
        policy=FullPolicy.SAMPLE,
        sync_s=0.005,
        segment_s=60,
        segment_bytes=1024 * 1024,
    )
    journal = Journal(tmp_path, settings=settings)
    while journal.stats.held_bytes < 0.8 * 128 * 1024:
        journal.append(an_event())
    assert journal.tally.dropped == 0

    ids = [journal.append(an_event()) for _ in range(100)]

    assert sum(each.segment != NO_PLACE for each in ids) == 10
    assert journal.tally.dropped == 90
    journal.close()


def test_refuse_raises_and_says_when_to_come_back(tmp_path: Path) -> None:
    settings = JournalSettings(budget_bytes=64 * 1024, policy=FullPolicy.REFUSE, sync_s=0.005, segment_s=60)
    journal = Journal(tmp_path, settings=settings)

    with pytest.raises(JournalFullError) as raised:
        journal.append_many([an_event(number) for number in range(600)])

    assert raised.value.retry_after_s > 0
    assert journal.tally.dropped == 0
    assert journal.tally.journalled == len(held(tmp_path))
    journal.close()


def test_a_label_is_never_dropped_in_silence(tmp_path: Path) -> None:
    journal = Journal(tmp_path, settings=SLOW, disk=FullDisk(0).disk())

    with pytest.raises(JournalFullError):
        journal.append(a_label("a-1-2"))

    journal.close()


@pytest.mark.parametrize("broken_truncate", [False, True])
def test_after_a_short_write_nothing_hides_behind_half_a_frame(tmp_path: Path, broken_truncate: bool) -> None:
    full = FullDisk(1000, short=True)
    full.broken_truncate = broken_truncate
    journal = Journal(tmp_path, settings=SLOW, disk=full.disk())
    ids = []
    for number in range(20):
        if number == 15:
            full.room = 1_000_000
        ids.append(journal.append(an_event(number)))
    journal.close()

    placed = {each: an_event(number) for number, each in enumerate(ids) if each.segment != NO_PLACE}

    assert held(tmp_path) == placed
    assert [each.segment != NO_PLACE for each in ids[15:]] == [True] * 5
    assert not all(each.segment != NO_PLACE for each in ids[:15])
    assert journal.tally == Tally(journalled=len(placed), dropped=20 - len(placed))


def test_a_full_disk_drops_by_policy_and_the_next_append_after_it_is_kept(tmp_path: Path) -> None:
    full = FullDisk(0)
    journal = Journal(tmp_path, settings=SLOW, disk=full.disk())

    dropped = journal.append(an_event())
    full.room = 1_000_000
    kept = journal.append(an_event(1))

    assert dropped.segment == NO_PLACE
    assert held(tmp_path) == {kept: an_event(1)}
    assert journal.stats.write_failures == 1
    journal.close()


def test_a_failed_sync_begins_a_new_file_and_is_counted(tmp_path: Path) -> None:
    failing = threading.Event()
    failing.set()

    def sync(descriptor: int) -> None:
        if failing.is_set():
            failing.clear()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(descriptor)

    journal = Journal(tmp_path, settings=SLOW, disk=Disk(sync=sync))
    first = journal.append(an_event())
    wait_until(lambda: journal.stats.sync_failures == 1)

    wait_until(lambda: journal.append(an_event()).segment == first.segment + 1)

    journal.close()


def test_sync_durability_reaches_the_disk_before_append_returns(tmp_path: Path) -> None:
    synced = []

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)

    settings = JournalSettings(durability=Durability.SYNC, segment_s=60)
    journal = Journal(tmp_path, settings=settings, disk=Disk(sync=sync))

    journal.append(an_event())

    (file,) = producer_folders(tmp_path)[0].files()
    assert synced[0] == file.path.stat().st_size
    journal.close()


def test_an_idle_journal_does_nothing(tmp_path: Path) -> None:
    looked = []

    def monotonic() -> float:
        looked.append(1)
        return time.monotonic()

    journal = Journal(tmp_path, settings=SETTINGS, disk=Disk(monotonic=monotonic))
    journal.append(an_event())
    wait_until(lambda: [file.state for file in producer_folders(tmp_path)[0].files()] == [".seg"])
    time.sleep(0.05)  # the round that closed it ends
    looked.clear()

    time.sleep(0.2)

    assert looked == []
    journal.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalError, match="file/journal"):
        Journal(tmp_path / "file" / "journal", settings=SETTINGS)


def test_the_age_of_what_waits_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path, settings=SLOW)
    before = journal.stats

    journal.append(an_event())

    after = journal.stats
    assert before.oldest_unshipped_s is None
    assert after.oldest_unshipped_s is not None
    journal.close()


@pytest.mark.parametrize("round_", range(3))
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, round_: int) -> None:
    appender = subprocess.Popen([sys.executable, APPENDER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert appender.stdout is not None
    acknowledged = [appender.stdout.readline().strip() for _ in range(300 * (round_ + 1))]
    appender.kill()
    acknowledged += appender.stdout.read().splitlines()[:-1]  # the last line may be half a line
    appender.stdout.close()
    appender.wait()

    journal = Journal(tmp_path, settings=SETTINGS)

    found = {str(event_id) for event_id in held(tmp_path)}
    assert len(set(acknowledged)) == len(acknowledged)
    assert set(acknowledged) <= found
    assert journal.tally.journalled == len(found)
    assert journal.tally.answered == len(found)
    journal.close()


def test_a_full_tmpfs_drops_by_policy_and_recovers(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", mount], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        settings = JournalSettings(sync_s=0.005, segment_s=0.02, segment_bytes=64 * 1024)
        journal = Journal(mount / "journal", settings=settings)
        ids: list[EventId] = []
        while not ids or ids[-1].segment != NO_PLACE:
            ids.append(journal.append(an_event(len(ids))))
        ids += [journal.append(an_event(len(ids) + more)) for more in range(50)]

        folder = ProducerFolder(mount / "journal" / journal.producer)
        wait_until(lambda: all(file.state == ".seg" for file in folder.files()))
        closed = folder.files()
        shipped = {
            EventId(producer=journal.producer, segment=file.number, offset=frame.offset)
            for file in closed[:-1]
            for frame in scan(file.path.read_bytes()).frames
            if frame.kind is Kind.EVENT
        }
        for file in closed[:-1]:
            file.path.unlink()
        wait_until(lambda: journal.append(an_event()).segment != NO_PLACE)
        journal.close()

        placed = {each for each in ids if each.segment != NO_PLACE}
        assert placed <= shipped | held(mount / "journal").keys()
    finally:
        subprocess.run(["/bin/umount", "-l", mount], check=True)
