"""Alerts, and the memory of their rules: written in one transaction by the judge."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage import dialects
from storage.records import Alert, AlertStatus, Arm, Scope, Severity
from storage.tables import alert as table
from storage.tables import alert_state

_CHUNK = 200


def save_alerts(connection: Connection, alerts: Sequence[Alert], *, stored_at: datetime) -> None:
    """Write alerts. The same episode (fingerprint, start) replaces what was there."""
    rows = [_alert_row(alert, stored_at) for alert in alerts]
    dialects.upsert(
        connection,
        table,
        rows,
        key=("fingerprint", "starts_at"),
        replaced=("status", "severity", "summary", "updated_at", "ends_at", "replay", "stored_at"),
    )


def withdraw_alerts(connection: Connection, alerts: Sequence[Alert]) -> None:
    """Forget pending alerts that came to nothing: nobody was told of them."""
    for alert in alerts:
        connection.execute(
            sa.delete(table).where(
                table.c.fingerprint == alert.fingerprint,
                table.c.starts_at == alert.starts_at,
                table.c.status == AlertStatus.PENDING.value,
            )
        )


def open_alerts(
    connection: Connection, *, model: str | None = None, version: str | None = None
) -> list[Alert]:
    """Alerts that are pending or firing, oldest first."""
    statement = (
        sa.select(table)
        .where(table.c.status != AlertStatus.RESOLVED.value)
        .order_by(table.c.starts_at, table.c.id)
    )
    if model is not None:
        statement = statement.where(table.c.model == model)
    if version is not None:
        statement = statement.where(table.c.version == version)
    return [alert_of(row) for row in connection.execute(statement)]


def unchanged_alerts(connection: Connection, *, since: datetime) -> list[tuple[Alert, datetime]]:
    """Open alerts that were written last before a time of the wall clock, and when that was."""
    statement = (
        sa.select(table)
        .where(table.c.status != AlertStatus.RESOLVED.value, table.c.stored_at <= since)
        .order_by(table.c.starts_at, table.c.id)
    )
    return [(alert_of(row), row.stored_at) for row in connection.execute(statement)]


def rule_states(connection: Connection, *, model: str, version: str) -> dict[str, bytes]:
    """What the rules remember of a model version, by fingerprint."""
    statement = sa.select(alert_state.c.fingerprint, alert_state.c.body).where(
        alert_state.c.model == model, alert_state.c.version == version
    )
    return {fingerprint: bytes(body) for fingerprint, body in connection.execute(statement)}


def save_rule_states(
    connection: Connection, states: Mapping[str, bytes], *, model: str, version: str, updated_at: datetime
) -> None:
    """Write what the rules remember."""
    rows = [
        {
            "fingerprint": fingerprint,
            "model": model,
            "version": version,
            "body": body,
            "updated_at": updated_at,
        }
        for fingerprint, body in sorted(states.items())
    ]
    dialects.upsert(connection, alert_state, rows, key=("fingerprint",), replaced=("body", "updated_at"))


def delete_rule_states(connection: Connection, fingerprints: Collection[str]) -> None:
    """Forget what need not be remembered any more."""
    ordered = sorted(fingerprints)
    for start in range(0, len(ordered), _CHUNK):
        chunk = ordered[start : start + _CHUNK]
        connection.execute(sa.delete(alert_state).where(alert_state.c.fingerprint.in_(chunk)))


def alert_of(row: Row[Any]) -> Alert:
    """An alert from its row."""
    return Alert(
        fingerprint=row.fingerprint,
        status=AlertStatus(row.status),
        rule=row.rule,
        severity=Severity(row.severity),
        scope=Scope(model=row.model, version=row.version, arm=Arm(row.arm), slice=row.slice),
        monitor=row.monitor,
        metric=row.metric,
        column=row.column or None,
        summary=row.summary,
        starts_at=row.starts_at,
        updated_at=row.updated_at,
        ends_at=row.ends_at,
        replay=row.replay,
    )


def _alert_row(alert: Alert, stored_at: datetime) -> dict[str, object]:
    return {
        "fingerprint": alert.fingerprint,
        "starts_at": alert.starts_at,
        "status": alert.status.value,
        "rule": alert.rule,
        "severity": alert.severity.value,
        "model": alert.scope.model,
        "version": alert.scope.version,
        "arm": alert.scope.arm.value,
        "slice": alert.scope.slice,
        "monitor": alert.monitor,
        "metric": alert.metric,
        "column": alert.column or "",
        "summary": alert.summary,
        "updated_at": alert.updated_at,
        "ends_at": alert.ends_at,
        "replay": alert.replay,
        "stored_at": stored_at,
    }
