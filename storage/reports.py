"""Reports that people asked for: which wait, how far each is, and the HTML of those that are made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa
import zstandard
from sqlalchemy.engine import Connection, Row

from storage import dialects
from storage.records import Arm, ReportKind, ReportWish, Scope, Window
from storage.tables import report

MOST_KEPT = 100
"""Each takes about a megabyte; the oldest goes first."""
MOST_WAITING = 20
"""They are made one after another."""

_LARGEST_HTML = 1 << 28
_CLASSES = frozenset({"classification", "text-classification"})


class ReportState(StrEnum):
    """Where a report stands."""

    ASKED = "asked"
    MAKING = "making"
    DONE = "done"
    FAILED = "failed"


OPEN = (ReportState.ASKED.value, ReportState.MAKING.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report, without its HTML."""

    id: str  # the event id of the action that asked for it
    kind: ReportKind
    scope: Scope
    window: Window
    author: str
    state: ReportState
    progress: float  # from 0 to 1
    tries: int
    words: str  # what it holds, or why it failed
    reference_rows: int | None
    current_rows: int | None
    asked_at: datetime
    made_at: datetime | None  # when it was done, or failed
    size: int | None  # of the HTML, in bytes

    @property
    def is_open(self) -> bool:
        """Whether it is still to be made."""
        return self.state.value in OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeReport:
    """What became of one."""

    html: str
    words: str
    reference_rows: int
    current_rows: int


def kinds_for(manifest: str) -> tuple[ReportKind, ...]:
    """The kinds of report that suit a model, by the JSON of its manifest."""
    read = _MANIFEST.decode(manifest)
    always = (ReportKind.DATA_DRIFT, ReportKind.DATA_SUMMARY)
    if read.task == "regression":
        return (*always, ReportKind.REGRESSION)
    several = len(read.outputs.classes) > 1 and not read.outputs.multi_label
    return (*always, ReportKind.CLASSIFICATION) if read.task in _CLASSES and several else always


def ask_for_report(
    connection: Connection, id: str, wish: ReportWish, *, author: str, asked_at: datetime
) -> None:
    """Note that a report is wanted. The same id a second time changes nothing."""
    full = waiting_reports(connection) >= MOST_WAITING
    row = {
        "id": id,
        "kind": wish.kind.value,
        "model": wish.model,
        "version": wish.version,
        "arm": wish.arm.value,
        "slice": wish.slice,
        "start": wish.start,
        "end": wish.end,
        "author": author,
        "state": (ReportState.FAILED if full else ReportState.ASKED).value,
        "progress": 0.0,
        "tries": 0,
        "words": f"{MOST_WAITING} reports waited already; ask again when they are made" if full else "",
        "asked_at": asked_at,
        "made_at": asked_at if full else None,
    }
    dialects.insert_new(connection, report, [row], key=("id",))


def waiting_reports(connection: Connection) -> int:
    """How many are still to be made."""
    statement = sa.select(sa.func.count()).select_from(report).where(report.c.state.in_(OPEN))
    return connection.scalar(statement) or 0


def known_reports(connection: Connection, ids: Collection[str]) -> set[str]:
    """Those of these ids that stand here."""
    return set(connection.scalars(sa.select(report.c.id).where(report.c.id.in_(ids))))


def next_report(connection: Connection) -> Report | None:
    """The one to be made next: what was begun and not finished, then what was asked for first."""
    begun = sa.case((report.c.state == ReportState.MAKING.value, 0), else_=1)
    statement = sa.select(*_COLUMNS).where(report.c.state.in_(OPEN)).order_by(begun, report.c.asked_at)
    row = connection.execute(statement.limit(1)).one_or_none()
    return None if row is None else _report_of(row)


def begin_report(connection: Connection, id: str) -> None:
    """Note that it is being made, once more."""
    _set(connection, id, state=ReportState.MAKING.value, progress=0.0, tries=report.c.tries + 1)


def put_progress(connection: Connection, id: str, progress: float) -> None:
    """How far it is."""
    _set(connection, id, progress=progress)


def put_off(connection: Connection, id: str) -> None:
    """It is to be made later, through no fault of its own."""
    _set(connection, id, state=ReportState.ASKED.value, progress=0.0, tries=report.c.tries - 1)


def finish_report(connection: Connection, id: str, made: MadeReport, *, made_at: datetime) -> None:
    """Keep it."""
    html = made.html.encode()
    _set(
        connection,
        id,
        state=ReportState.DONE.value,
        progress=1.0,
        words=made.words,
        reference_rows=made.reference_rows,
        current_rows=made.current_rows,
        made_at=made_at,
        size=len(html),
        body=zstandard.ZstdCompressor().compress(html),
    )


def fail_report(connection: Connection, id: str, words: str, *, made_at: datetime) -> None:
    """Say why there is none."""
    _set(connection, id, state=ReportState.FAILED.value, words=words, made_at=made_at)


def reports(connection: Connection, *, model: str | None = None, limit: int = MOST_KEPT) -> list[Report]:
    """The newest, without their HTML."""
    statement = sa.select(*_COLUMNS).order_by(report.c.asked_at.desc(), report.c.id).limit(limit)
    if model is not None:
        statement = statement.where(report.c.model == model)
    return [_report_of(row) for row in connection.execute(statement)]


def find_report(connection: Connection, id: str) -> Report | None:
    """One of them."""
    row = connection.execute(sa.select(*_COLUMNS).where(report.c.id == id)).one_or_none()
    return None if row is None else _report_of(row)


def report_html(connection: Connection, id: str) -> str | None:
    """The HTML of one that is made."""
    body = connection.scalar(sa.select(report.c.body).where(report.c.id == id))
    if body is None:
        return None
    return zstandard.ZstdDecompressor().decompress(bytes(body), max_output_size=_LARGEST_HTML).decode()


def beyond_the_newest(most: int) -> sa.ColumnElement[bool]:
    """Those that were asked for before the newest so many, and are made."""
    newest = sa.select(report.c.id).order_by(report.c.asked_at.desc(), report.c.id).limit(most)
    return sa.and_(report.c.id.not_in(newest), report.c.state.not_in(OPEN))


class _Outputs(msgspec.Struct):
    classes: list[str] = []
    multi_label: bool = False


class _Manifest(msgspec.Struct):
    task: str
    outputs: _Outputs = msgspec.field(default_factory=_Outputs)


_MANIFEST = msgspec.json.Decoder(_Manifest)
_COLUMNS = tuple(column for column in report.c if column is not report.c.body)


def _set(connection: Connection, id: str, **values: object) -> None:
    connection.execute(sa.update(report).where(report.c.id == id).values(**values))


def _report_of(row: Row[Any]) -> Report:
    return Report(
        id=row.id,
        kind=ReportKind(row.kind),
        scope=Scope(model=row.model, version=row.version, arm=Arm(row.arm), slice=row.slice),
        window=Window(start=row.start, end=row.end),
        author=row.author,
        state=ReportState(row.state),
        progress=row.progress,
        tries=row.tries,
        words=row.words,
        reference_rows=row.reference_rows,
        current_rows=row.current_rows,
        asked_at=row.asked_at,
        made_at=row.made_at,
        size=row.size,
    )
