"""Protected groups on the road: a bounded number of them, the same for events and for late labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from monitors.group_counts import GroupCounts
from monitors.settings import MonitorSettings
from storage import tables
from storage.records import ALL, Record
from storage.summary import Summary
from tests.helpers.station import Station, a_label, a_station, an_event

MOST = 3


@pytest.fixture
def station(database_url: str) -> Iterator[Station]:
    settings = MonitorSettings(slice_values=MOST, segments_at_once=3)
    with a_station(database_url, partitions=2, settings=settings) as made:
        made.register()
        yield made


def counted(station: Station) -> GroupCounts:
    found = station.summaries("bias")
    assert {pane.scope.slice for pane in found} == {ALL}
    return GroupCounts.of(sum(found.values(), Summary()), "country")


def test_so_many_values_are_groups_and_the_rest_is_other(station: Station) -> None:
    for country in ("DE", "FR", "IT", "ES", "PT", "\u202egnp", "DE"):
        station.store([an_event(countries=[country])])
        station.count()

    rows = counted(station)

    by_group = dict(zip(rows.groups, rows.tables.sum(axis=(1, 2)).tolist(), strict=True))
    assert by_group == {"country=DE": 2, "country=FR": 1, "country=IT": 1, "country=other": 3}
    assert len([row for row in station.rows(tables.slice_value) if row.name == "country"]) == MOST


def test_a_late_label_finds_the_group_of_its_row(station: Station) -> None:
    countries = ["DE", "FR", "IT", "ES", None]
    ids = station.store([an_event(countries=[country], scores=[0.9]) for country in countries])
    station.count()
    station.restart()
    station.store([a_label(event, "1") for event in ids])
    station.count()

    rows = counted(station)

    hit = [[0, 0, 0], [0, 1, 0]]
    assert rows.groups == ("country=DE", "country=FR", "country=IT", "country=other")
    assert all(np.array_equal(table, hit) for table in rows.tables)


def test_gaps_are_judged_with_the_windows_of_everything_alone(station: Station) -> None:
    events: list[Record] = [an_event(countries=["DE"], scores=[0.9]) for _ in range(200)]
    events += [an_event(countries=["FR"], scores=[0.1]) for _ in range(200)]
    station.store(events)
    station.count()
    station.clock.move(hours=1)
    station.judge()

    judged = [row for row in station.rows(tables.measurement) if row.monitor == "bias"]

    (parity,) = [
        row for row in judged if (row.metric, row.column) == ("demographic_parity_difference", "country")
    ]
    assert (parity.value, parity.breached, parity.slice, parity.n) == (1.0, True, ALL, 400)
    assert {row.slice for row in judged} == {ALL}
