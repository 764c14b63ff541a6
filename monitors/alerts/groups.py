"""Which alerts share a notice: those of one model version that changed in one look."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitors.alerts.rules import News, Reason
from monitors.alerts.words import plain
from storage.records import ALL, Alert, AlertStatus

SHOWN = 5
"""Columns that a subject names, before it says how many more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one message says: alerts of a model version that fired or resolved, and those that fire still."""

    model: str
    version: str
    news: tuple[News, ...]
    standing: tuple[Alert, ...]  # fire, and were told of before
    at: datetime

    @property
    def id(self) -> str:
        """The same for the same news, however often it is rendered."""
        named = [self.model, self.version, self.at.isoformat()]
        for each in self.news:
            named += [each.alert.fingerprint, each.alert.starts_at.isoformat(), each.reason]
        return hashlib.sha256("\n".join(named).encode()).hexdigest()[:32]

    @property
    def fired(self) -> tuple[Alert, ...]:
        return tuple(each.alert for each in self.news if each.reason is Reason.FIRED)

    @property
    def resolved(self) -> tuple[Alert, ...]:
        return tuple(each.alert for each in self.news if each.reason is not Reason.FIRED)

    @property
    def replay(self) -> bool:
        return any(each.alert.replay for each in self.news)

    @property
    def episodes(self) -> tuple[str, ...]:
        """Names of the episodes it speaks of: messages about the same ones belong together."""
        return tuple(episode(each.alert) for each in self.news)

    @property
    def subject(self) -> str:
        """`[FIRING:2] car-loan 1: drift in car_value`. In an episode only the word in front changes."""
        word = f"FIRING:{len(self.fired)}" if self.fired else "RESOLVED"
        alerts = self.fired or self.resolved
        return f"[{word}] {plain(self.model)} {plain(self.version)}: {'; '.join(_stems(alerts))}"


def episode(alert: Alert) -> str:
    """One name for an alert from the moment it fires until it is resolved."""
    return f"{alert.fingerprint}.{alert.starts_at:%Y%m%dT%H%M%S}"


def group(news: Iterable[News], firing: Iterable[Alert], *, at: datetime) -> list[Notice]:
    """One notice for each model version that has news. `firing` are all alerts that fire after this look."""
    by_model: dict[tuple[str, str], list[News]] = {}
    for each in news:
        by_model.setdefault((each.alert.scope.model, each.alert.scope.version), []).append(each)
    standing = list(firing)
    return [
        Notice(
            model=model, version=version, news=_sorted(members), at=at, standing=_others(standing, members)
        )
        for (model, version), members in sorted(by_model.items())
    ]


def _sorted(members: Iterable[News]) -> tuple[News, ...]:
    return tuple(sorted(members, key=lambda each: (_place(each.alert), each.alert.starts_at)))


def _others(firing: Sequence[Alert], members: Sequence[News]) -> tuple[Alert, ...]:
    told = {each.alert.fingerprint for each in members}
    scope = members[0].alert.scope
    others = [
        alert
        for alert in firing
        if alert.fingerprint not in told
        and alert.status is AlertStatus.FIRING
        and (alert.scope.model, alert.scope.version) == (scope.model, scope.version)
    ]
    return tuple(sorted(others, key=_place))


def _place(alert: Alert) -> tuple[str, str, str, str, str]:
    return alert.rule, alert.scope.slice, alert.column or "", alert.metric, alert.scope.arm


def _stems(alerts: Sequence[Alert]) -> list[str]:
    """What is wrong, rule by rule, in few words."""
    by_rule: dict[str, list[str]] = {}
    for alert in alerts:
        where = plain(alert.column if alert.column is not None else alert.metric, 60)
        if alert.scope.slice != ALL:
            where += f" ({plain(alert.scope.slice, 60)})"
        places = by_rule.setdefault(alert.rule, [])
        if where not in places:
            places.append(where)
    return [f"{rule} in {_listed(places)}" for rule, places in by_rule.items()]


def _listed(places: Sequence[str]) -> str:
    more = len(places) - SHOWN
    return ", ".join(places[:SHOWN]) + (f" and {more} more" if more > 0 else "")
