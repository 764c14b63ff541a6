"""Alerts whose rule is no longer in force: no window will ever be judged by it, so they are over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitors.rulebook import Rule
from storage.records import Alert, AlertStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What becomes of them."""

    over: tuple[Alert, ...]  # fired: people may know of them
    withdrawn: tuple[Alert, ...]  # pending: forget them


def retired(alerts: Sequence[Alert], rules: Iterable[Rule], now: datetime) -> Retired:
    """Of open alerts those that no rule in force makes."""
    known = list(rules)
    orphans = [alert for alert in alerts if not any(rule.made(alert) for rule in known)]
    firing = (alert for alert in orphans if alert.status is AlertStatus.FIRING)
    return Retired(
        over=tuple(_over(alert, max(now, alert.starts_at)) for alert in firing),
        withdrawn=tuple(alert for alert in orphans if alert.status is AlertStatus.PENDING),
    )


def _over(alert: Alert, at: datetime) -> Alert:
    summary = f"the rule {alert.rule} is no longer in force here; before: {alert.summary}"
    return replace(alert, status=AlertStatus.RESOLVED, summary=summary, updated_at=at, ends_at=at)
