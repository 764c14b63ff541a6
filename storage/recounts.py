"""What is still to be counted against a reference that came into force after events were stored.

New events are counted against it at once; the segments before that are counted backwards, the newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.tables import recount as table
from storage.tables import summary

_KEY = ("monitor", "model", "version", "partition")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """One monitor of one model version in one partition."""

    monitor: str
    model: str
    version: str
    partition: int
    reference: str
    seq: int  # segments up to this one are still to be counted; 0: none


def recounts(connection: Connection, *, partition: int | None = None) -> list[Recount]:
    """All of them, or those of one partition, finished ones too."""
    statement = sa.select(table)
    if partition is not None:
        statement = statement.where(table.c.partition == partition)
    return [Recount(**row) for row in connection.execute(statement).mappings()]


def begin_recounts(connection: Connection, items: Sequence[Recount]) -> None:
    """Put references into force. What an earlier time in force left is deleted: it is counted again."""
    for item in items:
        connection.execute(
            sa.delete(summary).where(
                summary.c.monitor == item.monitor,
                summary.c.model == item.model,
                summary.c.version == item.version,
                summary.c.partition == item.partition,
                summary.c.reference == item.reference,
            )
        )
    save_recounts(connection, items)


def save_recounts(connection: Connection, items: Sequence[Recount]) -> None:
    """Note how far they have come."""
    rows = [
        {
            "monitor": item.monitor,
            "model": item.model,
            "version": item.version,
            "partition": item.partition,
            "reference": item.reference,
            "seq": item.seq,
        }
        for item in items
    ]
    dialects.upsert(connection, table, rows, key=_KEY, replaced=("reference", "seq"))
