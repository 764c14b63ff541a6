"""The worst of many windows, found where they lie: a page has room for some dozens of cells a column.

A measurement is worse than another if it is breached, then if it lies further towards or beyond its bound;
one without bounds is worse the greater it is, or the less, as who asks knows of it. What is known is worse
than what is not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import sqlalchemy as sa

from storage import tables
from storage.judged import Asked, Snapshot
from storage.measurements import judgement_of
from storage.records import Judgement, Scope, Window

_TABLE = tables.measurement
_CHUNK = 200


class Worse(Enum):
    """Which of two numbers is worse where neither has bounds."""

    GREATER = "greater"
    LESS = "less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The worst measurement of a column in a run of windows."""

    judgement: Judgement
    span: Window  # from the start of the first window to the end of the last
    windows: int = 1
    breached: int = 0  # windows in which anything was
    unknown: int = 0  # windows in which nothing is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a column stands in a span."""

    column: str
    breached: int  # windows in which anything was
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachedRun:
    """Breached windows in a row."""

    since: datetime  # start of the first
    windows: int


def standings(snapshot: Snapshot, scope: Scope, span: Window, asked: Asked) -> list[Standing]:
    """Every column, the one with most breached windows first, then the one nearest to its bound."""
    reach = sa.func.max(_reach())
    breached = sa.func.count(_where_breached().distinct())
    rows = snapshot.execute(
        sa.select(_TABLE.c.column, breached.label("breached"), sa.func.count(_TABLE.c.value).label("known"))
        .where(*_asked(scope, span, asked), _TABLE.c.column != "")
        .group_by(_TABLE.c.column)
        .order_by(breached.desc(), reach.is_(None), reach.desc(), _TABLE.c.column)
    )
    return [Standing(column=row.column, breached=row.breached, known=row.known > 0) for row in rows]


def newest_known(snapshot: Snapshot, scope: Scope, span: Window, asked: Asked) -> datetime | None:
    """Start of the newest window in which anything of this is known."""
    start: datetime | None = snapshot.scalar(
        sa.select(_TABLE.c.start)
        .where(*_asked(scope, span, asked), _TABLE.c.value.is_not(None))
        .order_by(_TABLE.c.start.desc())
        .limit(1)
    )
    return start


def worst_of_runs(  # noqa: PLR0913  # whose, when, and which
    snapshot: Snapshot,
    scope: Scope,
    span: Window,
    asked: Asked,
    *,
    columns: Collection[str],
    step: timedelta,
    worse: Worse = Worse.GREATER,
) -> list[Worst]:
    """The worst of each column in each run of windows that start within one `step` of the UTC grid."""
    if not columns:
        return []
    run = (sa.type_coerce(_TABLE.c.start, sa.BigInteger) // (step // timedelta(microseconds=1))).label("run")
    of_these = (*_asked(scope, span, asked), _TABLE.c.column.in_(sorted(columns)))
    counted = {
        (row.column, row.run): row
        for row in snapshot.execute(
            sa.select(
                _TABLE.c.column,
                run,
                sa.func.min(_TABLE.c.start).label("start"),
                sa.func.max(_TABLE.c.end).label("end"),
                sa.func.count(_TABLE.c.start.distinct()).label("windows"),
                sa.func.count(_where_breached().distinct()).label("breached"),
                sa.func.count(_where_known().distinct()).label("known"),
            )
            .where(*of_these)
            .group_by(_TABLE.c.column, run)
        )
    }
    place = sa.func.row_number().over(
        partition_by=(_TABLE.c.column, run),
        order_by=(
            _TABLE.c.breached.desc(),
            _TABLE.c.value.is_(None),
            _reach(worse).desc(),
            _TABLE.c.start.desc(),
            _TABLE.c.metric,
        ),
    )
    placed = sa.select(_TABLE.c.id, run, place.label("place")).where(*of_these).subquery()
    rows = snapshot.execute(
        sa.select(_TABLE, placed.c.run)
        .join(placed, placed.c.id == _TABLE.c.id)
        .where(placed.c.place == 1)
        .order_by(_TABLE.c.start, _TABLE.c.column)
    )
    return [
        Worst(
            judgement=judgement_of(row),
            span=Window(start=found.start, end=found.end),
            windows=found.windows,
            breached=found.breached,
            unknown=found.windows - found.known,
        )
        for row in rows
        for found in (counted[row.column, row.run],)
    ]


def across_slices(
    snapshot: Snapshot, scope: Scope, slices: Collection[str], window: Window, asked: Asked
) -> list[Judgement]:
    """What was measured of each slice of one arm in one window."""
    names = sorted(slices)
    found: list[Judgement] = []
    for start in range(0, len(names), _CHUNK):
        question = sa.select(_TABLE).where(
            _TABLE.c.model == scope.model,
            _TABLE.c.version == scope.version,
            _TABLE.c.arm == scope.arm.value,
            _TABLE.c.slice.in_(names[start : start + _CHUNK]),
            _TABLE.c.start == window.start,
            _TABLE.c.end == window.end,
            *_named(asked),
        )
        found += [judgement_of(row) for row in snapshot.execute(question)]
    return found


def breached_run(snapshot: Snapshot, judgement: Judgement) -> BreachedRun | None:
    """The breached windows in a row up to this one, however far back. Unknown ones do not end the row."""
    scope, measured = judgement.scope, judgement.measurement
    alike = (
        *_of(scope),
        _TABLE.c.monitor == judgement.monitor,
        _TABLE.c.metric == measured.metric,
        _TABLE.c.column == (measured.column or ""),
        _TABLE.c.start <= judgement.window.start,
    )
    healthy = snapshot.scalar(
        sa.select(_TABLE.c.start)
        .where(*alike, _TABLE.c.breached.is_(False), _TABLE.c.value.is_not(None))
        .order_by(_TABLE.c.start.desc())
        .limit(1)
    )
    question = sa.select(sa.func.min(_TABLE.c.start), sa.func.count()).where(
        *alike, _TABLE.c.breached.is_(True)
    )
    if healthy is not None:
        question = question.where(_TABLE.c.start > healthy)
    since, windows = snapshot.execute(question).one()
    return BreachedRun(since=since, windows=windows) if windows else None


def _reach(worse: Worse = Worse.GREATER) -> sa.ColumnElement[float]:
    """How far towards its bound; without one, how great or how small. Null: unknown."""
    value, upper = _TABLE.c.value, _TABLE.c.bound_upper
    alone = value if worse is Worse.GREATER else -value
    return sa.case(
        (_TABLE.c.bound_lower.is_not(None), -value),
        (upper.is_not(None), sa.func.coalesce(value / sa.func.nullif(upper, 0.0), value)),
        else_=alone,
    )


def _where_breached() -> sa.ColumnElement[int | None]:
    return sa.case((_TABLE.c.breached, sa.type_coerce(_TABLE.c.start, sa.BigInteger)))


def _where_known() -> sa.ColumnElement[int | None]:
    return sa.case((_TABLE.c.value.is_not(None), sa.type_coerce(_TABLE.c.start, sa.BigInteger)))


def _asked(scope: Scope, span: Window, asked: Asked) -> tuple[sa.ColumnElement[bool], ...]:
    return (*_of(scope), _TABLE.c.start >= span.start, _TABLE.c.end <= span.end, *_named(asked))


def _of(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _TABLE.c.model == scope.model,
        _TABLE.c.version == scope.version,
        _TABLE.c.arm == scope.arm.value,
        _TABLE.c.slice == scope.slice,
    )


def _named(asked: Asked) -> tuple[sa.ColumnElement[bool], ...]:
    named: list[sa.ColumnElement[bool]] = [_TABLE.c.monitor.in_(asked.monitors)]
    if asked.metric is not None:
        named.append(_TABLE.c.metric == asked.metric)
    if asked.column is not None:
        named.append(_TABLE.c.column == asked.column)
    return tuple(named)
