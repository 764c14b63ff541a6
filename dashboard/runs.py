"""How windows are put together where there are more than can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from storage.records import Window

MOST = 100
"""How many windows beside each other can still be told apart."""

APART = timedelta(microseconds=1)
"""The step at which every window is a run of its own."""

_STEPS = tuple(
    timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080)
)
_WEEK = timedelta(weeks=1)


def step_of(windows: Sequence[Window]) -> timedelta:
    """How long a run is. Runs lie on a grid of UTC that people know, hours or days or weeks."""
    if len(windows) <= MOST:
        return APART
    span = windows[-1].end - windows[0].start
    longest = max(window.end - window.start for window in windows)
    wanted = max(span / (MOST - 1), longest)
    fitting = next((step for step in _STEPS if step >= wanted), None)
    return fitting or _WEEK * -(-wanted // _WEEK)
