"""Models that had traffic and have none: seen by the wall clock, since no window tells of what is not there.

A version is not missed once a version that was registered later has traffic, nor when it has been gone for so
long that it was given up, nor while what came lies uncounted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitors.rulebook import NO_DATA, NO_EVENTS, Rule
from storage.models import ModelVersion
from storage.records import Alert, AlertStatus, Scope
from storage.windows import ModelClock

GIVEN_UP = timedelta(days=7)
"""What has been gone for longer, and of which nobody was told, is not missed any more; what was told, after
twice as long."""


def absences(  # noqa: PLR0913  # each is a fact about the traffic
    clocks: Sequence[ModelClock],
    versions: Sequence[ModelVersion],
    known: Sequence[Alert],
    *,
    rule: Rule | None,
    after: timedelta | None,
    settled: bool,
    now: datetime,
) -> list[Alert]:
    """The alerts that change. `known`: open ones. `settled`: all that came is counted."""
    open_ = {(alert.scope.model, alert.scope.version): alert for alert in known if alert.rule == NO_DATA}
    if rule is None or after is None:
        words = "no model is missed any more, as the settings say"
        return [_over(alert, max(now, alert.starts_at), words) for alert in open_.values()]
    order = order_of(versions)
    changed = []
    for clock in clocks:
        key = (clock.model, clock.version)
        followed = is_replaced(clock, clocks, order)
        quiet = now - clock.counted_at
        given_up = max(GIVEN_UP, 2 * after)
        alert = open_.get(key)
        if alert is not None:
            if clock.counted_at > alert.starts_at:
                words = f"events come again since {clock.counted_at:%Y-%m-%d %H:%M} UTC"
                changed.append(_over(alert, clock.counted_at, words))
            elif followed:
                words = "its traffic has gone to a later version"
                changed.append(_over(alert, max(now, alert.starts_at), words))
            elif settled and quiet >= 2 * given_up:
                words = f"{alert.summary}; it is not missed any more"
                changed.append(_over(alert, max(now, alert.starts_at), words))
            continue
        if settled and not clock.replay and not followed and after <= quiet < given_up:
            changed.append(_missing(clock, rule, clock.counted_at + after, now))
    return changed


def order_of(versions: Sequence[ModelVersion]) -> dict[tuple[str, str], int]:
    """Where a version stands among those of its model."""
    return {(each.model, each.version): place for place, each in enumerate(versions)}


def is_replaced(
    clock: ModelClock, clocks: Sequence[ModelClock], order: Mapping[tuple[str, str], int]
) -> bool:
    """Whether the traffic has gone to a version that was registered later."""
    own = order.get((clock.model, clock.version), -1)
    return any(
        other.model == clock.model
        and order.get((other.model, other.version), -1) > own
        and other.counted_at > clock.counted_at
        for other in clocks
    )


def _missing(clock: ModelClock, rule: Rule, starts_at: datetime, now: datetime) -> Alert:
    named = "\n".join((rule.name, clock.model, clock.version))
    return Alert(
        fingerprint=hashlib.sha256(named.encode()).hexdigest()[:32],
        status=AlertStatus.FIRING,
        rule=rule.name,
        severity=rule.severity,
        scope=Scope(model=clock.model, version=clock.version),
        monitor=rule.monitor,
        metric=NO_EVENTS,
        column=None,
        summary=f"no event came since {clock.counted_at:%Y-%m-%d %H:%M} UTC",
        starts_at=starts_at,
        updated_at=now,
    )


def _over(alert: Alert, at: datetime, why: str) -> Alert:
    return replace(alert, status=AlertStatus.RESOLVED, summary=why, updated_at=at, ends_at=at)
