"""What is wrong with the thing that was picked, since when, who was alerted, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import words
from dashboard.advice import ADVICE
from dashboard.site import ALERTS
from dashboard.states import State
from storage.records import Alert
from storage.worst import BreachedRun


def draw(state: State, run: BreachedRun | None, *, what: str = "") -> None:
    """Its state in the chosen window. `what` names it in our words, where a page tells of several."""
    named = f"`{what}`: " if what else ""
    if state is State.UNKNOWN:
        st.warning(
            f"{named}{_first('unknown in this window: too few rows to say anything.', named)}",
            icon=":material/help:",
        )
    if run is not None:
        windows = words.counted(run.windows, "window", "windows in a row")
        since = f"breached since {words.moment(run.since)} UTC: {windows}."
        st.error(f"{named}{_first(since, named)}", icon=":material/error:")
    elif state is State.UNBOUNDED:
        st.info(
            f"{named}{_first('measured in this window, and nobody said where it is healthy.', named)}",
            icon=":material/info:",
        )
    elif state is State.OK:
        st.success(f"{named}{_first('not breached in this window.', named)}", icon=":material/check_circle:")


def draw_alerts(alerts: Sequence[Alert], monitor: str, *, breached: bool) -> None:
    """Open alerts, with the way to them, and what to do."""
    for alert in alerts:
        since = words.moment(alert.starts_at)
        st.text(f"Alert {alert.status.value} since {since} UTC: {alert.summary}")
    if not alerts and not breached:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if (advice := ADVICE.get(monitor)) is not None:
            st.caption(f"What to do: {advice}")
        if alerts:
            st.page_link(
                ALERTS.script,
                label="To the alert",
                icon=":material/notifications:",
                query_params={"model": alerts[0].scope.model, "alert": alerts[0].fingerprint},
            )


def _first(sentence: str, named: str) -> str:
    return sentence if named else sentence[0].upper() + sentence[1:]
