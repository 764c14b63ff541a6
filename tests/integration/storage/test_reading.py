"""What the API and the dashboard ask, and the account of where every event is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from storage import reading
from storage.accounts import lags
from storage.alerts import delete_rule_states, open_alerts, rule_states, save_alerts, save_rule_states
from storage.counting import Counting
from storage.database import Database
from storage.errors import InvalidPageError
from storage.framing import Tally
from storage.labels import remember_app_ids, store_labels
from storage.leases import Leases
from storage.measurements import add_judgements
from storage.models import StoredReference, find_reference, put_reference, register_model
from storage.outbox import (
    Delivery,
    OutboxMessage,
    add_messages,
    dead_messages,
    due_messages,
    late_messages,
    mark_dead,
    mark_failed,
    mark_sent,
    message_before,
    message_counts,
    next_message_at,
)
from storage.quarantine import Quarantined
from storage.records import (
    Alert,
    AlertStatus,
    Bounds,
    EventId,
    Judgement,
    Measurement,
    Scope,
    Severity,
    Window,
)
from storage.segments import SegmentLog
from storage.settling import Label
from storage.shipper import note_tally
from tests.helpers.events import START, an_event
from tests.integration.storage.test_segments import file_of

SCOPE = Scope(model="churn", version="1")
HOUR = timedelta(hours=1)


def judgement(hour: int, column: str | None = "age", value: float | None = 0.2, **more: object) -> Judgement:
    measured = Measurement(
        metric="drift", value=value, n=500, column=column, interval=(0.1, 0.3), bounds=Bounds(upper=0.1)
    )
    return Judgement(
        monitor="drift",
        scope=SCOPE,
        window=Window(start=START + hour * HOUR, end=START + (hour + 1) * HOUR),
        measurement=replace(measured, **more),  # type: ignore[arg-type]  # fields by name
    )


def alert(number: int, status: AlertStatus = AlertStatus.FIRING) -> Alert:
    return Alert(
        fingerprint=f"f{number}",
        status=status,
        rule="drift",
        severity=Severity.WARNING,
        scope=SCOPE,
        monitor="drift",
        metric="drift",
        column="age",
        summary="age drifts",
        starts_at=START,
        updated_at=START + HOUR,
    )


def message(number: int) -> OutboxMessage:
    return OutboxMessage(
        message_id=f"<{number}@inferwatch>",
        channel="email",
        recipient="ops@example.org",
        body=b"\x00mail",
        made_at=START,
        next_at=START + timedelta(minutes=number),
    )


def test_a_measurement_is_read_as_it_was_judged(database: Database) -> None:
    known = judgement(0)
    unknown = judgement(0, column=None, value=None, interval=None, bounds=Bounds(), significant=False)
    with database.write() as connection:
        add_judgements(connection, [known, unknown], judged_at=START)

    with database.read() as connection:
        page = reading.measurements(connection, reading.MeasurementFilter())

    assert page.judgements == [known, unknown]
    assert page.next is None


def test_a_window_that_is_judged_again_replaces_its_measurement(database: Database) -> None:
    for value in (0.2, 0.05):
        with database.write() as connection:
            add_judgements(connection, [judgement(0, value=value)], judged_at=START)

    with database.read() as connection:
        page = reading.measurements(connection, reading.MeasurementFilter())

    assert [each.measurement.value for each in page.judgements] == [0.05]


def test_pages_follow_each_other_without_a_gap_or_a_repetition(database: Database) -> None:
    every = [judgement(hour, column) for hour in range(4) for column in ("age", "plan", "sum")]
    with database.write() as connection:
        add_judgements(connection, every, judged_at=START)

    seen: list[Judgement] = []
    cursor: str | None = None
    with database.read() as connection:
        while True:
            page = reading.measurements(connection, reading.MeasurementFilter(), limit=5, cursor=cursor)
            seen += page.judgements
            cursor = page.next
            if cursor is None:
                break

    assert seen == every


def test_measurements_are_filtered_by_each_of_their_names(database: Database) -> None:
    with database.write() as connection:
        add_judgements(
            connection, [judgement(h, c) for h in range(3) for c in ("age", "plan")], judged_at=START
        )

    def count(asked: reading.MeasurementFilter) -> int:
        with database.read() as connection:
            return len(reading.measurements(connection, asked).judgements)

    assert count(reading.MeasurementFilter(model="churn", version="1", monitor="drift", metric="drift")) == 6
    assert count(reading.MeasurementFilter(column="age")) == 3
    assert count(reading.MeasurementFilter(slice="country=DE")) == 0
    assert count(reading.MeasurementFilter(start=START + HOUR)) == 4
    assert count(reading.MeasurementFilter(end=START + 2 * HOUR)) == 4


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "1.2.3", "1.x", "9" * 30 + ".1", "-.1", "--1.1", "9" * 19 + ".1"]
)
def test_a_cursor_that_no_page_gave_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(InvalidPageError, match="cursor"), database.read() as connection:
        reading.measurements(connection, reading.MeasurementFilter(), cursor=cursor)


def test_alerts_come_newest_first_in_pages(database: Database) -> None:
    with database.write() as connection:
        save_alerts(connection, [alert(number) for number in range(5)], stored_at=START)
        save_alerts(connection, [alert(0, AlertStatus.RESOLVED)], stored_at=START)

    with database.read() as connection:
        first = reading.alerts(connection, limit=3)
        second = reading.alerts(connection, limit=3, cursor=first.next)
        resolved = reading.alerts(connection, model="churn", statuses=["resolved"])
        still_open = open_alerts(connection, model="churn", version="1")

    assert [each.fingerprint for each in first.alerts + second.alerts] == ["f4", "f3", "f2", "f1", "f0"]
    assert second.next is None
    assert [each.fingerprint for each in resolved.alerts] == ["f0"]
    assert still_open == [alert(number) for number in range(1, 5)]


def test_rules_remember_until_they_are_told_to_forget(database: Database) -> None:
    with database.write() as connection:
        save_rule_states(connection, {"a": b"1", "b": b"2"}, model="churn", version="1", updated_at=START)
        save_rule_states(connection, {"a": b"3"}, model="churn", version="1", updated_at=START)
        delete_rule_states(connection, ["b"])

    with database.read() as connection:
        assert rule_states(connection, model="churn", version="1") == {"a": b"3"}
        assert rule_states(connection, model="churn", version="2") == {}


def test_a_message_waits_is_tried_again_and_ends_sent_or_dead(database: Database) -> None:
    with database.write() as connection:
        add_messages(connection, [message(0), message(1), message(2)])
        add_messages(connection, [replace(message(0), body=b"other")])  # is there already
    now = START + timedelta(minutes=1)
    with database.write() as connection:
        assert due_messages(connection, now, limit=10) == [message(0)]
        mark_sent(connection, message(0))
        assert due_messages(connection, now, limit=10) == [message(1)]
        mark_failed(connection, message(1), error="451 try later", next_at=now + HOUR)
        mark_dead(connection, message(2), error="550 no such user")

    with database.read() as connection:
        assert due_messages(connection, now, limit=10) == []
        (again,) = due_messages(connection, now + HOUR, limit=10)
        (dead,) = dead_messages(connection)
        assert next_message_at(connection) == now + HOUR
        assert message_counts(connection) == {Delivery.SENT: 1, Delivery.WAITING: 1, Delivery.DEAD: 1}
    assert (again.attempts, again.last_error) == (1, "451 try later")
    assert (dead.message_id, dead.last_error) == ("<2@inferwatch>", "550 no such user")


def test_every_recipient_has_a_turn_and_those_who_were_tried_least_come_first(database: Database) -> None:
    tried = replace(message(0), recipient="away@example.org", attempts=7)
    with database.write() as connection:
        add_messages(connection, [tried, replace(message(1), recipient="away@example.org"), message(2)])

    with database.read() as connection:
        due = due_messages(connection, START + HOUR, limit=10)
        (late,) = late_messages(connection, tries=3)

    assert due == [message(2), tried]
    assert late == tried


def test_the_message_before_is_the_oldest_that_waits_of_the_same_group_and_recipient(
    database: Database,
) -> None:
    first, second, third = (
        replace(message(n), group="churn 1", made_at=START + n * timedelta(minutes=1)) for n in range(3)
    )
    other = replace(message(4), group="churn 2", made_at=START - HOUR)
    with database.write() as connection:
        add_messages(connection, [third, second, first, other, replace(message(5), made_at=START - HOUR)])
        mark_sent(connection, first)

        assert message_before(connection, third) == second
        assert message_before(connection, second) is None
        assert message_before(connection, message(5)) is None


def test_models_are_listed_with_reference_and_clock(database: Database, log: SegmentLog) -> None:
    reference = StoredReference(hash="abc", model="churn", version="1", body=b"bins", made_at=START)
    with database.write() as connection:
        register_model(connection, model="churn", version="1", manifest="{}", registered_at=START)
        put_reference(connection, reference)
        register_model(
            connection, model="churn", version="1", manifest='{"new": 1}', registered_at=START + HOUR
        )
    lease = Leases(database, owner="one").acquire("partition-0")
    assert lease is not None
    with Counting(database, log).transaction(lease) as write:
        write.note_newest(model="churn", version="1", newest_at=START, replay=False)

    with database.read() as connection:
        (info,) = reading.models(connection)
        assert find_reference(connection, "abc") == reference
        assert find_reference(connection, "abd") is None

    assert (info.version.manifest, info.version.reference, info.version.registered_at) == (
        '{"new": 1}',
        "abc",
        START,
    )
    assert info.clock is not None
    assert info.clock.newest_at == START


def test_the_story_of_an_event_has_all_that_became_of_it(database: Database, log: SegmentLog) -> None:
    log.store("a", 1, file_of(an_event(60, app_id="order-7")))
    held = log.find("a", 1)
    assert held is not None
    ((event_id, event),) = held.records()
    label = Label(
        event=event_id, row=0, said="1", labelled_at=START, place=EventId(producer="a", segment=2, offset=1)
    )
    set_aside = Quarantined(
        event=event_id, monitor="drift", partition=0, error="ValueError", event_at=START, stored_at=START
    )
    lease = Leases(database, owner="one").acquire("partition-0")
    assert lease is not None
    with Counting(database, log).transaction(lease) as write:
        write.quarantine([set_aside])
        store_labels(write.connection, [label], stored_at=START)
        remember_app_ids(write.connection, [("bank", "order-7", event_id)], stored_at=START)
        add_judgements(write.connection, [judgement(0), judgement(1)], judged_at=START)

    with database.read() as connection:
        found = reading.find_event_id(connection, "order-7", tenant="bank")
        story = reading.event_story(connection, event_id)
        assert reading.find_event_id(connection, "order-7", tenant=None) is None
        assert reading.find_event_id(connection, str(event_id), tenant=None) == event_id
        assert reading.event_story(connection, replace(event_id, offset=1)) is None

    assert found == event_id
    assert story == reading.EventStory(
        id=event_id,
        event=an_event(60, app_id="order-7"),
        labels=[label],
        quarantined=[set_aside],
        judgements=[judgement(0)],
    )
    assert story.event == event


def test_every_event_is_accounted_for_wherever_it_is(database: Database, log: SegmentLog) -> None:
    # 12 answered: 2 dropped, 10 journalled. Of these 3 are in the journal and 7 stored: 4 passed by both
    # monitors (one of them set aside by one), 3 passed by one alone.
    with database.write() as connection:
        note_tally(connection, "a", Tally(answered=12, journalled=10, dropped=2), START)
    step = len(log.partitions)
    log.store("a", step, file_of(*(an_event(each) for each in range(4))))
    log.store("a", 2 * step, file_of(*(an_event(each) for each in range(3))))
    segment = log.find("a", step)
    assert segment is not None
    lease = Leases(database, owner="one").acquire("partition")
    assert lease is not None
    counting = Counting(database, log)
    with counting.transaction(lease) as write:
        write.move_cursor("drift", segment.partition, seq=1, counted=3, quarantined=1)
        write.quarantine(
            [
                Quarantined(
                    event=segment.records()[0][0],
                    monitor="drift",
                    partition=segment.partition,
                    error="ValueError",
                    event_at=START,
                    stored_at=START,
                )
            ]
        )
        write.move_cursor("quality", segment.partition, seq=2, counted=7, quarantined=0)

    with database.read() as connection:
        account = reading.accounting(connection)
        behind = {lag.monitor: lag for lag in lags(connection)}

    assert account == reading.Accounting(
        answered=12, journalled=10, stored=7, counted=3, quarantined=1, dropped=2, waiting=6
    )
    assert (account.accounted, account.accounted_share) == (12, 1.0)
    assert (behind["drift"].events, behind["quality"].events) == (3, 0)
    assert behind["drift"].since is not None
    assert behind["quality"].since is None


def test_before_the_first_event_there_is_nothing_to_account_for(database: Database) -> None:
    with database.read() as connection:
        account = reading.accounting(connection)

    assert (account.answered, account.accounted_share) == (0, None)


def test_an_event_that_was_lost_shows_in_the_account(database: Database, log: SegmentLog) -> None:
    with database.write() as connection:
        note_tally(connection, "a", Tally(answered=4, journalled=3), START)

    with database.read() as connection:
        assert reading.accounting(connection).accounted_share == 0.75
