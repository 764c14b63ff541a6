"""Reports: asked for through the journal like every action, found in the database once they are made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from gateway.errors import RefusedError, invalid
from gateway.question import read_at
from gateway.silence_body import Signed, author_of
from gateway.silences import ActionJournal
from storage.database import Database
from storage.errors import JournalError, WishError
from storage.judged import Snapshot
from storage.records import ALL, Action, ActionEvent, Arm, ReportKind, ReportWish
from storage.reports import (
    MOST_WAITING,
    Report,
    ReportState,
    find_report,
    known_reports,
    report_html,
    reports,
    waiting_reports,
)
from storage.wishing import Asked, wish_of

_REMEMBERED = 1000
_LONGEST_WAY = timedelta(hours=1)

Name = Annotated[str, msgspec.Meta(max_length=256)]
At = Annotated[str | None, msgspec.Meta(description="ISO 8601; with neither, the newest judged window")]


class ReportBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which report is wanted."""

    kind: ReportKind
    model: Name
    version: Annotated[Name | None, msgspec.Meta(description="the newest if not given")] = None
    arm: Arm = Arm.STABLE
    slice: Annotated[Name, msgspec.Meta(description="such as country=DE")] = ALL
    start: At = None
    end: At = None
    author: Signed = None


class ReportAnswer(msgspec.Struct, kw_only=True):
    """A report: asked, making, then done or failed."""

    id: str
    state: ReportState
    progress: float
    kind: ReportKind
    model: str
    version: str
    arm: Arm
    slice: str
    start: datetime
    end: datetime
    author: str
    words: str
    asked_at: datetime
    made_at: datetime | None = None
    reference_rows: int | None = None
    current_rows: int | None = None
    size: int | None = None

    @classmethod
    def of(cls, report: Report) -> ReportAnswer:
        """As storage has it."""
        scope, window = report.scope, report.window
        return cls(
            id=report.id,
            state=report.state,
            progress=report.progress,
            kind=report.kind,
            model=scope.model,
            version=scope.version,
            arm=scope.arm,
            slice=scope.slice,
            start=window.start,
            end=window.end,
            author=report.author,
            words=report.words,
            asked_at=report.asked_at,
            made_at=report.made_at,
            reference_rows=report.reference_rows,
            current_rows=report.current_rows,
            size=report.size,
        )


class ReportsAnswer(msgspec.Struct):
    """Reports, the newest first."""

    reports: list[ReportAnswer]


class ReportDesk:
    """Takes in what people wish for, and hands out what was made. Takes time: call it from a thread."""

    def __init__(self, journal: ActionJournal, database: Database, clock: Callable[[], datetime]) -> None:
        self._journal, self._database, self._clock = journal, database, clock
        # Those that were asked for here: SQL may not know of them yet.
        self._asked: OrderedDict[str, ReportAnswer] = OrderedDict()

    def ask(self, body: ReportBody, key: str | None) -> ReportAnswer:
        """Ask for one. The monitor process makes it."""
        wish = self._wish(body)
        now, author = self._clock(), author_of(body.author, key)
        action = ActionEvent(at=now, action=Action.REPORT, author=author, key=key, report=wish)
        try:
            (id_,) = self._journal.append_many([action])
        except JournalError as exc:
            raise RefusedError(
                503,
                "this cannot be recorded now; send it again later",
                reason="journal_full",
                retry_after_s=1.0,
            ) from exc
        asked = _asked(str(id_), wish, author, now)
        self._asked[asked.id] = asked
        while len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)
        return asked

    def find(self, id: str) -> ReportAnswer:
        """How far one is."""
        with self._database.read() as connection:
            found = find_report(connection, id)
        if found is not None:
            return ReportAnswer.of(found)
        asked = self._asked.get(id)
        if asked is not None:
            return asked
        raise RefusedError(
            404,
            f"no report '{id[:80]}' is known; one that another gateway took is known a moment later",
            reason="not_found",
        )

    def html(self, id: str) -> str:
        """What was made."""
        with self._database.read() as connection:
            html = report_html(connection, id)
        if html is None:
            found = self.find(id)
            said = f": {found.words}" if found.words else ""
            raise RefusedError(404, f"this report is {found.state.value}{said}", reason="not_made")
        return html

    def all(self, *, model: str | None) -> ReportsAnswer:
        """Those that are kept."""
        with self._database.read() as connection:
            return ReportsAnswer([ReportAnswer.of(each) for each in reports(connection, model=model)])

    def _wish(self, body: ReportBody) -> ReportWish:
        asked = Asked(
            kind=body.kind,
            model=body.model,
            version=body.version,
            arm=body.arm,
            slice=body.slice,
            start=read_at(body.start, "start"),
            end=read_at(body.end, "end"),
        )
        with self._database.read() as connection:
            waiting = waiting_reports(connection) + self._on_their_way(connection)
            try:
                wish = wish_of(connection, asked)
            except WishError as exc:
                if exc.missing:
                    raise RefusedError(404, str(exc), reason="not_found") from exc
                raise invalid(str(exc), reason="invalid_report") from exc
        if waiting >= MOST_WAITING:
            raise RefusedError(
                409, f"{waiting} reports wait to be made; ask again later", reason="too_many_reports"
            )
        return wish

    def _on_their_way(self, connection: Snapshot) -> int:
        """How many were asked for here that SQL does not know; one that never comes counts for an hour."""
        for known in known_reports(connection, list(self._asked)):
            self._asked.pop(known, None)
        since = self._clock() - _LONGEST_WAY
        return sum(each.asked_at > since for each in list(self._asked.values()))


def _asked(id: str, wish: ReportWish, author: str, now: datetime) -> ReportAnswer:
    """One that SQL does not know yet."""
    return ReportAnswer(
        id=id,
        state=ReportState.ASKED,
        progress=0.0,
        kind=wish.kind,
        model=wish.model,
        version=wish.version,
        arm=wish.arm,
        slice=wish.slice,
        start=wish.start,
        end=wish.end,
        author=author,
        words="",
        asked_at=now,
    )
