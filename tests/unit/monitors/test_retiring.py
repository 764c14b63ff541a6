"""Alerts that no window will resolve."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from monitors.alerts.retiring import Unmeasured, given_up
from storage.records import AlertStatus
from tests.helpers.alerts import AT, an_alert

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def an_unmeasured(
    *, days: float, window: timedelta = HOUR, replaced: bool = False, status: str = "firing"
) -> Unmeasured:
    alert = an_alert(status=AlertStatus(status))
    return Unmeasured(alert=alert, since=AT - days * DAY, window=window, replaced=replaced)


def test_what_nothing_has_measured_for_a_week_is_over() -> None:
    lost = an_unmeasured(days=7)

    (over,) = given_up([lost], AT).over

    assert (over.status, over.ends_at) == (AlertStatus.RESOLVED, lost.alert.updated_at)
    assert over.summary == (
        f"given up, for nothing was measured of it since 2026-02-23 12:00 UTC; before: {lost.alert.summary}"
    )


def test_what_was_measured_within_the_week_stands() -> None:
    assert given_up([an_unmeasured(days=6.9)], AT).over == ()


def test_of_a_version_whose_traffic_a_later_one_took_a_day_is_enough() -> None:
    found = [an_unmeasured(days=1, replaced=True), an_unmeasured(days=0.9, replaced=True)]

    assert len(given_up(found[:1], AT).over) == 1
    assert given_up(found[1:], AT).over == ()


def test_long_windows_are_waited_for() -> None:
    week = 7 * DAY

    assert given_up([an_unmeasured(days=20, window=week)], AT).over == ()
    assert len(given_up([an_unmeasured(days=21, window=week)], AT).over) == 1


def test_what_was_pending_is_forgotten() -> None:
    lost = an_unmeasured(days=7, status="pending")

    found = given_up([lost], AT)

    assert (found.over, found.withdrawn) == ((), (lost.alert,))


def test_several_are_told_apart() -> None:
    one = an_unmeasured(days=8)
    other = replace(an_unmeasured(days=9), alert=an_alert("plan"))

    age, plan = given_up([one, other], AT).over

    assert (age.column, plan.column) == ("age", "plan")
    assert "since 2026-02-22" in age.summary
    assert "since 2026-02-21" in plan.summary
