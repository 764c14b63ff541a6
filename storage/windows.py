"""Which windows are to be judged, or judged again, and the clock of each model.

Counting raises a window's revision in the transaction that changed its summaries; judging notes the
revision that it has seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.records import Arm, Scope, Window
from storage.tables import model_clock
from storage.tables import window as table

_KEY = ("monitor", "model", "version", "arm", "slice", "start", "end")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class WindowKey:
    """One window of one scope, as one monitor judges it."""

    monitor: str
    scope: Scope
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWindow:
    """A window whose summaries changed since it was last judged."""

    key: WindowKey
    revision: int
    judged: int  # 0: never


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelClock:
    """How far the events of a model version have come."""

    model: str
    version: str
    newest_at: datetime  # time of its newest event
    counted_at: datetime  # when events of it were last counted, by the wall clock
    replay: bool  # whether the newest event came with a time of the app's own


def touch_windows(connection: Connection, keys: Iterable[WindowKey]) -> None:
    """Note that the summaries of these windows changed."""
    rows = [{**_row(key), "revision": 1, "judged": 0} for key in sorted(set(keys))]
    if not rows:
        return
    statement = dialects.insert(connection, table)
    statement = statement.on_conflict_do_update(
        index_elements=list(_KEY), set_={"revision": table.c.revision + 1}
    )
    connection.execute(statement, rows)


def pending_windows(  # noqa: PLR0913  # whose they are, and which of them
    connection: Connection,
    model: str,
    version: str,
    *,
    before: datetime,
    limit: int,
    without: Collection[str] = (),
    up_to: Mapping[str, datetime] | None = None,
) -> list[PendingWindow]:
    """Windows of a model that ended by `before` and changed since they were judged, oldest end first.

    None of the monitors `without`, and of those in `up_to` only what ended by then: what waits may be much,
    and is asked for over and over.
    """
    statement = (
        sa.select(table)
        .where(
            table.c.model == model,
            table.c.version == version,
            table.c.end <= before,
            table.c.revision > table.c.judged,
            table.c.monitor.not_in(sorted(without)),
            *(
                sa.or_(table.c.monitor != monitor, table.c.end <= end)
                for monitor, end in (up_to or {}).items()
            ),
        )
        .order_by(table.c.end, table.c.monitor, table.c.arm, table.c.slice, table.c.start)
        .limit(limit)
    )
    return [
        PendingWindow(
            key=WindowKey(
                monitor=row.monitor,
                scope=Scope(model=row.model, version=row.version, arm=Arm(row.arm), slice=row.slice),
                window=Window(start=row.start, end=row.end),
            ),
            revision=row.revision,
            judged=row.judged,
        )
        for row in connection.execute(statement)
    ]


def mark_judged(connection: Connection, judged: Sequence[PendingWindow]) -> None:
    """Note the revisions that were judged. A window that changed meanwhile stays pending."""
    for pending in judged:
        where = [table.c[name] == value for name, value in _row(pending.key).items()]
        connection.execute(sa.update(table).where(*where).values(judged=pending.revision))


def note_newest(connection: Connection, clock: ModelClock) -> None:
    """Move a model's clock forward; an older event moves only the time of counting."""
    statement = dialects.insert(connection, model_clock).values(
        model=clock.model,
        version=clock.version,
        newest_at=clock.newest_at,
        counted_at=clock.counted_at,
        replay=clock.replay,
    )
    newer = statement.excluded.newest_at >= model_clock.c.newest_at
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["model", "version"],
            set_={
                "newest_at": sa.case((newer, statement.excluded.newest_at), else_=model_clock.c.newest_at),
                "replay": sa.case((newer, statement.excluded.replay), else_=model_clock.c.replay),
                "counted_at": statement.excluded.counted_at,
            },
        )
    )


def model_clocks(connection: Connection) -> list[ModelClock]:
    """The clocks of all model versions that had traffic."""
    return [
        ModelClock(
            model=row.model,
            version=row.version,
            newest_at=row.newest_at,
            counted_at=row.counted_at,
            replay=row.replay,
        )
        for row in connection.execute(
            sa.select(model_clock).order_by(model_clock.c.model, model_clock.c.version)
        )
    ]


def _row(key: WindowKey) -> dict[str, object]:
    return {
        "monitor": key.monitor,
        "model": key.scope.model,
        "version": key.scope.version,
        "arm": key.scope.arm.value,
        "slice": key.scope.slice,
        "start": key.window.start,
        "end": key.window.end,
    }
