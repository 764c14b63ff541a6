"""Is anything wrong, where, and since when: open alerts, every model version, and where every event is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import streamlit as st

from dashboard import pickers, words
from dashboard.reader import read
from dashboard.site import DRIFT
from dashboard.states import State
from dashboard.tables import alert_table, measurement_table, message_table, show
from dashboard.views.care import silence_table
from dashboard.views.overview import Overview, Trend, VersionRow, overview
from storage.clock import utc_now
from storage.reading import Accounting
from storage.records import AlertStatus, Arm, Judgement

REFRESH_S = 15
_COLOURS: Mapping[State, Literal["green", "red", "gray", "blue"]] = {
    State.OK: "green",
    State.BREACHED: "red",
    State.UNKNOWN: "gray",
    State.UNBOUNDED: "blue",
}


@st.fragment(run_every=REFRESH_S)
def page() -> None:
    """The whole page. It reads anew by itself."""
    now = utc_now()
    found = read(lambda database: overview(database, now))
    st.header("Overview", anchor=False)
    _verdict(found)
    if found.alerts:
        show(alert_table(found.alerts, found.care), key="alerts")
    if found.silences:
        with st.expander(f"{words.counted(len(found.silences), 'silence', 'silences')} in force or to come"):
            show(silence_table(found.silences, now), key="silences")
    _account(found.accounting)
    if found.scoring is not None and found.scoring.late:
        st.warning(found.scoring.words, icon=":material/hourglass:")
    elif found.scoring is not None:
        st.caption(found.scoring.words)
    for index, row in enumerate(found.rows):
        _version(row, index)
    if found.rows:
        with st.expander("The numbers behind the newest points, in full"):
            show(measurement_table(_behind(found)), key="numbers")
        st.caption(
            "The lines cover the newest windows of each version; of drift, the column that moved furthest. "
            "Unknown means too few rows, no reference, no labels, or no traffic lately. "
            f"Read at {now:%H:%M:%S} UTC."
        )


def _verdict(found: Overview) -> None:
    firing, pending = found.count(AlertStatus.FIRING), found.count(AlertStatus.PENDING)
    unknown = sum(trend.state is State.UNKNOWN for row in found.rows for trend in row.trends)
    if not found.rows:
        pickers.no_model()
    elif firing:
        tail = f", {pending} pending" if pending else ""
        st.error(f"{words.counted(firing, 'alert is', 'alerts are')} firing{tail}.", icon=":material/error:")
    elif pending:
        st.warning(
            f"{words.counted(pending, 'alert is', 'alerts are')} pending: not yet often enough to fire.",
            icon=":material/schedule:",
        )
    elif unknown:
        st.warning(
            f"No alert is open, but {words.counted(unknown, 'thing is', 'things are')} unknown.",
            icon=":material/help:",
        )
    else:
        st.success("No alert is open, and all that is watched is known.", icon=":material/check_circle:")
    _undelivered(found)


def _undelivered(found: Overview) -> None:
    """Who was not told, and why: a silent channel looks like a day without alerts."""
    if found.dead_messages:
        dead = words.counted(len(found.dead_messages), "message", "messages")
        st.error(
            f"{dead} about alerts did not arrive and will not be tried again. Mend the channel under "
            "`alerts` in inferwatch.yaml, then run `inferwatch channels test`.",
            icon=":material/mail_off:",
        )
        show(message_table(found.dead_messages), key="dead-messages")
    if found.late_messages:
        late = words.counted(len(found.late_messages), "message", "messages")
        st.warning(
            f"{late} about alerts did not get through yet. They are tried again, for three days; "
            "`inferwatch check` says whether the server answers.",
            icon=":material/schedule_send:",
        )
        show(message_table(found.late_messages), key="late-messages")


def _account(accounting: Accounting) -> None:
    """Where every event is."""
    parts = {
        "counted": accounting.counted,
        "quarantined": accounting.quarantined,
        "dropped": accounting.dropped,
        "waiting": accounting.waiting,
    }
    written = " + ".join(f"{n:,} {name}" for name, n in parts.items())
    st.text(f"Every event: {accounting.answered:,} answered = {written}")
    if accounting.answered != sum(parts.values()):
        st.caption("The two sides differ while events are on their way, and agree when all have arrived.")


def _version(row: VersionRow, index: int) -> None:
    scope = row.scope
    with st.container(border=True, key=f"version-{index}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            arm = "" if scope.arm is Arm.STABLE else f", {scope.arm.value} arm"
            st.text(f"{scope.model}, version {scope.version}{arm}")
            st.caption(_when(row))
            st.page_link(
                DRIFT.script,
                label="Drift",
                icon=":material/ssid_chart:",
                query_params={"model": scope.model, "version": scope.version, "arm": scope.arm.value},
            )
        with st.container(horizontal=True, gap="small"):
            for trend in row.trends:
                _metric(trend)
        if not row.has_reference:
            st.caption("It has no reference, so drift is unknown. Give it one:")
            st.code(f"inferwatch reference set {scope.model} --from FILE", language=None)


def _when(row: VersionRow) -> str:
    """Which window is shown."""
    if row.window is None:
        return "no traffic yet" if row.newest_at is None else "its first window is not over yet"
    replay = ", a replay" if row.replay else ""
    return f"newest window {words.span(row.window.start, row.window.end)}{replay}"


def _metric(trend: Trend) -> None:
    unit = "column" if trend.watch.monitor == "drift" else "number"
    many = trend.state is State.BREACHED and trend.breached > 1
    st.metric(
        trend.watch.title,
        trend.watch.written(trend.value),
        delta=f"{trend.state.value}, {trend.breached} {unit}s" if many else trend.state.value,
        delta_color=_COLOURS[trend.state],
        delta_arrow="off",
        chart_data=_line(trend) if len(trend.points) > 1 else None,
        width=160,
    )


def _line(trend: Trend) -> list[float]:
    """Its points; an unknown one leaves a gap."""
    return [math.nan if point is None else point for point in trend.points]


def _behind(found: Overview) -> list[Judgement]:
    return [judgement for row in found.rows for trend in row.trends for judgement in trend.behind]


if __name__ == "__main__":
    page()
