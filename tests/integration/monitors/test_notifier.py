"""From alerts in SQL to messages in the outbox, whatever crashes, and with what people asked for."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitors.alerts.channels import Message
from monitors.alerts.groups import Notice
from monitors.alerts.postbox import Postbox
from monitors.settings import AlertSettings, EmailSettings, MonitorSettings, Security
from storage import tables
from storage.alerts import save_alerts
from storage.errors import LeaseLostError
from storage.measurements import add_judgements
from storage.records import (
    Alert,
    AlertStatus,
    Bounds,
    Judgement,
    Matcher,
    Measurement,
    Scope,
    Severity,
    Window,
)
from storage.silences import Silence, acknowledge, add_silence
from tests.helpers.alerts import a_notice
from tests.helpers.board import Board
from tests.helpers.station import NOON, CrashError, Station, a_station, an_event

EMAIL = EmailSettings(
    host="localhost", security=Security.NONE, sender="watch@example.org", to=("ops@example.org",), per_hour=5
)
SCOPE = Scope(model="shop", version="1")
HOUR = timedelta(hours=1)


@pytest.fixture
def station(database_url: str) -> Iterator[Station]:
    with a_station(database_url, partitions=1, alerts=AlertSettings(email=EMAIL)) as made:
        made.register()
        yield made


def put(
    station: Station, *columns: str, over: bool = False, model: str = "shop", start: datetime = NOON
) -> None:
    """Alerts as the judge saves them."""
    alerts = [
        Alert(
            fingerprint=hashlib.sha256(f"{model} {column}".encode()).hexdigest()[:32],
            status=AlertStatus.RESOLVED if over else AlertStatus.FIRING,
            rule="drift",
            severity=Severity.WARNING,
            scope=replace(SCOPE, model=model),
            monitor="drift",
            metric="drift",
            column=column,
            summary=f"drift of {column} is 0.3",
            starts_at=start,
            updated_at=start,
            ends_at=start + HOUR if over else None,
        )
        for column in columns
    ]
    with station.database.write() as connection:
        save_alerts(connection, alerts, stored_at=station.clock())


def pass_by(station: Station, **span: float) -> None:
    """Time, with a look every ten seconds."""
    until = station.clock() + timedelta(**span)
    while station.clock() < until:
        station.notify()
        station.clock.move(seconds=10)
    station.notify()


def mails(station: Station) -> list[tuple[str, str]]:
    """Reason and subject of every message in the outbox, oldest first."""
    rows = sorted(station.rows(tables.outbox), key=lambda row: row.made_at)
    return [(row.reason, row.subject) for row in rows]


def test_a_group_is_told_once_when_it_fires_and_once_when_it_is_over(station: Station) -> None:
    put(station, "age", "plan")
    pass_by(station, minutes=10)
    put(station, "age", "plan", over=True)
    pass_by(station, minutes=10)

    assert mails(station) == [
        ("first", "[FIRING:2] shop 1: drift in age, plan"),
        ("resolved", "[RESOLVED] shop 1: drift in age, plan"),
    ]
    assert {row.told for row in station.rows(tables.alert)} == {"resolved"}
    assert {row.group for row in station.rows(tables.outbox)} == {'{"model":"shop","version":"1"}'}
    assert station.rows(tables.alert_group) != []  # for five minutes, and the mails of the hour


def test_a_new_process_goes_on_where_the_last_one_was(station: Station) -> None:
    put(station, "age")
    pass_by(station, minutes=1)
    station.restart()
    put(station, "plan")
    pass_by(station, minutes=6)

    assert [reason for reason, _ in mails(station)] == ["first", "changed"]
    assert len({row.message_id for row in station.rows(tables.outbox)}) == 2


def test_a_crash_at_any_step_tells_nobody_twice_and_leaves_nothing_out(station: Station) -> None:
    put(station, "age")
    station.notify()
    station.clock.move(seconds=30)

    for step in range(1, 7):
        station.counting.crash_at = ("connection", "before", step)
        with contextlib.suppress(CrashError):
            station.notify()
        station.restart()
    station.notify()

    assert mails(station) == [("first", "[FIRING:1] shop 1: drift in age")]


def test_who_lost_the_lease_tells_nothing(station: Station) -> None:
    put(station, "age")
    station.notify()
    station.clock.move(seconds=30)
    stale = station.lease("judge")
    station.stages.leases.acquire("judge")

    with pytest.raises(LeaseLostError):
        station.stages.notifier.look(stale)

    assert mails(station) == []


def test_a_silence_in_sql_holds_and_ends(station: Station) -> None:
    with station.database.write() as connection:
        add_silence(
            connection,
            Silence(
                id="s", matchers=(Matcher(label="column", value="age"),), author="ops", comment="known",
                starts_at=NOON, ends_at=NOON + HOUR, made_at=NOON,
            ),
        )  # fmt: skip
    put(station, "age")
    pass_by(station, minutes=59)
    silenced = mails(station)
    pass_by(station, minutes=2)

    assert silenced == []
    assert mails(station) == [("first", "[FIRING:1] shop 1: drift in age")]


def test_what_somebody_acknowledged_is_not_repeated(station: Station) -> None:
    put(station, "age")
    put(station, "age", model="other")
    pass_by(station, minutes=1)
    fingerprint = hashlib.sha256(b"shop age").hexdigest()[:32]
    with station.database.write() as connection:
        assert acknowledge(
            connection, fingerprint, author="ops", comment="on it", made_at=station.clock(), starts_at=NOON
        )
    station.clock.move(hours=4)
    pass_by(station, minutes=1)

    assert [subject for reason, subject in mails(station) if reason == "repeat"] == [
        "[FIRING:1] other 1: drift in age"
    ]


def test_a_storm_ends_in_a_digest(station: Station) -> None:
    for number in range(12):
        put(station, "age", model=f"m{number:02}")
    pass_by(station, minutes=5)

    told = mails(station)
    assert [reason for reason, _ in told] == ["first"] * 4 + ["digest"]
    assert told[-1][1] == "[DIGEST:8] 8 more notices than you are sent in an hour"
    (digest,) = [row for row in station.rows(tables.outbox) if row.reason == "digest"]
    assert all(f"m{number:02} 1: drift in age".encode() in digest.body for number in range(4, 12))


def test_a_mail_shows_what_was_measured_before(station: Station) -> None:
    def judged(hour: int, value: float | None) -> Judgement:
        measured = Measurement(
            metric="drift", column="age", value=value, n=100, bounds=Bounds(upper=0.1), interval=(0.1, 0.5)
        )
        window = Window(start=NOON + (hour - 1) * HOUR, end=NOON + hour * HOUR)
        return Judgement(monitor="drift", scope=SCOPE, window=window, measurement=measured)

    with station.database.write() as connection:
        history = [judged(hour, 0.3 if hour else None) for hour in range(-150, 1)]
        add_judgements(connection, history, judged_at=NOON)
    put(station, "age")

    pass_by(station, minutes=1)

    (row,) = station.rows(tables.outbox)
    assert b"image/png" in row.body


def test_a_model_without_events_is_missed_and_comes_back(station: Station) -> None:
    station.store([an_event(at=NOON)])
    station.count()
    pass_by(station, minutes=2)
    station.clock.move(hours=1)
    pass_by(station, minutes=2)
    station.store([an_event(at=station.clock())])
    station.count()
    pass_by(station, minutes=10)

    assert mails(station) == [
        ("first", "[FIRING:1] shop 1: no_data"),
        ("resolved", "[RESOLVED] shop 1: no_data"),
    ]


def test_a_model_is_missed_although_the_clock_went_back(station: Station) -> None:
    station.store([an_event(at=NOON)])
    station.count()
    station.clock.move(hours=3)
    pass_by(station, seconds=30)
    station.clock.move(hours=-1)

    pass_by(station, minutes=3)

    assert mails(station) == [("first", "[FIRING:1] shop 1: no_data")]


def test_no_model_is_missed_while_events_wait_to_be_counted(station: Station) -> None:
    station.store([an_event(at=NOON)])
    station.count()
    station.clock.move(hours=2)
    station.store([an_event(at=station.clock())])
    pass_by(station, minutes=3)

    assert mails(station) == []


def test_a_model_is_missed_although_texts_wait_for_their_scores(station: Station) -> None:
    station.store([an_event(at=NOON)])
    station.count()
    with station.counting.transaction(station.lease("scores-0")) as write:
        write.enrol("toxicity", 0)
    pass_by(station, minutes=2)
    station.clock.move(hours=1)

    pass_by(station, minutes=2)

    assert mails(station) == [("first", "[FIRING:1] shop 1: no_data")]


def test_without_channels_alerts_are_noted_as_told(database_url: str) -> None:
    with a_station(database_url, partitions=1) as station:
        put(station, "age")
        pass_by(station, minutes=1)
        put(station, "age", over=True)
        pass_by(station, minutes=10)

        assert [row.told for row in station.rows(tables.alert)] == ["resolved"]
        assert station.rows(tables.outbox) == []


def test_alerts_of_a_rule_that_was_switched_off_are_over(database_url: str) -> None:
    with a_station(database_url, partitions=1, alerts=AlertSettings(email=EMAIL)) as station:
        put(station, "age", "plan")
        pass_by(station, minutes=1)
    rules = [{"name": "drift", "column": "age"}]
    narrowed = AlertSettings.model_validate({"email": EMAIL, "rules": rules})

    with a_station(database_url, alerts=narrowed, at=NOON + HOUR) as station:
        pass_by(station, minutes=1)

        told = mails(station)
        assert told[1:] == [("changed", "[FIRING:1] shop 1: drift in age, plan")]
        (over,) = [row for row in station.rows(tables.alert) if row.status == "resolved"]
        assert (over.column, over.told) == ("plan", "resolved")


def test_alerts_of_a_monitor_that_was_switched_off_are_over(database_url: str) -> None:
    with a_station(database_url, partitions=1, alerts=AlertSettings(email=EMAIL)) as station:
        put(station, "age")
        pass_by(station, minutes=1)

    off = MonitorSettings(off=("drift",))
    with a_station(database_url, alerts=AlertSettings(email=EMAIL), settings=off, at=NOON + HOUR) as station:
        pass_by(station, minutes=1)

        assert mails(station)[1:] == [("resolved", "[RESOLVED] shop 1: drift in age")]


def test_what_nothing_measures_any_more_is_over_after_a_week(station: Station) -> None:
    put(station, "age", "gone")
    pass_by(station, minutes=1)
    station.clock.move(days=7)
    put(station, "age")
    pass_by(station, minutes=5)

    (over,) = [row for row in station.rows(tables.alert) if row.status == "resolved"]
    assert (over.column, over.told) == ("gone", "resolved")
    assert mails(station)[-1] == ("changed", "[FIRING:1] shop 1: drift in age, gone")


def test_nothing_is_given_up_while_events_of_the_last_days_wait(station: Station) -> None:
    put(station, "age")
    station.store([an_event(at=NOON)])
    station.count()
    station.clock.move(days=8)
    station.store([an_event(at=station.clock())])

    pass_by(station, minutes=5)

    assert [row.status for row in station.rows(tables.alert)] == ["firing"]


def test_a_channel_that_cannot_make_a_message_holds_up_no_other(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Board):
        def render(self, notice: Notice) -> Message:
            raise ZeroDivisionError

    postbox = Postbox(station.database, [Broken(), Board()], wait=timedelta(0))

    post = postbox.post([a_notice()], {}, NOON)

    assert [message.channel for message in post.messages] == ["board"]
    assert postbox.unrendered == 1
    assert "notice not rendered" in caplog.text


def test_a_channel_hears_of_what_is_heavy_enough_for_it(station: Station) -> None:
    postbox = Postbox(station.database, [Board(min_severity=Severity.CRITICAL)], wait=timedelta(0))

    post = postbox.post([a_notice()], {}, NOON)

    assert post.messages == []
