"""What was chosen to be labelled, by which plan, and what of it still waits for its label."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.records import Arm, EventId
from storage.tables import sample, sampling_plan

_CHUNK = 200


class Everyone(Enum):
    """In place of a tenant: whose requests they are does not matter."""

    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A row that was chosen, with the probability that it had."""

    event: EventId
    row: int
    model: str
    version: str
    arm: Arm
    tenant: str | None
    at: datetime  # of the event
    pi: float
    certainty: float  # how likely the answer was right, as estimated then
    labelled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the labelling of a day has come."""

    model: str
    version: str
    day: datetime
    budget: float  # of the day, for all who ask
    chosen: int
    answered: int


def add_samples(connection: Connection, samples: Iterable[Sample], *, stored_at: datetime) -> None:
    """Note choices. One that was made before stays."""
    rows = [
        {
            "event": str(each.event),
            "row": each.row,
            "model": each.model,
            "version": each.version,
            "arm": each.arm.value,
            "tenant": each.tenant or "",
            "at": each.at,
            "pi": each.pi,
            "certainty": each.certainty,
            "labelled_at": each.labelled_at,
            "stored_at": stored_at,
        }
        for each in samples
    ]
    dialects.insert_new(connection, sample, rows, key=("event", "row"))


def probabilities(connection: Connection, events: Collection[EventId]) -> dict[tuple[EventId, int], float]:
    """With which probability rows of these events were chosen; rows that were not are absent."""
    found: dict[tuple[EventId, int], float] = {}
    ids = sorted(map(str, events))
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        statement = sa.select(sample.c.event, sample.c.row, sample.c.pi).where(sample.c.event.in_(chunk))
        for event, row, pi in connection.execute(statement):
            found[EventId.parse(event), row] = pi
    return found


def mark_labelled(connection: Connection, answers: Iterable[tuple[EventId, int, datetime | None]]) -> None:
    """Note when rows were labelled, None: they are not any more. Those not chosen are passed over."""
    for event, row, labelled_at in answers:
        place = sample.c.event == str(event), sample.c.row == row
        connection.execute(sa.update(sample).where(*place).values(labelled_at=labelled_at))


def newest_plan(connection: Connection, model: str, version: str, *, until: datetime) -> bytes | None:
    """The plan of this day, or of the newest day before it."""
    statement = (
        sa.select(sampling_plan.c.body)
        .where(
            sampling_plan.c.model == model,
            sampling_plan.c.version == version,
            sampling_plan.c.day <= until,
        )
        .order_by(sampling_plan.c.day.desc())
        .limit(1)
    )
    body = connection.scalar(statement)
    return None if body is None else bytes(body)


def save_plan(  # noqa: PLR0913  # whose it is, and what
    connection: Connection, *, model: str, version: str, day: datetime, body: bytes, made_at: datetime
) -> None:
    """Keep the plan of a day as it stands."""
    row = {"model": model, "version": version, "day": day, "body": body, "made_at": made_at}
    dialects.upsert(connection, sampling_plan, [row], key=("model", "version", "day"), replaced=("body",))


def open_samples(
    connection: Connection, *, tenant: str | Everyone | None, model: str | None, limit: int
) -> list[Sample]:
    """Rows of a tenant that have no label yet, the newest events first."""
    statement = (
        sa.select(sample)
        .where(_of(tenant), sample.c.labelled_at.is_(None))
        .order_by(sample.c.at.desc(), sample.c.event, sample.c.row)
        .limit(limit)
    )
    if model is not None:
        statement = statement.where(sample.c.model == model)
    return [
        Sample(
            event=EventId.parse(row.event),
            row=row.row,
            model=row.model,
            version=row.version,
            arm=Arm(row.arm),
            tenant=row.tenant or None,
            at=row.at,
            pi=row.pi,
            certainty=row.certainty,
            labelled_at=row.labelled_at,
        )
        for row in connection.execute(statement)
    ]


def progress(connection: Connection, *, tenant: str | Everyone | None, model: str | None) -> list[Progress]:
    """The newest day of every model version: what it may cost, and what of the tenant's part was answered."""
    newest = sa.select(
        sampling_plan.c.model, sampling_plan.c.version, sa.func.max(sampling_plan.c.day).label("day")
    ).group_by(sampling_plan.c.model, sampling_plan.c.version)
    if model is not None:
        newest = newest.where(sampling_plan.c.model == model)
    days = newest.subquery()
    same = sa.and_(
        sampling_plan.c.model == days.c.model,
        sampling_plan.c.version == days.c.version,
        sampling_plan.c.day == days.c.day,
    )
    plans = connection.execute(sa.select(sampling_plan).join(days, same)).all()
    return [_progress(connection, plan, tenant) for plan in plans]


def _of(tenant: str | Everyone | None) -> sa.ColumnElement[bool]:
    return sa.true() if tenant is Everyone.EVERYONE else sample.c.tenant == (tenant or "")


def _progress(
    connection: Connection, plan: sa.Row[tuple[object, ...]], tenant: str | Everyone | None
) -> Progress:
    counted = sa.select(sa.func.count(), sa.func.count(sample.c.labelled_at)).where(
        sample.c.model == plan.model,
        sample.c.version == plan.version,
        _of(tenant),
        sample.c.at >= plan.day,
    )
    chosen, answered = connection.execute(counted).one()
    return Progress(
        model=plan.model,
        version=plan.version,
        day=plan.day,
        budget=_BUDGET.decode(bytes(plan.body)).budget,
        chosen=chosen,
        answered=answered,
    )


class _Budget(msgspec.Struct):
    """The one part of a stored plan that is shown."""

    budget: float


_BUDGET = msgspec.msgpack.Decoder(_Budget)
