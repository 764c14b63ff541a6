"""What becomes of things as they age: panes roll up, and what is past its time is deleted."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from storage.alerts import rule_states, save_alerts, save_rule_states
from storage.clock import Clock
from storage.counting import Counting
from storage.database import Database
from storage.labels import (
    WaitingLabel,
    add_waiting,
    find_app_ids,
    refused_labels,
    remember_app_ids,
    remove_waiting,
    waiting_count,
    waiting_for,
    waiting_since,
)
from storage.leases import Lease, Leases
from storage.records import EventId, Scope, Window
from storage.retention import delete_old
from storage.rollups import DAY_S, HOUR_S, RollUp, roll_up
from storage.segments import SegmentLog
from storage.settings import RetentionSettings
from storage.summaries import SummaryKey, between, sum_between
from storage.summary import Summary
from storage.tables import segment, summary, window
from storage.windows import WindowKey, mark_judged, pending_windows
from tests.helpers.alerts import an_alert
from tests.helpers.events import START, an_event
from tests.integration.storage.test_segments import file_of

SCOPE = Scope(model="churn", version="1")
HOUR = timedelta(hours=1)
YEAR = Window(start=START - timedelta(days=1), end=START + timedelta(days=365))


def at(moment: datetime) -> Clock:
    return lambda: moment


@pytest.fixture
def lease(database: Database) -> Lease:
    taken = Leases(database, owner="one").acquire("partition-0")
    assert taken is not None
    return taken


def count_minutes(
    counting: Counting, lease: Lease, minutes: range, *, newest_at: datetime, length_s: int = 60
) -> None:
    panes = {
        SummaryKey(
            monitor="drift",
            scope=SCOPE,
            reference="abc",
            start=START + timedelta(minutes=minute),
            length_s=length_s,
            partition=0,
        ): Summary.of({"rows": 1, "minutes": minute}, "abc")
        for minute in minutes
    }
    with counting.transaction(lease) as write:
        write.add_summaries(panes)
        write.note_newest(model="churn", version="1", newest_at=newest_at, replay=True)


def rows_by_length(database: Database) -> dict[int, int]:
    with database.read() as connection:
        statement = sa.select(summary.c.length_s, sa.func.count().label("n")).group_by(summary.c.length_s)
        return {row.length_s: row.n for row in connection.execute(statement)}


def test_aged_minutes_become_hours_and_hours_days_and_nothing_is_lost(
    database: Database, log: SegmentLog, lease: Lease
) -> None:
    counting = Counting(database, log)
    count_minutes(counting, lease, range(0, 180), newest_at=START + timedelta(hours=3))
    to_hours = RollUp(to_s=HOUR_S, kept=timedelta(hours=1))
    to_days = RollUp(to_s=DAY_S, kept=timedelta(hours=1))
    with database.read() as connection:
        before = sum_between(connection, "drift", SCOPE, "abc", YEAR)

    with counting.transaction(lease) as write:
        while roll_up(write.connection, 0, to_hours, limit=50):
            pass
    hours = rows_by_length(database)
    with database.read() as connection:
        panes = between(connection, "drift", SCOPE, "abc", YEAR)
    with counting.transaction(lease) as write:
        while roll_up(write.connection, 0, to_days):
            pass

    # of 180 minutes the 120 that are older than one hour by the model's clock make two hours
    assert hours == {60: 60, HOUR_S: 2}
    assert (panes[0][0], panes[0][1].count("rows"), panes[0][1].count("minutes")) == (START, 60, 59 * 60 // 2)
    assert rows_by_length(database) == {60: 60, DAY_S: 1}
    with database.read() as connection:
        assert sum_between(connection, "drift", SCOPE, "abc", YEAR) == before


def test_a_late_event_is_added_to_the_hour_that_was_rolled_up(
    database: Database, log: SegmentLog, lease: Lease
) -> None:
    counting = Counting(database, log)
    step = RollUp(to_s=HOUR_S, kept=timedelta(minutes=1))
    for _ in range(2):
        count_minutes(counting, lease, range(0, 60), newest_at=START + timedelta(hours=3))
        with counting.transaction(lease) as write:
            roll_up(write.connection, 0, step)

    with database.read() as connection:
        ((start, hour),) = between(connection, "drift", SCOPE, "abc", YEAR)
    assert (start, hour.count("rows")) == (START, 120)


def test_panes_that_would_lie_in_two_hours_stay(database: Database, log: SegmentLog, lease: Lease) -> None:
    counting = Counting(database, log)
    count_minutes(counting, lease, range(0, 7), newest_at=START + timedelta(days=9), length_s=420)

    with counting.transaction(lease) as write:
        assert roll_up(write.connection, 0, RollUp(to_s=HOUR_S, kept=timedelta(0))) == 0


def test_a_replay_of_the_past_keeps_its_minutes(database: Database, log: SegmentLog, lease: Lease) -> None:
    counting = Counting(database, log)
    count_minutes(counting, lease, range(0, 10), newest_at=START + timedelta(minutes=10))

    with counting.transaction(lease) as write:
        assert roll_up(write.connection, 0, RollUp(to_s=HOUR_S, kept=timedelta(days=7))) == 0


def test_segments_are_deleted_when_old_and_passed_by_every_monitor(database: Database, lease: Lease) -> None:
    log = SegmentLog(database, clock=at(START), retain_days=30)
    step = len(log.partitions)
    for number in range(1, 4):
        log.store("a", number * step, file_of(an_event(number)))
    counting = Counting(database, log)
    held = log.find("a", step)
    assert held is not None
    with counting.transaction(lease) as write:
        write.move_cursor("drift", held.partition, seq=2, counted=2, quarantined=0)
        write.move_cursor("quality", held.partition, seq=3, counted=3, quarantined=0)

    early = delete_old(database, RetentionSettings(), START + timedelta(days=29))
    late = delete_old(database, RetentionSettings(), START + timedelta(days=31))

    assert (early.segments, late.segments) == (0, 2)
    assert [each.seq for each in log.after(held.partition, 0, 10)] == [3]


def test_without_a_monitor_no_segment_is_deleted(database: Database) -> None:
    log = SegmentLog(database, clock=at(START), retain_days=1)
    log.store("a", 1, file_of(an_event()))

    assert delete_old(database, RetentionSettings(), START + timedelta(days=999)).segments == 0
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(segment)) == 1


def test_many_chunks_are_deleted(database: Database, log: SegmentLog, lease: Lease) -> None:
    count_minutes(Counting(database, log), lease, range(0, 1201), newest_at=START + timedelta(days=3))

    deleted = delete_old(database, RetentionSettings(days_days=2.5), START)

    assert deleted.summaries == 720  # minutes before START + 12 h
    assert rows_by_length(database) == {60: 481}


def test_judged_windows_go_with_their_summaries_and_one_that_waits_stays(
    database: Database, log: SegmentLog, lease: Lease
) -> None:
    counting = Counting(database, log)
    hours = [Window(start=START + hour * HOUR, end=START + (hour + 1) * HOUR) for hour in range(4)]
    with counting.transaction(lease) as write:
        write.touch_windows(WindowKey(monitor="drift", scope=SCOPE, window=hour) for hour in hours)
        write.note_newest(model="churn", version="1", newest_at=START + timedelta(days=3), replay=True)
    with database.write() as connection:
        due = pending_windows(connection, "churn", "1", before=START + timedelta(days=1), limit=9)
        mark_judged(connection, due[1:])

    deleted = delete_old(database, RetentionSettings(days_days=3 - 2.5 / 24), START)

    with database.read() as connection:
        kept = connection.execute(sa.select(window.c.start).order_by(window.c.start)).scalars().all()
    assert deleted.windows == 2  # began in the first 2.5 hours, and were judged
    assert kept == [START, START + 3 * HOUR]


def test_labels_wait_within_a_bound_and_those_without_a_place_are_counted(database: Database) -> None:
    def waiting(number: int) -> WaitingLabel:
        return WaitingLabel(
            place=EventId(producer="a", segment=1, offset=number),
            tenant="bank",
            event=f"order-{number % 2}",
            row=0,
            value=number % 2 == 0,
            labelled_at=START,
        )

    every = [waiting(number) for number in range(1, 6)]
    with database.write() as connection:
        refused = add_waiting(connection, every, stored_at=START, most=4)
    with database.read() as connection:
        assert refused == 1
        assert refused_labels(connection) == {"no_place_to_wait": 1}
        assert waiting_for(connection, ["order-0", "order-9"]) == [waiting(2), waiting(4)]
        first = waiting_since(connection, after=None, limit=3)
        assert waiting_since(connection, after=first[-1].place, limit=3) == [waiting(4)]

    with database.write() as connection:
        assert remove_waiting(connection, [waiting(2).place, waiting(5).place]) == 1
    deleted = delete_old(database, RetentionSettings(waiting_days=3), START + timedelta(days=4))

    assert deleted.waiting == 3
    with database.read() as connection:
        assert waiting_count(connection) == 0
        assert refused_labels(connection) == {"no_place_to_wait": 1, "event_never_came": 3}


def test_an_apps_own_id_leads_to_its_first_event_of_the_same_tenant(database: Database) -> None:
    one, two = (EventId(producer="a", segment=1, offset=offset) for offset in (1, 2))
    long = "x" * 5000 + "\0"
    with database.write() as connection:
        remember_app_ids(
            connection, [("bank", "7", one), (None, "7", two), (None, long, two)], stored_at=START
        )
        remember_app_ids(connection, [("bank", "7", two)], stored_at=START)

    with database.read() as connection:
        found = find_app_ids(
            connection, [("bank", "7"), (None, "7"), (None, long), ("shop", "7"), (None, "8")]
        )

    assert found == {("bank", "7"): one, (None, "7"): two, (None, long): two}


def test_what_a_rule_remembers_of_no_open_alert_goes_with_the_measurements(database: Database) -> None:
    kept = RetentionSettings().measurements_days
    with database.write() as connection:
        save_alerts(connection, [an_alert()], stored_at=START)
        states = {an_alert().fingerprint: b"a", "calm": b"b"}
        save_rule_states(connection, states, model="churn", version="12", updated_at=START)

    delete_old(database, RetentionSettings(), START + timedelta(days=kept))
    with database.read() as connection:
        early = rule_states(connection, model="churn", version="12")
    delete_old(database, RetentionSettings(), START + timedelta(days=kept + 1))
    with database.read() as connection:
        late = rule_states(connection, model="churn", version="12")

    assert early == states
    assert late == {an_alert().fingerprint: b"a"}
