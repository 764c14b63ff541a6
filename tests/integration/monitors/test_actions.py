"""What people did about alerts: from the log to SQL, once, in any order, whatever crashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.process.actions import ACTIONS
from monitors.process.metrics import MonitorCollector
from storage import tables
from storage.alerts import save_alerts
from storage.audit import broken_at, entries
from storage.records import Action, ActionEvent, EventId
from storage.silences import Silence, acknowledgements, find_silence, unknown_silences
from tests.helpers.acting import AT, a_firing_alert, a_silencing, an_acknowledging, an_unsilencing
from tests.helpers.reporting import an_asking
from tests.helpers.station import CrashError, Station, a_station, traffic

HOUR = timedelta(hours=1)
SILENCE = EventId(producer="p", segment=1, offset=0)


@pytest.fixture
def station(database_url: str) -> Iterator[Station]:
    with a_station(database_url, partitions=3) as made:
        with made.database.write() as connection:
            save_alerts(connection, [a_firing_alert()], stored_at=AT)
        yield made


def the_silence(station: Station, id_: EventId = SILENCE) -> Silence | None:
    with station.database.read() as connection:
        return find_silence(connection, str(id_))


def test_a_silence_begins_at_once_and_its_id_is_the_place_of_its_action(station: Station) -> None:
    (id_,) = station.store([a_silencing()])

    station.count()

    found = the_silence(station, id_)
    assert found is not None
    assert (found.id, found.author, found.comment) == (str(id_), "ann", "it is being loaded")
    assert (found.starts_at, found.ends_at, found.ended_by) == (AT, AT + 4 * HOUR, None)
    assert [each.label for each in found.matchers] == ["model", "column"]


def test_whoever_signs_with_another_name_than_the_keys_is_named_with_the_key(station: Station) -> None:
    own, other = station.store([a_silencing(author="app", key="app"), a_silencing(author="ann", key="app")])

    station.count()

    authors = [found.author for found in (the_silence(station, own), the_silence(station, other)) if found]
    assert authors == ["app", "ann (key app)"]


def test_a_silence_that_is_ended_says_by_whom(station: Station) -> None:
    (id_,) = station.store([a_silencing()])
    station.store([an_unsilencing(id_)])

    station.count()

    found = the_silence(station, id_)
    assert found is not None
    assert (found.ends_at, found.ended_by) == (AT + HOUR, "bob")


def test_an_open_alert_is_acknowledged(station: Station) -> None:
    station.store([an_acknowledging()])

    station.count()

    with station.database.read() as connection:
        (found,) = acknowledgements(connection).values()
    assert (found.fingerprint, found.starts_at, found.author) == ("f1", AT, "ann")


def test_a_report_that_is_asked_for_waits_to_be_made_with_who_asked(station: Station) -> None:
    (id_,) = station.store([an_asking(author="ann", key="app")])

    station.count()

    (row,) = station.rows(tables.report)
    assert (row.id, row.state, row.author, row.kind) == (str(id_), "asked", "ann (key app)", "data_drift")


def test_what_is_not_known_is_counted_and_no_error(station: Station) -> None:
    nonsense = ActionEvent(at=AT, action=Action.SILENCE, author="ann")
    station.store([an_unsilencing("nobody-1-0"), an_acknowledging("f9"), an_acknowledging("f8"), nonsense])

    station.count()

    assert station.stages.actions.unknown == {
        Action.UNSILENCE: 1, Action.ACKNOWLEDGE: 2, Action.SILENCE: 1,
    }  # fmt: skip
    with station.database.read() as connection:
        assert unknown_silences(connection) == 1
    shown = {
        sample.labels["action"]: sample.value
        for metric in MonitorCollector(station.stages, [], clock=station.clock).collect()
        for sample in metric.samples
        if sample.name == "inferwatch_actions_unknown_total"
    }
    assert shown == {"silence": 1, "unsilence": 1, "acknowledge": 2, "report": 0}


DELIVERIES = [
    (1, a_silencing()),
    (2, an_unsilencing(SILENCE, at=AT + 2 * HOUR, author="eve")),
    (3, an_unsilencing(SILENCE, at=AT + HOUR)),
    (4, an_acknowledging(at=AT, author="ann")),
    (5, an_acknowledging(at=AT + HOUR, author="bob")),
    (6, an_unsilencing("nobody-1-0")),
]


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_segments_of_actions_in_any_order_often_and_apart_end_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(DELIVERIES), max_size=3))
    deliveries = data.draw(st.permutations([*DELIVERIES, *again]))
    counted_after = data.draw(st.sets(st.integers(0, len(deliveries))))

    with a_station(f"sqlite:///{tmp_path_factory.mktemp('any')}/a.db", partitions=3) as station:
        with station.database.write() as connection:
            save_alerts(connection, [a_firing_alert()], stored_at=AT)
        for place, (number, action) in enumerate(deliveries):
            station.store([action], number=number)
            if place in counted_after:
                station.count()
        station.count()

        found = the_silence(station)
        assert found is not None
        assert (found.author, found.ends_at, found.ended_by) == ("ann", AT + HOUR, "bob")
        assert [(row.author, row.made_at) for row in station.rows(tables.acknowledgement)] == [
            ("bob", AT + HOUR)
        ]


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize(
    ("step", "moment"), [("connection", "before"), ("move_cursor", "before"), ("move_cursor", "after")]
)
def test_a_crash_anywhere_leaves_no_action_out_and_applies_none_twice(
    station: Station, step: str, moment: str, call: int
) -> None:
    for number, action in DELIVERIES:
        station.store([action, *traffic(3)], number=number)
    station.counting.crash_at = (step, moment, call)

    with pytest.raises(CrashError):
        station.count()
    station.restart()
    station.count()

    found = the_silence(station)
    assert found is not None
    assert (found.ends_at, found.ended_by) == (AT + HOUR, "bob")
    assert [row.author for row in station.rows(tables.acknowledgement)] == ["bob"]
    with station.database.read() as connection:
        assert broken_at(connection) is None
        assert len(entries(connection, limit=100)) == len(DELIVERIES)
    counted = [row.counted for row in station.rows(tables.cursor) if row.monitor == ACTIONS]
    assert sum(counted) == 3 * len(DELIVERIES)
