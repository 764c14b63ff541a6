"""Alerts and notices for tests, with only the facts that matter given."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from monitors.alerts.groups import Notice, group
from monitors.alerts.rules import News, Reason
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
    """One notice of one model: firing alerts fired just now, resolved ones resolved just now."""
    news = [
        News(alert=alert, reason=Reason.FIRED if alert.status is AlertStatus.FIRING else Reason.RESOLVED)
        for alert in alerts or (an_alert(),)
    ]
    (notice,) = group(news, standing, at=AT)
    return notice
