"""Which window a pane lies in, when a window is due, and settings that name what there is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitors.base import ModelContext
from monitors.errors import MonitorError
from monitors.process.housekeeping import judged_for_good
from monitors.process.watched import Watched, check_monitors
from monitors.process.windows import due_before
from monitors.sampled import Sampled
from monitors.settings import MonitorSettings
from storage.settings import RetentionSettings
from storage.windows import ModelClock
from tests.helpers.station import MANIFEST

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WATCHED = Watched(manifest=MANIFEST, reference=None, monitors={})


@pytest.mark.parametrize(("minute", "start"), [(0, 0), (9, 0), (10, 10), (-1, -10)])
def test_windows_follow_each_other_on_the_utc_grid(minute: int, start: int) -> None:
    window = WATCHED.window_of(NOON + minute * MINUTE)

    assert window.start == NOON + start * MINUTE
    assert window.end - window.start == 10 * MINUTE


def test_a_monitor_that_needs_a_day_has_windows_of_a_day() -> None:
    monitors = {"sampling": Sampled(model=ModelContext(manifest=MANIFEST))}
    watched = Watched(manifest=MANIFEST, reference=None, monitors=monitors)

    of_sampling, of_traffic = (watched.window_of(NOON, name) for name in ("sampling", "traffic"))

    assert of_sampling.start == NOON - timedelta(hours=12)
    assert of_sampling.end - of_sampling.start == timedelta(days=1)
    assert of_traffic == watched.window_of(NOON)


def test_the_lateness_is_a_pane_unless_the_operator_says_otherwise() -> None:
    assert WATCHED.lateness == MINUTE


@pytest.mark.parametrize(
    ("sentence", "newest_minute", "counted_s_ago", "due_minute"),
    [
        ("a busy model goes by its events", 5, 0, 4),
        ("a model that was quiet for ten seconds goes by the wall clock", 5, 10, 59),
        ("events of the future are ahead of the wall clock", 120, 10, 119),
    ],
)
def test_what_is_due(sentence: str, newest_minute: int, counted_s_ago: int, due_minute: int) -> None:
    now = NOON + 60 * MINUTE
    clock = ModelClock(
        model="shop",
        version="1",
        newest_at=NOON + newest_minute * MINUTE,
        counted_at=now - timedelta(seconds=counted_s_ago),
        replay=False,
    )

    due = due_before(clock, MINUTE, now, timedelta(seconds=10))

    assert due == NOON + due_minute * MINUTE, sentence


@pytest.mark.parametrize(
    ("length", "age", "final"),
    [
        (timedelta(minutes=10), timedelta(days=6), False),
        (timedelta(minutes=10), timedelta(days=8), True),  # its panes are hours by now
        (timedelta(hours=1), timedelta(days=8), False),
        (timedelta(hours=1), timedelta(days=91), True),  # and its hours are days
        (timedelta(days=7), timedelta(days=900), False),
    ],
)
def test_a_window_is_final_once_its_panes_are_longer_than_itself(
    length: timedelta, age: timedelta, final: bool
) -> None:
    assert judged_for_good(length, age, RetentionSettings()) is final


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (MonitorSettings(monitors={"drfit": {}}), "did you mean 'drift'"),
        (MonitorSettings(monitors={"drift": {"min_row": 5}}), "did you mean 'min_rows'"),
        (MonitorSettings(monitors={"drift": {"min_rows": "many"}}), "min_rows"),
        (MonitorSettings(off=("qualty",)), "did you mean 'quality'"),
    ],
)
def test_settings_that_name_what_there_is_not_are_refused_at_the_start(
    settings: MonitorSettings, message: str
) -> None:
    with pytest.raises(MonitorError, match=message):
        check_monitors(settings)


def test_settings_that_fit_are_taken() -> None:
    check_monitors(MonitorSettings(monitors={"drift": {"min_rows": 50}}, off=("quality",)))
