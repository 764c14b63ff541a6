"""The monitor process tells Prometheus what it measured last."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitors.process.metrics import MonitorCollector
from storage.measurements import add_judgements
from storage.records import Arm, Bounds, Judgement, Measurement, Scope, Window
from storage.windows import ModelClock, note_newest
from tests.helpers.station import NOON, Station, a_station

HOUR = timedelta(hours=1)


def judged(
    hour: int, metric: str, value: float | None, *, column: str | None = None, arm: Arm = Arm.STABLE
) -> Judgement:
    return Judgement(
        monitor="drift",
        scope=Scope(model="shop", version="1", arm=arm),
        window=Window(start=NOON + hour * HOUR, end=NOON + (hour + 1) * HOUR),
        measurement=Measurement(metric=metric, value=value, n=9, column=column, bounds=Bounds(upper=0.1)),
    )


def told(station: Station) -> dict[tuple[str, ...], float]:
    """Samples of both gauges, by name, metric and arm."""
    return {
        (sample.name, sample.labels["name"], sample.labels["arm"]): sample.value
        for family in MonitorCollector(station.stages, [], clock=station.clock).collect()
        for sample in family.samples
        if sample.name.startswith("inferwatch_measurement")
    }


@pytest.fixture
def judgements() -> list[Judgement]:
    return [
        judged(0, "drift", 0.9, column="age"),
        judged(1, "drift", 0.3, column="age"),
        judged(1, "drift", 0.05, column="plan"),
        judged(1, "psi", None, column="age"),
        judged(0, "ks", 0.2, column="age", arm=Arm.CANARY),
    ]


def seen(station: Station, judgements: list[Judgement], *, hours_ago: float) -> None:
    with station.database.write() as connection:
        add_judgements(connection, judgements, judged_at=NOON)
        clock = ModelClock(
            model="shop",
            version="1",
            newest_at=NOON,
            counted_at=station.clock() - hours_ago * HOUR,
            replay=False,
        )
        note_newest(connection, clock)


def test_the_newest_window_is_told_by_its_largest_column_and_unknown_is_absent(
    database_url: str, judgements: list[Judgement]
) -> None:
    with a_station(database_url) as station:
        seen(station, judgements, hours_ago=1)

        assert told(station) == {
            ("inferwatch_measurement", "drift", "stable"): 0.3,
            ("inferwatch_measurement", "ks", "canary"): 0.2,
            ("inferwatch_measurements_breached", "drift", "stable"): 1,
            ("inferwatch_measurements_breached", "psi", "stable"): 0,
            ("inferwatch_measurements_breached", "ks", "canary"): 1,
        }


def test_a_version_without_traffic_for_a_day_is_not_told_of(
    database_url: str, judgements: list[Judgement]
) -> None:
    with a_station(database_url) as station:
        seen(station, judgements, hours_ago=25)

        assert told(station) == {}
