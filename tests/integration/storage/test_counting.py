"""Leases and the counting transaction: all of it once, or not at all."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from storage.counting import Counting, Cursor
from storage.database import Database, open_writer
from storage.errors import LeaseLostError
from storage.leases import Lease, Leases
from storage.quarantine import Quarantined, quarantined
from storage.records import EventId, InferenceEvent, Scope, Window
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings
from storage.summaries import SummaryKey, between, scopes_between, sum_between
from storage.summary import Summary
from storage.tables import lease as lease_table
from storage.tables import summary as summary_table
from storage.windows import WindowKey, mark_judged, model_clocks, pending_windows
from tests.helpers.events import START, a_label, an_event
from tests.integration.storage.test_segments import file_of

SCOPE = Scope(model="churn", version="1")
DAY = Window(start=START, end=START + timedelta(days=1))


def key(*, minute: int = 0, partition: int = 0, monitor: str = "drift", slice_: str = "all") -> SummaryKey:
    return SummaryKey(
        monitor=monitor,
        scope=Scope(model="churn", version="1", slice=slice_),
        reference="abc",
        start=START + timedelta(minutes=minute),
        length_s=60,
        partition=partition,
    )


def counts(*cells: int) -> Summary:
    return Summary.of({"rows": sum(cells), "bins": cells}, "abc")


def expire(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(sa.update(lease_table).where(lease_table.c.name == name).values(expires_us=0))


@pytest.fixture
def counting(database: Database, log: SegmentLog) -> Counting:
    return Counting(database, log)


@pytest.fixture
def lease(database: Database) -> Lease:
    taken = Leases(database, owner="one").acquire("partition-0")
    assert taken is not None
    return taken


def test_a_lease_is_given_to_one_owner_at_a_time(database: Database) -> None:
    one, two = Leases(database, owner="one"), Leases(database, owner="two")

    first = one.acquire("judge")

    assert first == Lease(name="judge", owner="one", epoch=1)
    assert two.acquire("judge") is None
    assert two.acquire("send") is not None


def test_the_same_owner_takes_its_lease_again_at_once_in_a_new_epoch(database: Database) -> None:
    one = Leases(database, owner="one")
    one.acquire("judge")

    again = one.acquire("judge")

    assert again is not None
    assert again.epoch == 2


def test_an_expired_or_released_lease_goes_to_another(database: Database) -> None:
    one, two = Leases(database, owner="one"), Leases(database, owner="two")
    first = one.acquire("judge")
    assert first is not None
    expire(database, "judge")
    second = two.acquire("judge")
    assert second == Lease(name="judge", owner="two", epoch=2)

    one.release(first)  # lost by now: nothing happens
    assert one.acquire("judge") is None
    two.release(second)

    assert one.acquire("judge") == Lease(name="judge", owner="one", epoch=3)


def test_a_lease_far_in_the_future_does_not_hold_for_ever(database: Database) -> None:
    Leases(database, owner="one").acquire("judge")
    with database.write() as connection:  # the database's clock was set back by a day since
        late = lease_table.c.expires_us + 86_400_000_000
        connection.execute(sa.update(lease_table).values(expires_us=late))

    assert Leases(database, owner="two").acquire("judge") is not None


def test_a_lease_that_is_renewed_stays_and_one_that_is_lost_says_so(database: Database) -> None:
    one, two = Leases(database, owner="one", ttl_s=0.001), Leases(database, owner="two")
    first = one.acquire("judge")
    assert first is not None
    one.renew(first)
    expire(database, "judge")
    two.acquire("judge")

    with pytest.raises(LeaseLostError, match="'judge'"):
        one.renew(first)


def test_results_and_position_commit_together(counting: Counting, database: Database, lease: Lease) -> None:
    with counting.transaction(lease) as write:
        write.add_summaries({key(): counts(1, 2)})
        write.move_cursor("drift", 0, seq=4, counted=3, quarantined=0)

    with contextlib.suppress(ZeroDivisionError), counting.transaction(lease) as write:
        write.add_summaries({key(): counts(5, 5)})
        write.move_cursor("drift", 0, seq=5, counted=10, quarantined=0)
        raise ZeroDivisionError

    assert counting.cursor("drift", 0) == Cursor(seq=4, counted=3, quarantined=0)
    with database.read() as connection:
        assert sum_between(connection, "drift", SCOPE, "abc", DAY) == counts(1, 2)


def test_a_worker_that_was_stopped_past_its_lease_can_write_nothing(
    counting: Counting, database: Database, lease: Lease
) -> None:
    expire(database, lease.name)
    other = Leases(database, owner="two").acquire(lease.name)
    assert other is not None
    with counting.transaction(other) as write:
        write.add_summaries({key(): counts(1, 0)})
        write.move_cursor("drift", 0, seq=1, counted=1, quarantined=0)

    with pytest.raises(LeaseLostError), counting.transaction(lease) as write:
        write.add_summaries({key(): counts(1, 0)})

    assert counting.cursor("drift", 0) == Cursor(seq=1, counted=1, quarantined=0)


def test_summaries_add_up_in_their_rows(counting: Counting, database: Database, lease: Lease) -> None:
    keys = [key(minute=minute, slice_=slice_) for minute in range(3) for slice_ in ("all", "country=DE")]
    for _ in range(2):
        with counting.transaction(lease) as write:
            write.add_summaries(dict.fromkeys(keys, counts(1, 2)))
            write.add_summaries({key(partition=1): counts(10, 0)})

    with database.read() as connection:
        assert between(connection, "drift", SCOPE, "abc", DAY) == [
            (START, counts(22, 4)),
            (START + timedelta(minutes=1), counts(2, 4)),
            (START + timedelta(minutes=2), counts(2, 4)),
        ]
        assert sum_between(connection, "drift", SCOPE, "abc", DAY) == counts(26, 12)
        assert sum_between(connection, "drift", SCOPE, "other", DAY) == Summary()
        assert [each.slice for each in scopes_between(connection, "drift", DAY)] == ["all", "country=DE"]
        assert set(connection.scalars(sa.select(summary_table.c.revision))) == {2}


def test_more_summaries_than_one_statement_takes_are_added(
    counting: Counting, database: Database, lease: Lease
) -> None:
    many = {key(minute=minute): counts(minute, 1) for minute in range(333)}
    for _ in range(2):
        with counting.transaction(lease) as write:
            write.add_summaries(many)

    with database.read() as connection:
        panes = between(connection, "drift", SCOPE, "abc", DAY)

    assert [pane.count("rows") for _, pane in panes] == [2 * (minute + 1) for minute in range(333)]


def test_an_event_is_quarantined_once_for_a_monitor(
    counting: Counting, database: Database, lease: Lease
) -> None:
    item = Quarantined(
        event=EventId(producer="a", segment=1, offset=40),
        monitor="drift",
        partition=0,
        error="ValueError: too large",
        event_at=START,
        stored_at=START,
        model="churn\0",  # a character that PostgreSQL does not store
    )

    for _ in range(2):
        with counting.transaction(lease) as write:
            write.quarantine([item])

    with database.read() as connection:
        (found,) = quarantined(connection)
        assert (found.event, found.model) == (item.event, "churn\u2400")
        assert quarantined(connection, event=EventId(producer="a", segment=1, offset=41)) == []


def test_a_window_is_pending_until_its_newest_revision_was_judged(
    counting: Counting, database: Database, lease: Lease
) -> None:
    window = WindowKey(monitor="drift", scope=SCOPE, window=DAY)
    with counting.transaction(lease) as write:
        write.touch_windows([window, window])
    with database.read() as connection:
        (first,) = pending_windows(connection, "churn", "1", before=DAY.end, limit=10)
        assert pending_windows(connection, "churn", "1", before=DAY.start, limit=10) == []
    with counting.transaction(lease) as write:
        write.touch_windows([window])

    with database.write() as connection:
        mark_judged(connection, [first])
    with database.read() as connection:
        (second,) = pending_windows(connection, "churn", "1", before=DAY.end, limit=10)
    with database.write() as connection:
        mark_judged(connection, [second])

    assert (first.revision, second.revision, second.judged) == (1, 2, 1)
    with database.read() as connection:
        assert pending_windows(connection, "churn", "1", before=DAY.end, limit=10) == []


def test_windows_of_monitors_that_wait_do_not_stand_in_front_of_others(
    counting: Counting, database: Database, lease: Lease
) -> None:
    hours = [Window(start=START + timedelta(hours=n), end=START + timedelta(hours=n + 1)) for n in range(3)]
    names = ("drift", "toxicity", "traffic")
    with counting.transaction(lease) as write:
        write.touch_windows(
            WindowKey(monitor=name, scope=SCOPE, window=hour) for name in names for hour in hours
        )

    with database.read() as connection:
        found = pending_windows(
            connection,
            "churn",
            "1",
            before=hours[-1].end,
            limit=4,
            without={"drift"},
            up_to={"toxicity": hours[0].end},
        )

    assert [(each.key.monitor, each.key.window) for each in found] == [
        ("toxicity", hours[0]),
        *(("traffic", hour) for hour in hours),
    ]


def test_a_models_clock_is_its_newest_event(counting: Counting, database: Database, lease: Lease) -> None:
    for minutes, replay in ((5, True), (3, False)):
        with counting.transaction(lease) as write:
            write.note_newest(
                model="churn", version="1", newest_at=START + timedelta(minutes=minutes), replay=replay
            )

    with database.read() as connection:
        (clock,) = model_clocks(connection)
    assert (clock.newest_at, clock.replay) == (START + timedelta(minutes=5), True)


def test_derived_records_go_into_the_log_in_the_same_transaction(
    counting: Counting, log: SegmentLog, lease: Lease
) -> None:
    with contextlib.suppress(ZeroDivisionError), counting.transaction(lease) as write:
        write.add_records("joined0", [a_label("never")])
        raise ZeroDivisionError
    for text in ("x", "y"):
        with counting.transaction(lease) as write:
            write.add_records("joined0", [a_label(text)])

    first, second = log.find("joined0", 1), log.find("joined0", 2)

    assert first is not None
    assert second is not None
    assert [record for _, record in first.records() + second.records()] == [a_label("x"), a_label("y")]
    assert log.find("joined0", 3) is None


def test_positions_of_monitors_that_run_no_more_are_forgotten(counting: Counting, lease: Lease) -> None:
    with counting.transaction(lease) as write:
        write.move_cursor("drift", 0, seq=1, counted=1, quarantined=0)
        write.move_cursor("gone", 0, seq=1, counted=1, quarantined=0)

    counting.retire(keep=["drift"])

    assert counting.cursor("gone", 0) == Cursor()
    assert counting.cursor("drift", 0).seq == 1


def test_workers_that_take_each_others_leases_count_every_segment_once(postgres_url: str) -> None:
    database = open_writer(DatabaseSettings(url=postgres_url, partitions=2))
    log = SegmentLog(database)
    for number in range(40):
        log.store("a", number, file_of(an_event(number)))
    counting = Counting(database, log)

    def work(owner: str) -> None:
        leases = Leases(database, owner=owner, ttl_s=0.002)  # so short that they are lost all the time
        while any(counting.cursor("drift", partition).counted < 20 for partition in (0, 1)):
            for partition in (0, 1):
                held = leases.acquire(f"partition-{partition}")
                if held is not None:
                    _count_one(counting, log, held, partition)

    workers = [threading.Thread(target=work, args=(f"worker-{each}",)) for each in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    with database.read() as connection:
        total = sum_between(connection, "drift", SCOPE, "abc", DAY)
    assert total == Summary.of({"rows": 40}, "abc")
    assert [counting.cursor("drift", each).counted for each in (0, 1)] == [20, 20]
    database.close()


def _count_one(counting: Counting, log: SegmentLog, lease: Lease, partition: int) -> None:
    at = counting.cursor("drift", partition).seq
    for segment in log.after(partition, at, 1):
        rows = sum(isinstance(record, InferenceEvent) for _, record in segment.records())
        try:
            with counting.transaction(lease) as write:
                write.add_summaries({key(partition=partition): Summary.of({"rows": rows}, "abc")})
                write.move_cursor("drift", partition, seq=segment.seq, counted=rows, quarantined=0)
        except LeaseLostError:
            return


class CountedOnce(RuleBasedStateMachine):
    """Workers take over, crash and wake at any point; what was counted is what was passed."""

    def __init__(self) -> None:
        super().__init__()
        self.leases: dict[str, Lease | None] = {}
        self.planned: dict[str, int] = {}

    @initialize()
    def open(self) -> None:
        folder = Path(_FOLDERS.pop())
        self.database = open_writer(DatabaseSettings(url=f"sqlite:///{folder}/model.db"))
        self.log = SegmentLog(self.database)
        self.counting = Counting(self.database, self.log)
        self.stored = 0

    @rule()
    def store(self) -> None:
        self.stored += 1
        self.log.store("a", self.stored, file_of(an_event(self.stored)))

    @rule(owner=st.sampled_from(["one", "two"]))
    def take(self, owner: str) -> None:
        self.leases[owner] = Leases(self.database, owner=owner).acquire("partition-0") or self.leases.get(
            owner
        )
        self.planned[owner] = self.counting.cursor("drift", 0).seq

    @rule()
    def expire(self) -> None:
        expire(self.database, "partition-0")

    @rule(owner=st.sampled_from(["one", "two"]), crash=st.booleans())
    def count(self, owner: str, crash: bool) -> None:
        lease = self.leases.get(owner)
        at = self.planned.get(owner, 0)
        if lease is None or at >= self.stored:
            return
        try:
            with self.counting.transaction(lease) as write:
                write.add_summaries({key(): counts(1)})
                write.move_cursor("drift", 0, seq=at + 1, counted=1, quarantined=0)
                if crash:
                    raise ZeroDivisionError
        except (LeaseLostError, ZeroDivisionError):
            return
        self.planned[owner] = at + 1

    @invariant()
    def counted_is_passed(self) -> None:
        if not hasattr(self, "counting"):
            return
        at = self.counting.cursor("drift", 0)
        with self.database.read() as connection:
            rows = sum_between(connection, "drift", SCOPE, "abc", DAY).count("rows")
        assert at.seq == at.counted == rows

    def teardown(self) -> None:
        self.database.close()


_FOLDERS: list[str] = []


def test_whatever_workers_do_each_event_is_counted_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    _FOLDERS[:] = [str(tmp_path_factory.mktemp("model")) for _ in range(200)]
    machine = CountedOnce.TestCase
    machine.settings = hypothesis_settings(max_examples=15, stateful_step_count=25, deadline=None)

    machine("runTest").debug()

    assert Counter(_FOLDERS).most_common(1)[0][1] == 1  # no folder was used twice
