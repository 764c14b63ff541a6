"""Judgements in SQL: one row a measurement, replaced when its window is judged again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage import dialects
from storage.records import Alert, Arm, Bounds, Judgement, Measurement, Scope, Window
from storage.tables import measurement as table

_KEY = ("model", "version", "arm", "slice", "monitor", "metric", "column", "start", "end")
_REPLACED = (
    "value",
    "interval_low",
    "interval_high",
    "bound_lower",
    "bound_upper",
    "n",
    "significant",
    "breached",
    "replay",
    "judged_at",
)


def add_judgements(connection: Connection, judgements: Sequence[Judgement], *, judged_at: datetime) -> None:
    """Store what was measured. The same metric of the same window replaces what was there."""
    rows = [_row(judgement, judged_at) for judgement in judgements]
    dialects.upsert(connection, table, rows, key=_KEY, replaced=_REPLACED)


def measured_of(connection: Connection, alert: Alert, *, limit: int) -> list[Judgement]:
    """The newest judgements of what an alert is about, oldest first."""
    scope = alert.scope
    statement = (
        sa.select(table)
        .where(
            table.c.model == scope.model,
            table.c.version == scope.version,
            table.c.arm == scope.arm.value,
            table.c.slice == scope.slice,
            table.c.monitor == alert.monitor,
            table.c.metric == alert.metric,
            table.c.column == (alert.column or ""),
        )
        .order_by(table.c.start.desc())
        .limit(limit)
    )
    return [judgement_of(row) for row in connection.execute(statement)][::-1]


def judgement_of(row: Row[Any]) -> Judgement:
    """A judgement from its row."""
    interval = None
    if row.interval_low is not None and row.interval_high is not None:
        interval = (row.interval_low, row.interval_high)
    return Judgement(
        monitor=row.monitor,
        scope=Scope(model=row.model, version=row.version, arm=Arm(row.arm), slice=row.slice),
        window=Window(start=row.start, end=row.end),
        measurement=Measurement(
            metric=row.metric,
            column=row.column or None,
            value=row.value,
            interval=interval,
            bounds=Bounds(lower=row.bound_lower, upper=row.bound_upper),
            n=row.n,
            significant=row.significant,
        ),
        replay=row.replay,
    )


def _row(judgement: Judgement, judged_at: datetime) -> dict[str, object]:
    measured = judgement.measurement
    low, high = measured.interval or (None, None)
    return {
        "monitor": judgement.monitor,
        "model": judgement.scope.model,
        "version": judgement.scope.version,
        "arm": judgement.scope.arm.value,
        "slice": judgement.scope.slice,
        "start": judgement.window.start,
        "end": judgement.window.end,
        "metric": measured.metric,
        "column": measured.column or "",
        "value": measured.value,
        "interval_low": low,
        "interval_high": high,
        "bound_lower": measured.bounds.lower,
        "bound_upper": measured.bounds.upper,
        "n": measured.n,
        "significant": measured.significant,
        "breached": measured.breached,
        "replay": judgement.replay,
        "judged_at": judged_at,
    }
