"""What was judged, window by window: the read-only questions of pages that show numbers over time.

`reading.measurements` gives the same rows in pages, for programs; a page wants those
of a few windows at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from storage import tables
from storage.measurements import judgement_of
from storage.records import Arm, Judgement, Scope, Window

Snapshot = Connection
"""What a question is asked of, as `Database.read` gives it: for callers that have no business with SQL."""

_TABLE = tables.measurement
_HAS_UPPER = _TABLE.c.bound_upper.is_not(None)
_IS_KNOWN = sa.and_(_TABLE.c.value.is_not(None), sa.or_(_HAS_UPPER, _TABLE.c.bound_lower.is_not(None)))
_FIGURES = (
    sa.func.max(_TABLE.c.value).label("largest"),
    sa.func.max(sa.case((_HAS_UPPER, _TABLE.c.value))).label("largest_bounded"),
    sa.func.sum(sa.case((_IS_KNOWN, 1), else_=0)).label("known"),
    sa.func.sum(sa.case((_TABLE.c.breached, 1), else_=0)).label("breached"),
)
_Where = tuple[sa.ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which measurements. None: any."""

    monitors: tuple[str, ...]
    metric: str | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a monitor said of one metric in one window, all columns together. "" is all of its metrics."""

    monitor: str
    metric: str
    window: Window
    largest: float | None  # None: none is known
    largest_bounded: float | None  # of those that have an upper bound
    known: int  # of those that have bounds: how many are known
    breached: int


def scopes(snapshot: Snapshot, model: str, version: str, monitor: str) -> list[Scope]:
    """Every arm and slice of a version that the monitor has judged, in order."""
    of_version = (_TABLE.c.model == model, _TABLE.c.version == version)
    found = []
    for arm in snapshot.scalars(_distinct(_TABLE.c.arm, of_version)):
        for part in snapshot.scalars(_distinct(_TABLE.c.slice, (*of_version, _TABLE.c.arm == arm))):
            scope = Scope(model=model, version=version, arm=Arm(arm), slice=part)
            if _is_judged(snapshot, scope, _TABLE.c.monitor == monitor):
                found.append(scope)
    return sorted(found)


def arms(snapshot: Snapshot, model: str, version: str) -> list[Scope]:
    """Every arm of a version that anything was judged of, all slices together."""
    found = snapshot.scalars(_distinct(_TABLE.c.arm, (_TABLE.c.model == model, _TABLE.c.version == version)))
    whole = [Scope(model=model, version=version, arm=Arm(arm)) for arm in found]
    return sorted(scope for scope in whole if _is_judged(snapshot, scope))


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
    starts = list(snapshot.scalars(_newest(_TABLE.c.start, _of(scope), windows)))
    if not starts:
        return None
    # Asked as a range, for which SQLite takes the index by start and not the longer one that holds `end`.
    newest = sa.select(sa.func.max(_TABLE.c.end)).where(*_of(scope), _TABLE.c.start >= max(starts))
    return Window(start=min(starts), end=snapshot.scalars(newest).one())


def figures_between(
    snapshot: Snapshot, scope: Scope, span: Window, asked: Mapping[str, Collection[str]]
) -> list[Figures]:
    """What monitors said of the windows in the span, summed up in SQL; `asked`: metrics by monitor.

    Of a monitor that is asked for no metric, all are taken together.
    """
    together = sorted(monitor for monitor, metrics in asked.items() if not metrics)
    named = [
        sa.and_(_TABLE.c.monitor == monitor, _TABLE.c.metric.in_(sorted(metrics)))
        for monitor, metrics in sorted(asked.items())
        if metrics
    ]
    wanted = [*named, _TABLE.c.monitor.in_(together)] if together else named
    metric = sa.case((_TABLE.c.monitor.in_(together), ""), else_=_TABLE.c.metric).label("metric")
    key = (_TABLE.c.monitor, metric, _TABLE.c.start, _TABLE.c.end)
    question = (
        sa.select(*key, *_FIGURES)
        .where(*_of(scope), _TABLE.c.start >= span.start, _TABLE.c.start < span.end)
        .where(_TABLE.c.end <= span.end, sa.or_(*wanted))
        .group_by(*key)
    )
    return [_figures(row) for row in snapshot.execute(question)]


def newest_figures(snapshot: Snapshot, scope: Scope, windows: int) -> list[Figures]:
    """What was said last of every metric, among the newest windows of a scope."""
    span = newest_span(snapshot, scope, windows)
    if span is None:
        return []
    key = (_TABLE.c.monitor, _TABLE.c.metric, _TABLE.c.start, _TABLE.c.end)
    question = (
        sa.select(*key, *_FIGURES)
        .where(*_of(scope), _TABLE.c.start >= span.start, _TABLE.c.end <= span.end)
        .group_by(*key)
        .order_by(_TABLE.c.start, _TABLE.c.end)
    )
    newest = {(each.monitor, each.metric): each for each in map(_figures, snapshot.execute(question))}
    return [newest[name] for name in sorted(newest)]


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


def _figures(row: Row[*tuple[Any, ...]]) -> Figures:
    return Figures(
        monitor=row.monitor,
        metric=row.metric,
        window=Window(start=row.start, end=row.end),
        largest=row.largest,
        largest_bounded=row.largest_bounded,
        known=row.known,
        breached=row.breached,
    )


def _of(scope: Scope) -> _Where:
    return (
        _TABLE.c.model == scope.model,
        _TABLE.c.version == scope.version,
        _TABLE.c.arm == scope.arm.value,
        _TABLE.c.slice == scope.slice,
    )


def _is_judged(snapshot: Snapshot, scope: Scope, *also: sa.ColumnElement[bool]) -> bool:
    return snapshot.execute(sa.select(_TABLE.c.id).where(*_of(scope), *also).limit(1)).first() is not None


def _distinct(column: sa.Column[str], where: _Where) -> sa.Select[str]:
    """The different values of a column, one look into its index for each; `distinct` reads every row."""
    walk = sa.select(sa.func.min(column).label("found")).where(*where).cte("walk", recursive=True)
    following = sa.select(sa.func.min(column)).where(*where, column > walk.c.found).scalar_subquery()
    walk = walk.union_all(sa.select(following).where(walk.c.found.is_not(None)))
    return sa.select(walk.c.found).where(walk.c.found.is_not(None))


def _newest(column: sa.Column[datetime], where: _Where, most: int) -> sa.Select[datetime]:
    """The same downwards, from the newest on, and not farther than asked."""
    first = sa.select(sa.func.max(column).label("found"), sa.literal(1).label("n")).where(*where)
    walk = first.cte("walk", recursive=True)
    following = sa.select(sa.func.max(column)).where(*where, column < walk.c.found).scalar_subquery()
    walk = walk.union_all(
        sa.select(following, walk.c.n + 1).where(walk.c.found.is_not(None), walk.c.n < most)
    )
    return sa.select(walk.c.found).where(walk.c.found.is_not(None))
