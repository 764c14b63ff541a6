"""How many windows a cell holds where there are more than can be told apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.runs import APART, MOST, step_of
from storage.records import Window

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def windows(count: int, length: timedelta) -> list[Window]:
    return [Window(start=BEGIN + n * length, end=BEGIN + (n + 1) * length) for n in range(count)]


@pytest.mark.parametrize("length", [MINUTE, HOUR, 30 * DAY])
def test_windows_that_can_be_told_apart_stay_apart(length: timedelta) -> None:
    assert step_of(windows(MOST, length)) == APART


@pytest.mark.parametrize(
    ("count", "length", "expected"),
    [
        (90 * 24, HOUR, DAY),  # 2,160 windows in ninety cells
        (1_440, MINUTE, 15 * MINUTE),  # a day of minutes in ninety-six
        (90 * 1_440, MINUTE, DAY),
        (200, DAY, 7 * DAY),  # two days each would be 100 cells on another grid
        (3_650, DAY, 42 * DAY),  # ten years: whole weeks
    ],
)
def test_many_windows_share_a_step_that_people_know(
    count: int, length: timedelta, expected: timedelta
) -> None:
    step = step_of(windows(count, length))

    assert step == expected
    assert count * length / step <= MOST


def test_two_runs_never_lie_in_one_window() -> None:
    assert step_of(windows(150, 3 * DAY)) >= 3 * DAY
