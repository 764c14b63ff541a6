"""Alerts that a person acts on, and what the person does, with only the facts that matter given."""

from __future__ import annotations

from datetime import UTC, datetime

from storage.records import Alert, AlertStatus, Scope, Severity

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_firing_alert(column: str | None = "age", *, model: str = "churn", fingerprint: str = "f1") -> Alert:
    return Alert(
        fingerprint=fingerprint,
        status=AlertStatus.FIRING,
        rule="drift",
        severity=Severity.WARNING,
        scope=Scope(model=model, version="12"),
        monitor="drift",
        metric="drift",
        column=column,
        summary="drift of age is 0.31",
        starts_at=AT,
        updated_at=AT,
    )
