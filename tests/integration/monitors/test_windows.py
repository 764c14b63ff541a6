"""Windows are judged when they are due, again when they change, and what is news is told once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from monitors.settings import AlertSettings, EmailSettings, MonitorSettings, Security
from storage import tables
from storage.alerts import save_rule_states
from storage.records import InferenceEvent
from tests.helpers.station import (
    MANIFEST,
    NOON,
    CrashError,
    Station,
    a_label,
    a_reference,
    a_station,
    an_event,
    traffic,
)

MAIL = AlertSettings(
    email=EmailSettings(
        host="localhost",
        security=Security.NONE,
        sender="watch@example.org",
        to=("ops@example.org", "boss@example.org"),
    )
)
HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def station(database_url: str) -> Iterator[Station]:
    with a_station(database_url, partitions=2, alerts=MAIL) as made:
        made.register(reference=a_reference())
        yield made


def windows(shifts: Sequence[float], *, rows: int = 400) -> list[list[InferenceEvent]]:
    """Windows of ten minutes, each moved by so many sd."""
    return [
        traffic(rows, seed=10 + place, start=NOON + place * timedelta(minutes=10), shift=shift)
        for place, shift in enumerate(shifts)
    ]


def judged_ends(station: Station, monitor: str = "drift") -> list[int]:
    """The ends of the judged windows, in minutes after the start."""
    ends = {row.end for row in station.rows(tables.measurement) if row.monitor == monitor}
    return sorted(int((end - NOON).total_seconds() / 60) for end in ends)


def alerts(station: Station) -> list[tuple[str, str]]:
    """Column and status of every alert on drift of the whole."""
    rows = [row for row in station.rows(tables.alert) if row.rule == "drift" and row.slice == "all"]
    return sorted((row.column, row.status) for row in rows)


def test_a_window_is_due_when_the_models_clock_has_passed_its_end_by_the_lateness(station: Station) -> None:
    station.store([an_event(at=NOON), an_event(at=NOON + timedelta(minutes=10, seconds=59))])
    station.count()
    station.judge()
    too_early = judged_ends(station, "traffic")

    station.store([an_event(at=NOON + timedelta(minutes=11))])
    station.count()
    station.judge()

    assert too_early == []
    assert judged_ends(station, "traffic") == [10]


def test_a_quiet_model_has_its_last_windows_judged_by_the_wall_clock(station: Station) -> None:
    station.store([an_event(at=NOON)])
    station.count()
    station.clock.move(minutes=10, seconds=59)
    station.judge()
    too_early = judged_ends(station, "traffic")

    station.clock.move(seconds=1)
    station.judge()

    assert too_early == []
    assert judged_ends(station, "traffic") == [10]


def test_a_model_that_is_not_quiet_is_judged_by_its_events_alone(station: Station) -> None:
    station.store([an_event(at=NOON)])
    station.clock.move(hours=1)
    station.count()  # just now: more may come

    station.judge()

    assert judged_ends(station, "traffic") == []


def test_a_judged_window_is_left_alone_until_it_changes(station: Station) -> None:
    station.store([an_event(at=NOON), an_event(at=NOON + HALF_HOUR)])
    station.count()
    first = station.judge()
    nothing = station.judge()

    station.store([an_event(at=NOON + timedelta(minutes=1))])
    station.count()
    again = station.judge()

    requests = [row for row in station.rows(tables.measurement) if row.metric == "requests"]
    assert (first > 0, nothing, again > 0) == (True, 0, True)
    assert [row.value for row in requests if row.slice == "all"] == [2.0]


def test_a_slice_is_not_judged_on_the_column_that_it_is_made_of(database_url: str) -> None:
    manifest = MANIFEST.model_copy(update={"slices": ("plan",)})
    with a_station(database_url) as station:
        station.register(manifest, reference=a_reference(manifest=manifest))
        for part in windows([0.0, 0.0]):
            station.store(part)
            station.count()
        station.judge()

        columns = {
            row.column
            for row in station.rows(tables.measurement)
            if row.monitor == "drift" and row.slice == "plan=paid"
        }
        breached = {row.column for row in station.rows(tables.measurement) if row.breached}

    assert {"age", "class", "score"} <= columns
    assert "plan" not in columns | breached


def test_drift_in_two_of_three_windows_fires_and_is_told_once(station: Station) -> None:
    for part in windows([0.0, 0.6, 0.6, 0.6, 0.0]):
        station.store(part)
        station.count()
        station.judge()
        station.notify()
        station.clock.move(seconds=30)
    station.notify()

    assert alerts(station) == [("age", "firing")]
    (alert,) = [row for row in station.rows(tables.alert) if row.slice == "all"]
    assert alert.starts_at == NOON + timedelta(minutes=20)
    fired = [row for row in station.rows(tables.outbox) if b"drift of age" in row.body]
    assert sorted(row.recipient for row in fired) == ["boss@example.org", "ops@example.org"]
    assert b"Subject: [FIRING:" in fired[0].body


def test_a_replay_caught_up_at_once_ends_where_live_judging_ends(database_url: str) -> None:
    parts = windows([0.0, 0.6, 0.6, 0.0, 0.6, 0.0, 0.0, 0.0])
    with a_station(database_url, partitions=1) as station:
        station.register(reference=a_reference())
        for part in parts:
            station.store([replace(event, replay=True) for event in part])
        station.count()
        while station.judge():
            pass

        (alert,) = [row for row in station.rows(tables.alert) if row.slice == "all"]
        assert (alert.column, alert.status, alert.replay) == ("age", "resolved", True)
        assert alert.starts_at == NOON + timedelta(minutes=20)


def test_a_late_label_has_the_window_of_its_prediction_judged_again(station: Station) -> None:
    ids = station.store([an_event(at=NOON, scores=[0.9]) for _ in range(40)])
    station.store([an_event(at=NOON + HALF_HOUR)])
    station.count()
    station.judge()

    station.store([a_label(id_, "1", at=NOON + timedelta(days=2)) for id_ in ids])
    station.count()
    station.judge()

    (coverage,) = [
        row
        for row in station.rows(tables.measurement)
        if row.metric == "label_coverage" and row.slice == "all" and row.start == NOON
    ]
    assert coverage.value == 1.0


def test_a_crash_at_any_step_of_judging_tells_nobody_twice(station: Station) -> None:
    for part in windows([0.6, 0.6, 0.0]):
        station.store(part)
    station.count()
    for step in range(1, 7):
        station.counting.crash_at = ("connection", "before", step)
        with pytest.raises(CrashError):
            station.judge()
        station.restart()

    while station.judge():
        pass
    station.notify()
    station.clock.move(seconds=30)
    for step in range(1, 9):
        station.counting.crash_at = ("connection", "before", step)
        with contextlib.suppress(CrashError):
            station.notify()
        station.restart()
    station.notify()

    mails = [row for row in station.rows(tables.outbox) if row.recipient == "ops@example.org"]
    assert len(mails) == len({row.message_id for row in mails}) == 1


def test_events_stored_before_a_reference_are_counted_anew_and_judged_then(
    database_url: str, tmp_path: Path
) -> None:
    parts = windows([0.0, 0.6, 0.6, 0.0])
    with a_station(database_url, partitions=2, settings=MonitorSettings(segments_at_once=1)) as station:
        station.register()
        for part in parts:
            station.store(part)
        station.count()
        station.judge()
        before = judged_ends(station, "drift")
        reference = a_reference()

        station.register(reference=reference)
        for partition in station.log.partitions:
            station.stages.runner.take(partition, station.lease(f"partition-{partition}"))
        meanwhile = station.judge(), judged_ends(station, "drift")
        station.count()
        while station.judge():
            pass

        assert before == []
        assert meanwhile == (0, [])
        assert judged_ends(station, "drift") == [10, 20, 30]
        assert alerts(station) == [("age", "firing")]
        with a_station(f"sqlite:///{tmp_path}/fresh.db", partitions=1) as fresh:
            fresh.register(reference=reference)
            for part in parts:
                fresh.store(part)
            fresh.count()
            assert station.summaries("drift") == fresh.summaries("drift")


def test_going_back_to_an_earlier_reference_counts_nothing_twice(station: Station) -> None:
    first, second = a_reference(), a_reference(traffic(500, seed=99))
    parts = windows([0.0, 0.0, 0.0])
    for part, reference in zip(parts, (first, second, first), strict=True):
        station.register(reference=reference)
        station.store(part)
        station.count()

    rows: dict[datetime, int] = {}
    for pane, summary in station.summaries("drift").items():
        if pane.scope.slice == "all" and pane.reference == first.hash:
            rows[pane.start] = int(summary["counts/plan"].sum())
    answered = sum(event.rows for part in parts for event in part if event.outputs)
    assert sum(rows.values()) == answered


def test_a_window_whose_panes_have_become_hours_is_not_judged_again(station: Station) -> None:
    station.store([an_event(at=NOON), an_event(at=NOON + HALF_HOUR)])
    station.count()
    station.judge()
    station.store([an_event(at=NOON + timedelta(days=8))])
    station.count()
    station.judge()

    station.store([an_event(at=NOON)])
    station.count()
    station.judge()

    requests = [
        row.value
        for row in station.rows(tables.measurement)
        if row.metric == "requests" and row.start == NOON
    ]
    assert requests == [1.0]
    assert MANIFEST.window.length == timedelta(minutes=10)


def test_what_is_wrong_with_one_model_keeps_no_other_from_being_judged(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    spec = MANIFEST.model_copy(update={"name": "zoo"})
    station.register(spec)
    shop = an_event(at=NOON)
    station.store([shop, replace(shop, model="zoo")])
    station.count()
    with station.database.write() as connection:
        states = {"f": b"nonsense"}
        save_rule_states(connection, states, model="shop", version="1", updated_at=station.clock())
    station.clock.move(hours=1)

    station.judge()

    assert {row.model for row in station.rows(tables.measurement)} == {"zoo"}
    assert "model not judged" in caplog.text
