"""Silences and acknowledgements in SQL: every order of what people did ends the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from storage.alerts import save_alerts
from storage.database import Database
from storage.records import Alert, AlertStatus
from storage.retention import delete_old
from storage.settings import RetentionSettings
from storage.silences import (
    acknowledge,
    acknowledgements,
    add_silence,
    end_silence,
    find_silence,
    silences,
    unknown_silences,
)
from storage.tables import acknowledgement, silence
from storage.tables import alert as alert_table
from tests.helpers.acting import AT, a_firing_alert, a_standing_silence

HOUR = timedelta(hours=1)


def test_a_silence_is_read_back_as_it_was_made(database: Database) -> None:
    with database.write() as connection:
        add_silence(connection, a_standing_silence())

    with database.read() as connection:
        assert find_silence(connection, "a-1-0") == a_standing_silence()
        assert find_silence(connection, "b-1-0") is None


def test_those_that_end_after_a_time_are_listed_and_the_end_lies_outside(database: Database) -> None:
    short, long = a_standing_silence("a-1-0", hours=1), a_standing_silence("a-1-1", hours=2)
    with database.write() as connection:
        for each in (long, short):
            add_silence(connection, each)

        assert silences(connection, since=AT) == [short, long]
        assert silences(connection, since=AT + HOUR) == [long]
    assert short.active(AT)
    assert not short.active(AT + HOUR)
    assert not short.active(AT - HOUR)


def test_a_silence_can_be_ended_before_its_time_and_not_after(database: Database) -> None:
    with database.write() as connection:
        add_silence(connection, a_standing_silence())

        assert end_silence(connection, "a-1-0", ends_at=AT + 9 * HOUR, ended_by="too late")
        assert find_silence(connection, "a-1-0") == a_standing_silence()
        assert end_silence(connection, "a-1-0", ends_at=AT + HOUR, ended_by="bob")
        assert find_silence(connection, "a-1-0") == replace(
            a_standing_silence(), ends_at=AT + HOUR, ended_by="bob"
        )


def test_the_end_of_a_silence_that_nobody_made_is_counted_and_seen_by_nobody(database: Database) -> None:
    with database.write() as connection:
        assert not end_silence(connection, "a-1-0", ends_at=AT, ended_by="bob")

        assert unknown_silences(connection) == 1
        assert find_silence(connection, "a-1-0") is None
        assert silences(connection, since=AT - HOUR) == []


Step = Callable[[Connection], object]


def made(id: str) -> Step:
    return lambda connection: add_silence(connection, a_standing_silence(id))


def ended(id: str, hours: float, by: str) -> Step:
    return lambda connection: end_silence(connection, id, ends_at=AT + hours * HOUR, ended_by=by)


def acknowledged(hours: float, by: str, episode: float) -> Step:
    return lambda connection: acknowledge(
        connection,
        "f1",
        author=by,
        comment="",
        made_at=AT + hours * HOUR,
        starts_at=AT + episode * HOUR,
    )


STEPS = (
    made("a-1-0"), ended("a-1-0", 1, "bob"), ended("a-1-0", 2, "eve"), ended("a-1-0", 1, "al"),
    made("b-1-0"), ended("b-1-0", 4, "at its end"), ended("b-1-0", 5, "after its end"),
    made("c-1-0"), ended("c-1-0", -1, "before its start"),
    ended("d-1-0", 1, "nobody made it"),
    acknowledged(1, "ann", 0), acknowledged(2, "bob", 0), acknowledged(2, "al", 0), acknowledged(1, "eve", 3),
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.data())
def test_every_order_ends_the_same_also_when_steps_are_repeated(
    database: Database, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(STEPS), max_size=5))
    steps = data.draw(st.permutations([*STEPS, *again]))

    assert state_after(database, steps) == EXPECTED


EXPECTED = (
    [  # id, known, end in hours, ended by
        ("a-1-0", True, 1.0, "al"),  # the earliest end, and of two at one time the first by name
        ("b-1-0", True, 4.0, ""),
        ("c-1-0", True, -1.0, "before its start"),
        ("d-1-0", False, 1.0, "nobody made it"),
    ],
    [(0.0, "bob"), (3.0, "eve")],  # episode in hours, and the latest word on it
)


def state_after(database: Database, steps: Sequence[Step]) -> object:
    with database.write() as connection:
        for table in (silence, acknowledgement, alert_table):
            connection.execute(sa.delete(table))
        over = replace(episode(0), status=AlertStatus.RESOLVED, ends_at=AT + HOUR)
        save_alerts(connection, [over, episode(3)], stored_at=AT)
        for step in steps:
            step(connection)
        held = connection.execute(sa.select(silence).order_by(silence.c.id)).all()
        seen = connection.execute(sa.select(acknowledgement).order_by(acknowledgement.c.starts_at)).all()
    return (
        [(row.id, bool(row.matchers), (row.ends_at - AT) / HOUR, row.ended_by) for row in held],
        [((row.starts_at - AT) / HOUR, row.author) for row in seen],
    )


def episode(hours: float) -> Alert:
    return replace(a_firing_alert(), starts_at=AT + hours * HOUR)


@pytest.fixture
def open_alert(database: Database) -> Alert:
    with database.write() as connection:
        save_alerts(connection, [episode(0)], stored_at=AT)
    return episode(0)


def test_the_open_episode_is_acknowledged_and_shown_until_it_is_resolved(
    database: Database, open_alert: Alert
) -> None:
    with database.write() as connection:
        assert acknowledge(connection, "f1", author="ann", comment="mine", made_at=AT + HOUR)

        (found,) = acknowledgements(connection).values()
        assert (found.author, found.comment, found.starts_at) == ("ann", "mine", AT)

        over = replace(open_alert, status=AlertStatus.RESOLVED, ends_at=AT + 2 * HOUR)
        save_alerts(connection, [over], stored_at=AT)
        assert acknowledgements(connection) == {}


def test_nothing_is_acknowledged_where_no_alert_is_open(database: Database, open_alert: Alert) -> None:
    over = replace(open_alert, status=AlertStatus.RESOLVED, ends_at=AT + HOUR)
    with database.write() as connection:
        save_alerts(connection, [over], stored_at=AT)

        assert not acknowledge(connection, "f1", author="ann", comment="", made_at=AT)
        assert not acknowledge(connection, "f9", author="ann", comment="", made_at=AT)


def test_an_alert_whose_start_moved_back_since_is_the_one_that_was_meant(
    database: Database, open_alert: Alert
) -> None:
    with database.write() as connection:
        assert acknowledge(
            connection, "f1", author="ann", comment="", made_at=AT, starts_at=open_alert.starts_at + HOUR
        )
        assert not acknowledge(
            connection, "f1", author="ann", comment="", made_at=AT, starts_at=open_alert.starts_at - HOUR
        )

        assert list(acknowledgements(connection)) == [("f1", AT)]


def test_what_is_long_over_is_deleted_and_an_open_alert_stays_acknowledged(database: Database) -> None:
    kept = RetentionSettings()
    past = timedelta(days=kept.measurements_days, seconds=1)
    over = replace(a_firing_alert(fingerprint="f2"), status=AlertStatus.RESOLVED)
    with database.write() as connection:
        save_alerts(connection, [episode(0), over], stored_at=AT)
        for fingerprint in ("f1", "f2"):
            acknowledge(connection, fingerprint, author="ann", comment="", made_at=AT, starts_at=AT)
        add_silence(connection, a_standing_silence("a-1-0", hours=0.5))
        add_silence(connection, a_standing_silence("b-1-0", hours=2))
        end_silence(connection, "c-1-0", ends_at=AT, ended_by="bob")

    deleted = delete_old(database, kept, AT + HOUR + past)

    with database.read() as connection:
        assert [each.id for each in silences(connection, since=AT)] == ["b-1-0"]
        assert unknown_silences(connection) == 0
        assert list(acknowledgements(connection)) == [("f1", AT)]
    assert deleted.actions == 3
