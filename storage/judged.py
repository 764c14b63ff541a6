"""What was judged, window by window: the read-only questions of pages that show numbers over time.

`reading.measurements` gives the same rows in pages, for programs; a page wants those
of a few windows at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import tables
from storage.measurements import judgement_of
from storage.records import ALL, Arm, Judgement, Scope, Window

Snapshot = Connection
"""What a question is asked of, as `Database.read` gives it: for callers that have no business with SQL."""

_TABLE = tables.measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which measurements. None: any."""

    monitors: tuple[str, ...]
    metric: str | None = None
    column: str | None = None


def scopes(snapshot: Snapshot, model: str, version: str, monitor: str) -> list[Scope]:
    """Every arm and slice of a version that the monitor has judged, in order."""
    rows = snapshot.execute(
        sa.select(_TABLE.c.arm, _TABLE.c.slice)
        .where(_TABLE.c.model == model, _TABLE.c.version == version, _TABLE.c.monitor == monitor)
        .distinct()
    )
    return sorted(Scope(model=model, version=version, arm=Arm(arm), slice=part) for arm, part in rows)


def arms(snapshot: Snapshot, model: str, version: str) -> list[Scope]:
    """Every arm of a version that anything was judged of, all slices together."""
    rows = snapshot.scalars(
        sa.select(_TABLE.c.arm)
        .where(_TABLE.c.model == model, _TABLE.c.version == version, _TABLE.c.slice == ALL)
        .distinct()
    )
    return sorted(Scope(model=model, version=version, arm=Arm(arm)) for arm in rows)


def windows(snapshot: Snapshot, scope: Scope, monitor: str, metric: str) -> list[Window]:
    """Every window in which the metric was judged, known or not, oldest first."""
    rows = snapshot.execute(
        sa.select(_TABLE.c.start, _TABLE.c.end)
        .where(*_of(scope), _TABLE.c.monitor == monitor, _TABLE.c.metric == metric)
        .distinct()
        .order_by(_TABLE.c.start, _TABLE.c.end)
    )
    return [Window(start=start, end=end) for start, end in rows]


def newest_span(snapshot: Snapshot, scope: Scope, windows: int) -> Window | None:
    """From the first to the last of the newest windows of a scope, whichever monitor judged them."""
    rows = snapshot.execute(
        sa.select(_TABLE.c.start, _TABLE.c.end)
        .where(*_of(scope))
        .distinct()
        .order_by(_TABLE.c.start.desc())
        .limit(windows)
    ).all()
    if not rows:
        return None
    return Window(start=min(start for start, _ in rows), end=max(end for _, end in rows))


def judgements_between(snapshot: Snapshot, scope: Scope, span: Window, asked: Asked) -> list[Judgement]:
    """What monitors said of the windows that lie in the span, oldest first."""
    question = (
        sa.select(_TABLE)
        .where(*_of(scope), _TABLE.c.monitor.in_(asked.monitors))
        .where(_TABLE.c.start >= span.start, _TABLE.c.end <= span.end)
        .order_by(_TABLE.c.start, _TABLE.c.end, _TABLE.c.monitor, _TABLE.c.column, _TABLE.c.metric)
    )
    if asked.metric is not None:
        question = question.where(_TABLE.c.metric == asked.metric)
    if asked.column is not None:
        question = question.where(_TABLE.c.column == asked.column)
    return [judgement_of(row) for row in snapshot.execute(question)]


def _of(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _TABLE.c.model == scope.model,
        _TABLE.c.version == scope.version,
        _TABLE.c.arm == scope.arm.value,
        _TABLE.c.slice == scope.slice,
    )
