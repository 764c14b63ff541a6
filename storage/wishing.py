"""What somebody asks for who asks for a report, completed: the newest version, the newest window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.errors import WishError
from storage.judged import newest_span
from storage.models import ModelVersion, model_versions
from storage.records import ALL, Arm, ReportKind, ReportWish, Scope, Window
from storage.reports import kinds_for
from storage.tables import measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A report as it is asked for; None: whatever is newest."""

    kind: ReportKind
    model: str
    version: str | None = None
    arm: Arm = Arm.STABLE
    slice: str = ALL
    start: datetime | None = None
    end: datetime | None = None


def wish_of(connection: Connection, asked: Asked) -> ReportWish:
    """The report that is meant. Raises `WishError`, which says what there is instead."""
    registered = _registered(connection, asked)
    kinds = kinds_for(registered.manifest)
    if asked.kind not in kinds:
        raise WishError(f"kind: {asked.kind.value} does not suit {asked.model}; there are {', '.join(kinds)}")
    scope = Scope(model=asked.model, version=registered.version, arm=asked.arm, slice=asked.slice)
    window = _window(connection, asked, scope)
    return ReportWish(
        kind=asked.kind,
        model=scope.model,
        version=scope.version,
        arm=scope.arm,
        slice=scope.slice,
        start=window.start,
        end=window.end,
    )


def newest_window(connection: Connection, scope: Scope, kind: ReportKind) -> Window | None:
    """The newest that was judged; for a report about answers, the newest in which labels are known."""
    if kind in (ReportKind.DATA_DRIFT, ReportKind.DATA_SUMMARY):
        return newest_span(connection, scope, 1)
    of = measurement.c
    row = connection.execute(
        sa.select(of.start, of.end)
        .where(of.model == scope.model, of.version == scope.version, of.arm == scope.arm.value)
        .where(of.slice == scope.slice, of.monitor == "accuracy", of.metric == "label_coverage")
        .where(of.value > 0)
        .order_by(of.start.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Window(start=row.start, end=row.end)


def _registered(connection: Connection, asked: Asked) -> ModelVersion:
    """The version that is meant, or else the one that was registered last."""
    versions = model_versions(connection)
    ours = [each for each in versions if each.model == asked.model]
    if not ours:
        names = ", ".join(dict.fromkeys(each.model for each in versions)) or "none"
        raise WishError(f"model: '{asked.model[:80]}' is not known; there are {names[:500]}", missing=True)
    found = [each for each in ours if asked.version in (None, each.version)]
    if not found:
        names = ", ".join(each.version for each in ours)
        raise WishError(
            f"version: {asked.model} has no '{str(asked.version)[:80]}'; there are {names[:500]}",
            missing=True,
        )
    return found[-1]


def _window(connection: Connection, asked: Asked, scope: Scope) -> Window:
    if asked.start is not None and asked.end is not None:
        if asked.start >= asked.end:
            raise WishError("end: it must lie after the start")
        return Window(start=asked.start, end=asked.end)
    if asked.start is not None or asked.end is not None:
        raise WishError("start and end: give both, or none for the newest window")
    found = newest_window(connection, scope, asked.kind)
    if found is None:
        raise WishError("no window of it was judged yet; give start and end", missing=True)
    return found
