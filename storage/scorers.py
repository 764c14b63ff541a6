"""The model that scores texts for the monitors: which one it is, and the worst texts that it found.

A monitor process writes the row when it has loaded the model. All that is counted with scores carries its
hash, so what two models found is never added.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.records import ALL, Arm, EventId, Window
from storage.scorer import TOXICITY, Scorer, examples_name
from storage.summary import Example, Summary
from storage.tables import recount, summary
from storage.tables import scorer as table

MOST_PANES = 10_000
"""Panes that one question looks through, the newest first."""
_AT_ONCE = 200  # of them in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleFilter:
    """Whose worst texts: those of one column and class."""

    model: str
    column: str
    class_name: str
    version: str | None = None  # None: of any
    arm: Arm | None = None  # None: of any
    slice: str = ALL
    start: datetime | None = None  # panes that begin at or after
    end: datetime | None = None  # panes that begin before


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundExample:
    """A row among the worst, by its place. The row itself is in its segment, while that is kept."""

    score: float
    event: EventId
    row: int
    version: str
    window: Window  # the pane that it was found in


def put_scorer(connection: Connection, scorer: Scorer) -> None:
    """Put a scorer into force."""
    row = {
        "name": scorer.name,
        "model": scorer.model,
        "version": scorer.version,
        "sha256": scorer.sha256,
        "classes": json.dumps(scorer.classes),
        "bundled": scorer.bundled,
        "words": scorer.words,
        "loaded_at": scorer.loaded_at,
    }
    dialects.upsert(connection, table, [row], key=("name",), replaced=tuple(row)[1:])


def find_scorer(connection: Connection, name: str = TOXICITY) -> Scorer | None:
    """The scorer in force; None: none was ever loaded."""
    row = connection.execute(sa.select(table).where(table.c.name == name)).one_or_none()
    if row is None:
        return None
    return Scorer(
        name=row.name,
        model=row.model,
        version=row.version,
        sha256=row.sha256,
        classes=tuple(json.loads(row.classes)),
        bundled=row.bundled,
        words=row.words,
        loaded_at=row.loaded_at,
    )


def worst_examples(connection: Connection, asked: ExampleFilter, limit: int) -> list[FoundExample]:
    """The worst texts of a column and class, as the scorer in force sees them, the worst first."""
    statement = (
        sa.select(summary.c.version, summary.c.start, summary.c.length_s, summary.c.body)
        .join(
            recount,
            sa.and_(
                recount.c.monitor == summary.c.monitor,
                recount.c.model == summary.c.model,
                recount.c.version == summary.c.version,
                recount.c.partition == summary.c.partition,
                recount.c.reference == summary.c.reference,
            ),
        )
        .where(summary.c.monitor == TOXICITY, summary.c.model == asked.model, summary.c.slice == asked.slice)
        .order_by(summary.c.start.desc())
        .limit(MOST_PANES)
        .execution_options(yield_per=_AT_ONCE)
    )
    if asked.version is not None:
        statement = statement.where(summary.c.version == asked.version)
    if asked.arm is not None:
        statement = statement.where(summary.c.arm == asked.arm.value)
    if asked.start is not None:
        statement = statement.where(summary.c.start >= asked.start)
    if asked.end is not None:
        statement = statement.where(summary.c.start < asked.end)
    found: dict[Example, FoundExample] = {}
    for row in connection.execute(statement):
        window = Window(start=row.start, end=row.start + timedelta(seconds=row.length_s))
        for example in Summary.from_bytes(bytes(row.body)).examples.get(
            examples_name(asked.column, asked.class_name), ()
        ):
            found[example] = _found(example, row.version, window)
    return [found[example] for example in sorted(found, reverse=True)[:limit]]


def _found(example: Example, version: str, window: Window) -> FoundExample:
    return FoundExample(
        score=example.score / 1_000_000,
        event=EventId(producer=example.producer, segment=example.segment, offset=example.offset),
        row=example.row,
        version=version,
        window=window,
    )
