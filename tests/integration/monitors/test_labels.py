"""Labels that come late, twice, in conflict, before their event, or for nothing: what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations

import msgspec
import pytest

from monitors.settings import MonitorSettings
from storage import tables
from storage.labels import refused_labels
from storage.records import EventId, Outcome, Record
from storage.summary import Summary
from tests.helpers.station import NOON, Station, a_label, a_station, an_event, traffic

HOUR = timedelta(hours=1)


@pytest.fixture
def station(database_url: str) -> Iterator[Station]:
    with a_station(database_url, partitions=3, settings=MonitorSettings(labels_waiting=5)) as made:
        made.register()
        yield made


def accuracy(station: Station) -> Summary:
    """All that was counted of labels."""
    total = Summary()
    for pane, summary in station.summaries("accuracy").items():
        if pane.scope.slice == "all":
            total = total + summary
    return total


def refused(station: Station) -> dict[str, int]:
    with station.database.read() as connection:
        return refused_labels(connection)


def test_a_label_counts_for_the_pane_of_its_prediction(station: Station) -> None:
    (event,) = station.store([an_event(scores=[0.9])])
    station.count()

    station.store([a_label(event, "1", at=NOON + timedelta(days=3))])
    station.count()

    ((pane, summary),) = station.summaries("accuracy").items()
    assert pane.start == NOON
    assert (summary.count("rows"), summary.count("labelled")) == (1, 1)


def test_a_label_by_the_apps_own_id_finds_its_event(station: Station) -> None:
    station.store([an_event(app_id="order-7", ages=[1.0, 2.0])])
    station.store([a_label("order-7", "0", row=1)])

    station.count()

    assert accuracy(station).count("labelled") == 1
    assert [(row.row, row.disputed_at) for row in station.rows(tables.label)] == [(1, None)]


def test_an_own_id_that_looks_like_ours_is_taken_as_the_apps(station: Station) -> None:
    station.store([an_event(app_id="p-1-0")], number=40)
    station.store([a_label("p-1-0", "1")], number=41)

    station.count()

    assert accuracy(station).count("labelled") == 1


def test_the_same_label_again_counts_once(station: Station) -> None:
    (event,) = station.store([an_event()])
    for _ in range(3):
        station.store([a_label(event, "1")])
        station.count()

    assert accuracy(station).count("labelled") == 1
    assert accuracy(station).count("conflicts") == 0


def test_one_class_written_in_two_ways_is_no_conflict(station: Station) -> None:
    (event,) = station.store([an_event()])
    station.store([a_label(event, "1"), a_label(event, 1), a_label(event, 1.0), a_label(event, True)])

    station.count()

    assert accuracy(station).count("labelled") == 1
    assert accuracy(station).count("conflicts") == 0


def test_of_labels_in_conflict_the_latest_wins_in_any_order(station: Station) -> None:
    orders = list(permutations(range(4)))[::2]
    for number, order in enumerate(orders, start=1):
        base = 100 * number
        event = EventId(producer="p", segment=base, offset=0)
        parts: list[list[Record]] = [
            [an_event(scores=[0.9])],
            [a_label(event, "0", at=NOON + timedelta(hours=1))],
            [a_label(event, "1", at=NOON + timedelta(hours=3))],
            [a_label(event, "0", at=NOON + timedelta(hours=2))],
        ]
        for place in order:
            station.store(parts[place], number=base + place)
            station.count()
    station.retry_labels()
    station.count()

    found = accuracy(station)
    assert found.count("labelled") == found.count("rows") == len(orders)
    assert found.count("conflicts") == len(orders)
    assert found["confusion"][1, 1] == found["confusion"].sum() == len(orders)  # predicted 1, labelled 1
    assert {(row.labelled_at, row.disputed_at) for row in station.rows(tables.label)} == {
        (NOON + timedelta(hours=3), NOON + timedelta(hours=2))
    }


def test_a_label_that_comes_before_its_event_waits_for_it(station: Station) -> None:
    event = EventId(producer="p", segment=70, offset=0)
    station.store([a_label(event, "1"), a_label("order-9", "0")], number=1)
    station.count()
    waited = len(station.rows(tables.label_waiting))

    station.store([an_event()], number=70)
    station.store([an_event(app_id="order-9")], number=71)
    station.count()

    assert waited == 2
    assert station.rows(tables.label_waiting) == []
    assert accuracy(station).count("labelled") == 2


def test_only_so_many_labels_wait_and_the_rest_is_counted(station: Station) -> None:
    station.store([a_label(f"nobody-{number}", "1") for number in range(8)])

    station.count()

    assert len(station.rows(tables.label_waiting)) == 5
    assert refused(station) == {"no_place_to_wait": 3}


def test_labels_that_mean_nothing_are_refused_and_counted_by_reason(station: Station) -> None:
    ids = station.store([an_event(key="shop"), an_event(outcome=Outcome.ERROR), an_event()])
    station.store(
        [
            a_label(ids[0], "1", key="other"),
            a_label(ids[1], "1"),
            a_label(ids[2], "1", row=1),
            a_label(ids[2], "1", row=-1),
            a_label(ids[2], "maybe"),
        ]
    )

    station.count()

    assert accuracy(station).count("labelled") == 0
    assert refused(station) == {
        "event_of_another_key": 1,
        "event_without_prediction": 1,
        "no_such_row": 2,
        "value_not_allowed": 1,
    }


def test_a_label_that_is_taken_back_leaves_the_counts_as_if_it_had_never_come(station: Station) -> None:
    events = [
        an_event(app_id=f"order-{number}", ages=[1.0, 2.0], countries=["DE", "FR"]) for number in range(4)
    ]
    station.store(events)
    station.count()
    before = station.summaries()
    labels = [a_label(f"order-{number}", "1", row=1, at=NOON + HOUR) for number in range(4)]

    station.store(labels)
    station.count()
    station.store([a_label(each.event, None, row=1, at=NOON + 2 * HOUR) for each in labels])
    station.count()

    assert accuracy(station).count("labelled") == 0
    assert station.summaries() == before


def test_in_every_order_what_was_taken_back_is_gone_and_what_came_after_it_stays(station: Station) -> None:
    for number, order in enumerate(list(permutations(range(4)))[::3], start=1):
        base = 100 * number
        event = EventId(producer="p", segment=base, offset=0)
        parts: list[list[Record]] = [
            [an_event(scores=[0.9])],
            [a_label(event, "0", at=NOON + HOUR)],
            [a_label(event, None, at=NOON + 2 * HOUR)],
            [a_label(event, "1", at=NOON + 3 * HOUR)],
        ]
        for place in order:
            station.store(parts[place], number=base + place)
            station.count()
    station.retry_labels()
    station.count()

    found = accuracy(station)
    assert found.count("labelled") == found.count("rows") == 8
    assert found["confusion"][1, 1] == found["confusion"].sum() == 8  # predicted 1, labelled 1
    assert found.count("conflicts") == 0
    sampled = [each for pane, each in station.summaries("sampling").items() if pane.scope.slice == "all"]
    assert sum(int(each["delays"].sum()) for each in sampled) == 8


def test_a_key_labels_events_of_every_key_by_their_ids_where_its_labels_say_so(station: Station) -> None:
    theirs, ours = station.store([an_event(key="shop"), an_event(key="people")])

    station.store(
        [
            a_label(theirs, "1", key="people", everyone=True),
            a_label(ours, "1", key="people", everyone=True),
            a_label(ours, "0", key="shop"),  # the other way round it was not said
        ]
    )
    station.count()

    assert accuracy(station).count("labelled") == 2
    assert accuracy(station).count("conflicts") == 0
    assert refused(station) == {"event_of_another_key": 1}


def test_an_apps_own_id_never_leads_to_an_event_of_another_key(station: Station) -> None:
    station.store([an_event(key="shop", app_id="order-7"), an_event(key="people", app_id="order-8")])
    station.store([a_label("order-7", "1", key="people", everyone=True), a_label("order-8", "1", key="shop")])

    station.count()

    assert accuracy(station).count("labelled") == 0
    assert len(station.rows(tables.label_waiting)) == 2


def test_ids_of_two_keys_that_look_like_each_others_events_stay_apart(station: Station) -> None:
    """Each key calls its own request by the id of the other's event."""
    first, second = (EventId(producer="p", segment=segment, offset=0) for segment in (50, 51))
    station.store([an_event(key="shop", app_id=str(second), scores=[0.9])], number=50)
    station.store([an_event(key="people", app_id=str(first), scores=[0.1])], number=51)
    station.store(
        [
            a_label(second, "1", key="shop"),  # its own, by its own name for it: `first`
            a_label(first, "0", key="people", everyone=True),  # likewise: `second`
        ]
    )

    station.count()

    found = {row.event: row.value for row in station.rows(tables.label)}
    assert {event: msgspec.msgpack.decode(value) for event, value in found.items()} == {
        str(first): "1",
        str(second): "0",
    }


def test_a_label_for_every_key_waits_for_its_event_with_its_right(station: Station) -> None:
    event = EventId(producer="p", segment=70, offset=0)
    station.store(
        [
            a_label(event, "1", key="people", everyone=True),
            a_label(event, None, key="people", everyone=True, at=NOON + HOUR),
            a_label(event, "0", key="people", at=NOON + 2 * HOUR),
        ],
        number=1,
    )
    station.count()

    station.store([an_event(key="shop")], number=70)
    station.count()

    assert accuracy(station).count("labelled") == 0
    assert refused(station) == {"event_of_another_key": 1}
    assert [row.known_at for row in station.rows(tables.label)] == [None]


def test_a_label_changes_the_slice_of_its_row_alone(station: Station) -> None:
    (event,) = station.store([an_event(ages=[1.0, 2.0], countries=["DE", "FR"])])
    station.store([a_label(event, "1", row=1)])

    station.count()

    labelled = {p.scope.slice: s.count("labelled") for p, s in station.summaries("accuracy").items()}
    assert labelled == {"all": 1, "country=DE": 0, "country=FR": 1}


def test_labels_of_many_rows_add_up(station: Station) -> None:
    events = traffic(200)
    ids = station.store(events)
    labelled = [
        a_label(id_, str(row % 2), row=row)
        for id_, event in zip(ids, events, strict=True)
        if event.outcome is Outcome.OK
        for row in range(event.rows)
    ]
    for start in range(0, len(labelled), 50):
        station.store(labelled[start : start + 50])

    station.count()

    assert accuracy(station).count("labelled") == accuracy(station).count("rows") == len(labelled)
