"""Deep looks into a window: pages that Evidently makes of its rows and the reference's, kept and opened."""

from __future__ import annotations

import html
import time

import pandas as pd
import streamlit as st

from dashboard import address, pickers, words
from dashboard.api import ask
from dashboard.errors import DashboardError
from dashboard.reader import read
from dashboard.subjects import Choice
from dashboard.tables import show
from dashboard.views.reports import (
    ALL_SHOWN,
    KINDS,
    ReportsView,
    kept,
    page_of_reports,
    progress_of,
    title,
)
from storage.records import Window
from storage.reports import Report, ReportState

REFRESH_S, IDLE_REFRESH_S = 2, 15
HEIGHT = 900

_TRIES = 25
_PAUSE_S = 0.2
_SAID = "reports-said"
_CLOSED = "None"


def page() -> None:
    """The whole page."""
    st.header("Reports", anchor=False)
    view = read(lambda database: page_of_reports(database, address.current()))
    _said()
    if not view.subject.model.options:
        pickers.no_model()
        return
    if pickers.draw(view.subject, what="traffic"):
        _wish(view)
    st.subheader("Reports that were asked for", anchor=False)
    busy = any(each.is_open for each in view.reports)
    listed = st.fragment(_list, run_every=REFRESH_S if busy else IDLE_REFRESH_S)
    listed(_standing(view.reports))
    _made(view)


def _wish(view: ReportsView) -> None:
    """What to make a report of."""
    registered, span = view.subject.registered, view.span
    if registered is None or span is None:
        return
    st.caption(
        "A report compares rows of a window with rows of the reference, column by column. What decides "
        "whether something is wrong are the monitors; a report is for finding out why."
    )
    if registered.reference is None:
        pickers.no_reference(registered.model)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address.pick("Report", "kind", view.kind, KINDS)
        address.pick("Window", "window", view.window, _window_titles(view))
        pressed = st.button("Make report", type="primary")
    if pressed:
        _ask(view, span)


def _window_titles(view: ReportsView) -> dict[str, str]:
    titles = {words.stamp(each.start): words.span(each.start, each.end) for each in view.subject.shown}
    return titles | {ALL_SHOWN: "All windows shown, as one"}


def _ask(view: ReportsView, span: Window) -> None:
    """Ask for it, and wait until it stands in the list."""
    scope = view.subject.scope
    if scope is None:
        return
    body = {
        "kind": view.kind.chosen, "model": scope.model, "version": scope.version, "arm": scope.arm.value,
        "slice": scope.slice, "start": span.start.isoformat(), "end": span.end.isoformat(),
    }  # fmt: skip
    try:
        with st.spinner("On its way …", show_time=False):
            asked = ask("POST", "/api/reports", body=body)["id"]
            for _ in range(_TRIES):
                if any(each.id == asked for each in read(kept)):
                    st.session_state[_SAID] = "It is being made; how far it is stands below."
                    break
                time.sleep(_PAUSE_S)
            else:
                st.session_state[_SAID] = "Taken; it is made as soon as the monitor process has read it."
    except DashboardError as exc:
        st.text(str(exc))
        st.error("No report was asked for.", icon=":material/error:")
        return
    st.rerun()


def _said() -> None:
    """What was done in the run before."""
    said = st.session_state.pop(_SAID, None)
    if said is not None:
        st.toast(said, icon=":material/check:")


def _list(known: tuple[tuple[str, bool], ...]) -> None:
    """All of them, read anew by itself; where one came or was finished since, the whole page is."""
    reports = read(kept)
    if _standing(reports) != known:
        st.rerun()
    if not reports:
        st.caption(
            "None yet. Pick a window above, then make one; or `inferwatch report MODEL` in a terminal."
        )
        return
    if reports[0].state is ReportState.FAILED:
        st.warning("The newest could not be made:", icon=":material/error:")
        st.text(f"{title(reports[0])}\n{reports[0].words}")
    for each in reports:
        if each.state is ReportState.MAKING:
            st.text(title(each))
            st.progress(each.progress)
    show(_table(reports), key="reports")


def _standing(reports: tuple[Report, ...]) -> tuple[tuple[str, bool], ...]:
    return tuple((each.id, each.is_open) for each in reports)


def _table(reports: tuple[Report, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "state": progress_of(each),
                "report": KINDS[each.kind.value],
                "model": each.scope.model,
                "version": each.scope.version,
                "arm": each.scope.arm.value,
                "slice": each.scope.slice,
                "from (UTC)": words.moment(each.window.start),
                "before (UTC)": words.moment(each.window.end),
                "what it holds, or why there is none": each.words,
                "asked by": each.author,
                "asked (UTC)": words.moment(each.asked_at),
                "size": "" if each.size is None else words.size(each.size),
            }
            for each in reports
        ]
    )


def _made(view: ReportsView) -> None:
    """One of those that are made, opened."""
    made = {each.id: title(each) for each in view.reports if each.state is ReportState.DONE}
    if view.report.unknown:
        st.warning("The report that the address names is not there (any more); here is what there is.")
    if not made:
        return
    chosen = None if view.picked is None else view.picked.id
    options = Choice(options=("", *made), chosen=chosen or "")
    address.pick("Report to look at", "report", options, {"": _CLOSED, **made})
    if view.picked is None or view.html is None:
        return
    st.download_button(
        "Download it",
        view.html,
        file_name=f"{view.picked.kind.value}-{words.stamp(view.picked.window.start)}.html".replace(":", ""),
        mime="application/octet-stream",  # a browser keeps it, and never opens it as a page of this address
        icon=":material/download:",
        on_click="ignore",
    )
    st.iframe(sandboxed(view.html), height=HEIGHT, alt="The report")


def sandboxed(report: str) -> str:
    """A page that holds a report in a frame without an origin: Streamlit's own frames have this page's."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Report</title>'
        "<style>html,body{margin:0;height:100%}iframe{border:0;width:100%;height:100%;display:block}</style>"
        '</head><body><iframe title="Report" sandbox="allow-scripts" referrerpolicy="no-referrer" '
        f'srcdoc="{html.escape(report)}"></iframe></body></html>'
    )


if __name__ == "__main__":
    page()
