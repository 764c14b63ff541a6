"""What the page of reports shows: what can be asked for, what was, and the one that is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dashboard import words
from dashboard.subjects import NOTHING, Choice, Subject, choose, subject
from storage.database import Database
from storage.judged import Snapshot
from storage.records import ALL, ReportKind, Window
from storage.reports import Report, ReportState, kinds_for, report_html, reports

MONITOR, METRIC = "traffic", "requests"
"""What is measured of every window that had events."""

ALL_SHOWN = "all"
"""In place of one window: from the first that is shown to the last."""

KINDS: Mapping[str, str] = {
    ReportKind.DATA_DRIFT.value: "Data drift",
    ReportKind.DATA_SUMMARY.value: "Data summary",
    ReportKind.CLASSIFICATION.value: "Classification",
    ReportKind.REGRESSION.value: "Regression",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsView:
    """Everything on the page. What was not chosen, for want of it, is empty."""

    subject: Subject
    kind: Choice = NOTHING
    window: Choice = NOTHING  # by its start
    span: Window | None = None  # what a report that is asked for now would be of
    report: Choice = NOTHING  # of those that are made
    reports: tuple[Report, ...] = ()  # all that are kept, newest first
    picked: Report | None = None
    html: str | None = None  # of the picked one


def page_of_reports(database: Database, address: Mapping[str, str]) -> ReportsView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        found = subject(snapshot, address, MONITOR, METRIC)
        view = _with_wish(ReportsView(subject=found), address)
        return _with_made(snapshot, view, address)


def kept(database: Database) -> tuple[Report, ...]:
    """The reports, how far each is now."""
    with database.read() as snapshot:
        return tuple(reports(snapshot))


def title(report: Report) -> str:
    """What a report is called in a list."""
    scope, window = report.scope, report.window
    arm = "" if scope.arm.value == "stable" else f", {scope.arm.value}"
    part = "" if scope.slice == ALL else f", where {scope.slice}"
    return (
        f"{KINDS[report.kind.value]} of {scope.model} {scope.version}{arm}{part}: "
        f"{words.span(window.start, window.end)}"
    )


def progress_of(report: Report) -> str:
    """Its state in words."""
    match report.state:
        case ReportState.MAKING:
            return f"making, {report.progress:.0%}"
        case ReportState.ASKED:
            return "waits"
        case _:
            return report.state.value


def _with_wish(view: ReportsView, address: Mapping[str, str]) -> ReportsView:
    found = view.subject
    if found.registered is None or not found.shown:
        return view
    kind = choose([each.value for each in kinds_for(found.registered.manifest)], address.get("kind"))
    newest_first = sorted(found.shown, reverse=True)
    options = [words.stamp(each.start) for each in newest_first]
    if len(options) > 1:
        options.append(ALL_SHOWN)
    window = choose(options, address.get("window"))
    span = next((each for each in newest_first if words.stamp(each.start) == window.chosen), found.span)
    return replace(view, kind=kind, window=window, span=span)


def _with_made(snapshot: Snapshot, view: ReportsView, address: Mapping[str, str]) -> ReportsView:
    every = tuple(reports(snapshot))
    made = {each.id: each for each in every if each.state is ReportState.DONE}
    chosen = address.get("report")
    if chosen is None:
        return replace(view, reports=every, report=Choice(options=tuple(made)))
    report = choose(list(made), chosen)
    picked = made.get(report.chosen or "")
    html = None if picked is None or report.unknown else report_html(snapshot, picked.id)
    return replace(view, reports=every, report=report, picked=None if report.unknown else picked, html=html)
