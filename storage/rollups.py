"""Aged panes add up into hours, and hours into days: the state of a year of traffic stays small.

Age is measured by the model's own clock, its newest event, so a replay of last year's traffic keeps its
minutes for as long as live traffic would. A late event makes a new pane, which is added to its hour the
next time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.clock import from_microseconds, to_microseconds
from storage.records import Arm, Scope
from storage.summaries import SummaryKey, add_summaries
from storage.summary import Summary
from storage.tables import model_clock
from storage.tables import summary as table

HOUR_S = 3600
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RollUp:
    """One step: shorter panes than `to_s`, when older than `kept`, become panes of `to_s`."""

    to_s: int
    kept: timedelta


def roll_up(connection: Connection, partition: int, step: RollUp, *, limit: int = 500) -> int:
    """Roll up some rows of a partition, in the transaction of its lease. Returns how many; 0: all is done."""
    old = (
        sa.select(table)
        .join(
            model_clock,
            sa.and_(model_clock.c.model == table.c.model, model_clock.c.version == table.c.version),
        )
        .where(
            table.c.partition == partition,
            table.c.length_s < step.to_s,
            step.to_s % table.c.length_s == 0,  # a pane that would lie in two hours stays what it is
            _microseconds(table.c.start) < _microseconds(model_clock.c.newest_at) - _age_us(step),
        )
        .order_by(*(table.c[name] for name in _KEY))
        .limit(limit)
        .with_for_update(of=table)  # monitors that need scores are counted under another lease meanwhile
    )
    rolled: dict[SummaryKey, Summary] = {}
    rows = connection.execute(old).all()
    for row in rows:
        key = SummaryKey(
            monitor=row.monitor,
            scope=Scope(model=row.model, version=row.version, arm=Arm(row.arm), slice=row.slice),
            reference=row.reference or None,
            start=from_microseconds(
                to_microseconds(row.start) // (step.to_s * 1_000_000) * step.to_s * 1_000_000
            ),
            length_s=step.to_s,
            partition=partition,
        )
        rolled[key] = rolled.get(key, Summary()) + Summary.from_bytes(bytes(row.body))
        connection.execute(sa.delete(table).where(*(table.c[name] == row._mapping[name] for name in _KEY)))
    add_summaries(connection, rolled)
    return len(rows)


_KEY = tuple(column.name for column in table.primary_key)


def _microseconds(column: sa.ColumnElement[object]) -> sa.ColumnElement[int]:
    return sa.type_coerce(column, sa.BigInteger)


def _age_us(step: RollUp) -> int:
    return step.kept // timedelta(microseconds=1)
