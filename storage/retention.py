"""Deletes what is old enough, in chunks, inside SQL: rows are never loaded, and no transaction is long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.accounts import passed_by_all
from storage.database import Database
from storage.labels import refuse_labels
from storage.outbox import Delivery
from storage.records import AlertStatus
from storage.reports import MOST_KEPT, beyond_the_newest
from storage.settings import RetentionSettings
from storage.tables import (
    acknowledgement,
    alert,
    alert_state,
    app_event,
    label,
    label_waiting,
    measurement,
    model_clock,
    outbox,
    report,
    sample,
    sampling_plan,
    segment,
    silence,
    summary,
    window,
)

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """How many rows went."""

    segments: int
    summaries: int
    windows: int  # that were judged, and have no summaries any more
    measurements: int
    alerts: int  # with their messages, and what rules remember of them
    labels: int
    waiting: int  # labels whose event never came
    samples: int  # choices of what to label, and their plans
    actions: int  # silences and acknowledgements
    reports: int


def delete_old(database: Database, settings: RetentionSettings, now: datetime) -> Deleted:
    """Delete all that is past its time. A segment that some monitor has not passed stays, however old."""
    summarised = timedelta(days=settings.days_days)
    measured = now - timedelta(days=settings.measurements_days)
    labelled = now - timedelta(days=settings.labels_days)
    waited = now - timedelta(days=settings.waiting_days)
    with database.read() as connection:
        passed = passed_by_all(connection)
    deleted = Deleted(
        segments=sum(_repeat(database, _segments(partition, seq, now)) for partition, seq in passed.items()),
        summaries=_repeat(database, _of_models(summary, summary.c.start, summarised)),
        windows=_repeat(
            database, _of_models(window, window.c.start, summarised, window.c.judged == window.c.revision)
        ),
        measurements=_repeat(database, _rows(measurement, measurement.c.judged_at < measured)),
        alerts=_repeat(
            database,
            _rows(alert, sa.and_(alert.c.status == AlertStatus.RESOLVED.value, alert.c.stored_at < measured)),
        )
        + _repeat(
            database,
            _rows(outbox, sa.and_(outbox.c.state != Delivery.WAITING.value, outbox.c.made_at < measured)),
        )
        + _repeat(database, _rows(alert_state, _calm(measured))),
        labels=_repeat(database, _rows(label, label.c.stored_at < labelled))
        + _repeat(database, _rows(app_event, app_event.c.stored_at < labelled)),
        waiting=_repeat(database, _waiting(waited)),
        samples=_repeat(database, _rows(sample, sample.c.stored_at < labelled))
        + _repeat(database, _rows(sampling_plan, sampling_plan.c.made_at < labelled)),
        actions=_repeat(database, _rows(silence, silence.c.ends_at < measured))
        + _repeat(database, _rows(acknowledgement, _over(measured))),
        reports=_repeat(
            database, _rows(report, report.c.asked_at < now - timedelta(days=settings.reports_days))
        )
        + _repeat(database, _rows(report, beyond_the_newest(MOST_KEPT))),
    )
    with database.write() as connection:
        dialects.give_space_back(connection)
    return deleted


def _repeat(database: Database, delete_some: Callable[[Connection], int]) -> int:
    """Delete chunk by chunk, each in a transaction of its own, until nothing is left."""
    total = 0
    while True:
        with database.write() as connection:
            deleted = delete_some(connection)
        total += deleted
        if deleted < _CHUNK:
            return total


def _segments(partition: int, passed: int, now: datetime) -> Callable[[Connection], int]:
    old = (
        sa.select(segment.c.seq)
        .where(segment.c.partition == partition, segment.c.seq <= passed, segment.c.retain_until < now)
        .order_by(segment.c.seq)
        .limit(_CHUNK)
    )
    statement = sa.delete(segment).where(
        segment.c.partition == partition, segment.c.seq.in_(old.scalar_subquery())
    )
    return lambda connection: connection.execute(statement).rowcount


def _of_models(
    table: sa.Table, begins: sa.Column[datetime], kept: timedelta, *also: sa.ColumnElement[bool]
) -> Callable[[Connection], int]:
    """By each model's own clock, as summaries are rolled up."""
    age_us = kept // timedelta(microseconds=1)
    newest_us = sa.type_coerce(model_clock.c.newest_at, sa.BigInteger)
    of_model = sa.and_(model_clock.c.model == table.c.model, model_clock.c.version == table.c.version)
    keys = tuple(table.primary_key)
    old = (
        sa.select(*keys)
        .join(model_clock, of_model)
        .where(sa.type_coerce(begins, sa.BigInteger) < newest_us - age_us, *also)
        .limit(_CHUNK)
    )
    statement = sa.delete(table).where(sa.tuple_(*keys).in_(old))
    return lambda connection: connection.execute(statement).rowcount


def _rows(table: sa.Table, old: sa.ColumnElement[bool]) -> Callable[[Connection], int]:
    keys = tuple(table.primary_key)
    statement = sa.delete(table).where(sa.tuple_(*keys).in_(sa.select(*keys).where(old).limit(_CHUNK)))
    return lambda connection: connection.execute(statement).rowcount


def _over(before: datetime) -> sa.ColumnElement[bool]:
    """Acknowledgements made so long ago, of alerts that are not open any more."""
    standing = sa.exists().where(
        alert.c.fingerprint == acknowledgement.c.fingerprint,
        alert.c.starts_at == acknowledgement.c.starts_at,
        alert.c.status != AlertStatus.RESOLVED.value,
    )
    return sa.and_(acknowledgement.c.made_at < before, ~standing)


def _calm(before: datetime) -> sa.ColumnElement[bool]:
    """What rules remember of columns and slices that nothing has measured since, and of no open alert."""
    standing = sa.exists().where(
        alert.c.fingerprint == alert_state.c.fingerprint, alert.c.status != AlertStatus.RESOLVED.value
    )
    return sa.and_(alert_state.c.updated_at < before, ~standing)


def _waiting(before: datetime) -> Callable[[Connection], int]:
    delete_some = _rows(label_waiting, label_waiting.c.stored_at < before)

    def give_up(connection: Connection) -> int:
        given_up = delete_some(connection)
        if given_up:
            refuse_labels(connection, "event_never_came", given_up)
        return given_up

    return give_up
