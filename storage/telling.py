"""What people were told: by alert, and what is remembered of each group of alerts and of each recipient."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage import dialects
from storage.alerts import alert_of
from storage.models import ModelVersion, model_versions
from storage.records import Alert, AlertStatus
from storage.silences import Silence, acknowledgements, silences
from storage.tables import alert as table
from storage.tables import alert_group as remembered
from storage.windows import ModelClock, model_clocks

_CHUNK = 200


class Kind(StrEnum):
    """What something is remembered of."""

    GROUP = "group"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldAlert:
    """An alert, and what people were told of it last; None: nothing."""

    alert: Alert
    told: AlertStatus | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that decides who is told what, as it stood at one moment."""

    alerts: list[ToldAlert]
    silences: list[Silence]
    acknowledged: frozenset[tuple[str, datetime]]
    groups: dict[str, bytes]  # what is remembered of each group of alerts
    recipients: dict[str, bytes]  # and of each recipient
    clocks: list[ModelClock]
    versions: list[ModelVersion]


def standing(connection: Connection, now: datetime) -> Standing:
    """Read it."""
    alerts = alerts_to_tell(connection)
    return Standing(
        alerts=alerts,
        silences=silences(connection, since=now),
        acknowledged=frozenset(acknowledgements(connection)) if alerts else frozenset(),
        groups=remembered_of(connection, Kind.GROUP),
        recipients=remembered_of(connection, Kind.RECIPIENT),
        clocks=model_clocks(connection),
        versions=model_versions(connection),
    )


def alerts_to_tell(connection: Connection) -> list[ToldAlert]:
    """Alerts that fire, and those that are over and of which people were not told that."""
    over = sa.and_(
        table.c.status == AlertStatus.RESOLVED.value, table.c.told.in_(["", AlertStatus.FIRING.value])
    )
    statement = (
        sa.select(table)
        .where(sa.or_(table.c.status == AlertStatus.FIRING.value, over))
        .order_by(table.c.starts_at, table.c.id)
    )
    return [_told_alert(row) for row in connection.execute(statement)]


def newest_episodes(connection: Connection, *, model: str | None, limit: int) -> list[ToldAlert]:
    """The alerts that came last, open and over, of a model or of all, and what people know of each."""
    statement = sa.select(table).order_by(table.c.id.desc()).limit(limit)
    if model is not None:
        statement = statement.where(table.c.model == model)
    return [_told_alert(row) for row in connection.execute(statement)]


def mark_told(connection: Connection, told: Mapping[tuple[str, datetime], AlertStatus]) -> None:
    """Note what people know of episodes, by fingerprint and start."""
    for (fingerprint, starts_at), status in sorted(told.items()):
        connection.execute(
            sa.update(table)
            .where(table.c.fingerprint == fingerprint, table.c.starts_at == starts_at)
            .values(told=status.value)
        )


def remembered_of(connection: Connection, kind: Kind) -> dict[str, bytes]:
    """What is remembered of all groups, or of all recipients, by name."""
    statement = sa.select(remembered.c.name, remembered.c.body).where(
        remembered.c.name.startswith(f"{kind} ", autoescape=True)
    )
    return {name.partition(" ")[2]: bytes(body) for name, body in connection.execute(statement)}


def remember(
    connection: Connection, kind: Kind, bodies: Mapping[str, bytes], *, updated_at: datetime
) -> None:
    """Write what is remembered, by name."""
    rows = [
        {"name": f"{kind} {name}", "body": body, "updated_at": updated_at}
        for name, body in sorted(bodies.items())
    ]
    dialects.upsert(connection, remembered, rows, key=("name",), replaced=("body", "updated_at"))


def forget(connection: Connection, kind: Kind, names: Collection[str]) -> None:
    """What need not be remembered any more."""
    ordered = [f"{kind} {name}" for name in sorted(names)]
    for start in range(0, len(ordered), _CHUNK):
        chunk = ordered[start : start + _CHUNK]
        connection.execute(sa.delete(remembered).where(remembered.c.name.in_(chunk)))


def _told_alert(row: Row[Any]) -> ToldAlert:
    return ToldAlert(alert=alert_of(row), told=AlertStatus(row.told) if row.told else None)
