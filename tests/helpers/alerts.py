"""Alerts and notices for tests, with only the facts that matter given."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from monitors.alerts.groups import Notice, NoticeReason, Words, episode, place, stem
from storage.records import Alert, AlertStatus, Arm, Scope, Severity

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def an_alert(
    column: str | None = "age",
    *,
    rule: str = "drift",
    model: str = "churn",
    slice_: str = "all",
    summary: str = "drift of age is 0.31 (healthy up to 0.1, 5,000 rows)",
    status: AlertStatus = AlertStatus.FIRING,
    replay: bool = False,
) -> Alert:
    return Alert(
        fingerprint=hashlib.sha256(f"{rule} {column} {slice_}".encode("utf-8", "replace")).hexdigest()[:32],
        status=status,
        rule=rule,
        severity=Severity.WARNING,
        scope=Scope(model=model, version="12", arm=Arm.STABLE, slice=slice_),
        monitor=rule,
        metric=rule,
        column=column,
        summary=summary,
        starts_at=AT,
        updated_at=AT + timedelta(hours=1),
        ends_at=AT + timedelta(hours=1) if status is AlertStatus.RESOLVED else None,
        replay=replay,
    )


def a_notice(*alerts: Alert, standing: tuple[Alert, ...] = ()) -> Notice:
    """One notice of one group: firing alerts fired just now, resolved ones resolved just now."""
    members = sorted(alerts or (an_alert(),), key=place)
    labels = {"model": members[0].scope.model, "version": members[0].scope.version}
    fired = tuple(each for each in members if each.status is AlertStatus.FIRING)
    resolved = tuple(each for each in members if each.status is AlertStatus.RESOLVED)
    named = "\n".join(f"{episode(each)} {each.status}" for each in members)
    return Notice(
        id=hashlib.sha256(named.encode()).hexdigest()[:32],
        thread=episode(members[0]),
        stem=stem(labels, members),
        group=labels,
        reason=NoticeReason.CHANGED if fired else NoticeReason.RESOLVED,
        at=AT,
        fired=fired,
        standing=standing,
        resolved=resolved,
        about={each.fingerprint: Words(labels={**labels, "rule": each.rule}) for each in members},
    )
