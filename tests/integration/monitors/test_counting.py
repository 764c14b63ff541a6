"""Segments become summaries: each event once, in any order, whatever crashes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace

from monitors.settings import MonitorSettings, SamplingSettings
from storage import tables
from storage.errors import LeaseLostError
from storage.records import Record
from tests.helpers.station import CrashError, Station, a_label, a_reference, a_station, an_event, traffic

SEED = 11
MONITORS = {"traffic", "drift", "quality", "accuracy", "sampling", "bias"}
NOTHING_CHOSEN = MonitorSettings(sampling=SamplingSettings(budget_per_day=0))
"""What to label is chosen by what came before, so that choice is made in the order of segments."""


@pytest.fixture
def station(database_url: str) -> Iterator[Station]:
    settings = NOTHING_CHOSEN.model_copy(update={"segments_at_once": 3})
    with a_station(database_url, partitions=3, settings=settings) as made:
        made.register(reference=a_reference())
        yield made


def segments(n: int = 300) -> list[list[Record]]:
    """Traffic with labels, cut into segments."""
    events: list[Record] = list(traffic(n))
    return [events[start : start + 17] for start in range(0, n, 17)]


def test_what_is_counted_is_what_one_pass_counts(station: Station, tmp_path: Path) -> None:
    cut = segments()
    with a_station(f"sqlite:///{tmp_path}/one-pass.db", partitions=1, settings=NOTHING_CHOSEN) as one_pass:
        one_pass.register(reference=a_reference())
        one_pass.store([record for part in cut for record in part])
        one_pass.count()

        for part in cut:
            station.store(part)
        station.count()

        assert station.summaries() == one_pass.summaries()
        assert {pane.monitor for pane in station.summaries()} == MONITORS
        assert {pane.scope.slice for pane in station.summaries()} == {"all", "country=DE", "country=FR"}


def test_segments_delivered_often_and_in_any_order_change_nothing(station: Station, tmp_path: Path) -> None:
    cut = segments()
    with a_station(f"sqlite:///{tmp_path}/one-pass.db", partitions=1, settings=NOTHING_CHOSEN) as one_pass:
        one_pass.register(reference=a_reference())
        one_pass.store([record for part in cut for record in part])
        one_pass.count()
        deliveries = [(number, part) for number, part in enumerate(cut, start=1)] * 5
        random.Random(SEED).shuffle(deliveries)  # noqa: S311  # a seed for a test

        for place, (number, part) in enumerate(deliveries):
            station.store(part, number=number)
            if place % 7 == 0:
                station.count()
        station.count()

        assert station.summaries() == one_pass.summaries()


def test_every_monitor_notes_how_many_events_it_counted(station: Station) -> None:
    for part in segments(100):
        station.store(part)

    station.count()

    counted: dict[str, int] = {}
    for row in station.rows(tables.cursor):
        counted[row.monitor] = counted.get(row.monitor, 0) + row.counted
    assert counted == {
        "traffic": 100,
        "drift": 100,
        "quality": 100,
        "accuracy": 100,
        "sampling": 100,
        "bias": 100,
        "joiner": 100,
        "actions": 100,
    }


def test_a_poisoned_event_is_set_aside_and_its_neighbours_are_counted(station: Station) -> None:
    good = traffic(40)
    poison = replace(an_event(ages=[1.0, 2.0]), tags={"country": ["DE"]})
    ids = station.store([*good[:20], poison, *good[20:]])

    station.count()

    quarantined = station.rows(tables.quarantine)
    assert {row.event for row in quarantined} == {str(ids[20])}
    assert {row.monitor for row in quarantined} == MONITORS
    assert all("country" in row.error for row in quarantined)
    for row in station.rows(tables.cursor):
        if row.monitor not in {"joiner", "actions"} and row.seq:
            assert (row.counted, row.quarantined) == (40, 1)


def test_the_neighbours_of_a_poisoned_event_add_up_to_the_bit(station: Station, tmp_path: Path) -> None:
    good = traffic(40)
    poison = replace(an_event(ages=[1.0, 2.0]), tags={"country": ["DE"]})
    with a_station(f"sqlite:///{tmp_path}/good.db", partitions=1, settings=NOTHING_CHOSEN) as without:
        without.register(reference=a_reference())
        without.store(good)
        without.count()

        station.store([*good[:20], poison, *good[20:]])
        station.count()

        assert station.summaries() == without.summaries()


def test_events_of_a_model_that_nobody_knows_pass(station: Station) -> None:
    station.store([an_event(model="gone"), replace(an_event(), model=None, version=None)])

    station.count()

    assert station.summaries() == {}
    assert {(row.counted, row.quarantined) for row in station.rows(tables.cursor)} == {(2, 0)}


def test_a_monitor_that_is_off_counts_nothing_and_stays_in_step(database_url: str) -> None:
    with a_station(database_url, partitions=1, settings=MonitorSettings(off=("traffic",))) as quiet:
        quiet.register()
        quiet.store(traffic(10))
        quiet.count()

    with a_station(database_url, partitions=1) as loud:
        loud.register()
        loud.store([an_event()], number=2)
        loud.count()

        counted = sum(s.count("rows") for p, s in loud.summaries("traffic").items() if p.scope.slice == "all")
        assert counted == 1


STEPS = ["add_summaries", "touch_windows", "quarantine", "move_cursor", "note_newest", "add_records"]


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_of_a_take_counts_nothing_twice_and_loses_nothing(
    station: Station, tmp_path: Path, step: str
) -> None:
    cut = segments(60)
    with a_station(f"sqlite:///{tmp_path}/calm.db", partitions=1, settings=NOTHING_CHOSEN) as calm:
        for each in (calm, station):
            each.register(reference=a_reference())
            for number, part in enumerate(cut, start=1):
                ids = each.store(part, number=number)
                each.store([a_label(ids[0], "1")], number=1000 + number)
        calm.count()

        crashes = 0
        for moment, call in product(["before", "after"], [1, 2, 3, 5]):
            station.counting.crash_at = (step, moment, call)
            try:
                station.count()
            except CrashError:
                crashes += 1
            station.restart()
        station.count()

        assert crashes
        assert station.summaries() == calm.summaries()
        assert len(station.rows(tables.label)) == len(cut)


def test_a_worker_that_was_stopped_past_its_lease_counts_nothing(station: Station) -> None:
    for part in segments(100):
        station.store(part)
    stale = station.stages.leases.acquire("partition-0")
    assert stale is not None
    station.stages.leases.acquire("partition-0")

    with pytest.raises(LeaseLostError):
        station.stages.runner.take(0, stale)

    assert station.summaries() == {}
