"""The segment log: each segment once, numbered in the order of commits."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import sqlalchemy as sa

from storage.database import Database, open_writer
from storage.framing import Tally, encode, encode_tally
from storage.records import EventId, Record
from storage.segments import Delivery, Segment, SegmentLog, partition_of
from storage.settings import DatabaseSettings
from storage.tables import head, segment
from tests.helpers.events import START, a_label, an_event


def file_of(*records: Record) -> bytes:
    return encode_tally(Tally(), START) + b"".join(encode(record) for record in records)


def all_segments(log: SegmentLog) -> list[Segment]:
    return [each for partition in log.partitions for each in log.after(partition, 0, 1000)]


def test_a_segment_gives_back_what_was_stored(log: SegmentLog) -> None:
    raw = file_of(an_event(0), an_event(5), a_label("a-1-2"))

    assert log.store("a", 1, raw)

    (stored,) = all_segments(log)
    first = len(encode_tally(Tally(), START))
    assert (stored.producer, stored.number, stored.n, stored.others) == ("a", 1, 2, 1)
    assert (stored.first_at, stored.last_at) == (START, START + timedelta(hours=1))
    assert stored.raw() == raw
    assert stored.records()[0] == (EventId(producer="a", segment=1, offset=first), an_event(0))
    assert [record for _, record in stored.records()] == [an_event(0), an_event(5), a_label("a-1-2")]


def test_an_event_is_found_by_its_id_and_by_no_other(log: SegmentLog) -> None:
    log.store("a", 1, file_of(an_event(3), a_label("x")))
    (stored,) = all_segments(log)
    (event_id, _), (label_id, _) = stored.records()

    assert log.event(event_id) == an_event(3)
    assert log.event(label_id) is None
    assert log.event(EventId(producer="a", segment=1, offset=event_id.offset + 1)) is None
    assert log.event(EventId(producer="b", segment=1, offset=event_id.offset)) is None
    assert log.event(EventId(producer="a", segment=2**70, offset=event_id.offset)) is None
    assert log.find("a", 1) == stored
    assert log.find("a", 2) is None


def test_every_segment_delivered_five_times_in_any_order_is_stored_once(log: SegmentLog) -> None:
    files = [
        Delivery(producer=f"p{each % 3}", number=each, raw=file_of(an_event(each))) for each in range(1, 21)
    ]
    deliveries = files * 5
    # A shuffle is no secret, so the plain generator does.
    random.Random(7).shuffle(deliveries)  # noqa: S311

    new = sum(log.store_many(deliveries[start : start + 9]) for start in range(0, 100, 9))

    stored = all_segments(log)
    assert new == 20
    assert sorted((each.producer, each.number) for each in stored) == sorted(
        (f.producer, f.number) for f in files
    )
    for partition in log.partitions:
        seqs = [each.seq for each in stored if each.partition == partition]
        assert seqs == list(range(1, len(seqs) + 1))


def test_what_was_ever_stored_is_counted_apart_from_the_rows(database: Database, log: SegmentLog) -> None:
    log.store("a", 1, file_of(an_event(0), an_event(1)))
    log.store("a", 2, file_of(an_event(2), a_label("x")))
    with database.write() as connection:
        connection.execute(sa.delete(segment))

    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.sum(head.c.stored))) == 3


def test_a_file_in_which_nothing_was_written_is_not_stored(log: SegmentLog) -> None:
    assert not log.store("a", 1, encode_tally(Tally(), START))
    assert all_segments(log) == []


def test_a_damaged_file_is_stored_with_what_is_good_in_it(log: SegmentLog) -> None:
    raw = bytearray(file_of(an_event(0), an_event(1), an_event(2)))
    raw[len(encode_tally(Tally(), START)) + 30] ^= 1

    log.store("a", 1, bytes(raw))

    (stored,) = all_segments(log)
    assert stored.n == 2
    assert stored.scan().damage.damaged == 1


def test_a_segment_lands_where_it_did_before() -> None:
    # the CRC-32 of "a" is E8B7BE43, and 0x43 is 3 more than a multiple of 16
    assert [partition_of("a", number, 16) for number in range(4)] == [3, 4, 5, 6]
    assert partition_of("a", 12345, 1) == 0


def test_reading_goes_on_after_a_position_and_stops_at_a_limit(log: SegmentLog) -> None:
    partition = partition_of("a", 0, len(log.partitions))
    step = len(log.partitions)
    for each in range(5):
        log.store("a", each * step, file_of(an_event(each)))

    assert [each.seq for each in log.after(partition, 2, 2)] == [3, 4]
    assert log.after(partition, 5, 2) == []


class Follower(threading.Thread):
    """Reads each partition from where it stands, until told that nothing more comes."""

    def __init__(self, log: SegmentLog) -> None:
        super().__init__()
        self.log = log
        self.position = dict.fromkeys(log.partitions, 0)
        self.seen: list[tuple[str, int]] = []
        self.last_round = threading.Event()

    def run(self) -> None:
        while not self.last_round.is_set():
            self.follow()
        while self.follow():
            pass

    def follow(self) -> int:
        found = [each for partition, at in self.position.items() for each in self.log.after(partition, at, 5)]
        for each in found:
            self.position[each.partition] = each.seq
            self.seen.append((each.producer, each.number))
        return len(found)


def test_a_reader_never_misses_a_number_that_commits_later(database_url: str) -> None:
    database = open_writer(DatabaseSettings(url=database_url, partitions=2))
    log = SegmentLog(database)

    def write(producer: str) -> None:
        for number in range(1, 31):
            log.store(producer, number, file_of(an_event(number)))

    follower = Follower(log)
    writers = [threading.Thread(target=write, args=(f"p{each}",)) for each in range(4)]
    for thread in (follower, *writers):
        thread.start()
    for writer in writers:
        writer.join()
    follower.last_round.set()
    follower.join()

    assert len(follower.seen) == len(set(follower.seen)) == 4 * 30
    database.close()


def test_two_shippers_of_the_same_file_store_it_once(postgres_url: str) -> None:
    database = open_writer(DatabaseSettings(url=postgres_url, partitions=1))
    log = SegmentLog(database)
    together = threading.Barrier(2)
    new: list[bool] = []

    def ship() -> None:
        for number in range(1, 21):
            together.wait()
            new.append(log.store("a", number, file_of(an_event(number))))

    threads = [threading.Thread(target=ship) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(new) == 20
    assert [each.seq for each in log.after(0, 0, 100)] == list(range(1, 21))
    database.close()
