"""Alerts that no window will resolve: their rule is no longer in force, or nothing measures them any more.

A window without a measurement resolves nothing. But a slice, an arm or a column may be gone for good, or a
version served no longer; after days without a word nobody can say that its alerts still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitors.rulebook import Rule
from storage.records import Alert, AlertStatus

UNMEASURED = timedelta(days=7)
REPLACED = timedelta(days=1)
"""Where the traffic of a version has gone to a later one."""
_WINDOWS = 3
"""No alert is given up before so many of its windows are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What becomes of them."""

    over: tuple[Alert, ...]  # fired: people may know of them
    withdrawn: tuple[Alert, ...]  # pending: forget them


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """An open alert of which nothing is heard."""

    alert: Alert
    since: datetime  # when a window last spoke of it, by the wall clock
    window: timedelta  # how long its windows are
    replaced: bool  # whether its version's traffic has gone to a later one


def retired(alerts: Iterable[Alert], rules: Iterable[Rule], now: datetime) -> Retired:
    """Of open alerts those that no rule in force makes."""
    known = list(rules)

    def over(alert: Alert) -> Alert:
        return _over(alert, max(now, alert.starts_at), f"the rule {alert.rule} is no longer in force here")

    return _parted([alert for alert in alerts if not any(rule.made(alert) for rule in known)], over)


def given_up(found: Iterable[Unmeasured], now: datetime) -> Retired:
    """Of open alerts those that nothing has measured for so long that nobody can say whether they hold."""
    lost = {each.alert: each for each in found if now - each.since >= _patience(each)}

    def over(alert: Alert) -> Alert:
        since = f"{lost[alert].since:%Y-%m-%d %H:%M} UTC"
        return _over(alert, alert.updated_at, f"given up, for nothing was measured of it since {since}")

    return _parted(list(lost), over)


def _patience(each: Unmeasured) -> timedelta:
    return max(REPLACED if each.replaced else UNMEASURED, _WINDOWS * each.window)


def _parted(alerts: Sequence[Alert], over: Callable[[Alert], Alert]) -> Retired:
    return Retired(
        over=tuple(over(alert) for alert in alerts if alert.status is AlertStatus.FIRING),
        withdrawn=tuple(alert for alert in alerts if alert.status is AlertStatus.PENDING),
    )


def _over(alert: Alert, at: datetime, why: str) -> Alert:
    summary = f"{why}; before: {alert.summary}"
    return replace(alert, status=AlertStatus.RESOLVED, summary=summary, updated_at=at, ends_at=at)
