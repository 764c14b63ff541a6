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

_APART = 3
"""Alerts that are shown at once."""


def draw(state: State, run: BreachedRun | None) -> None:
    """The state of what decides in the chosen window, and since when it is breached."""
    if state is State.UNKNOWN:
        st.warning("Unknown in this window: too few rows to say anything.", icon=":material/help:")
    if run is not None:
        st.error(f"Breached {_since(run)}", icon=":material/error:")
    elif state is State.UNBOUNDED:
        st.info("Measured in this window, and nobody said where it is healthy.", icon=":material/info:")
    elif state is State.CHANCE:
        st.info(
            "Outside of its bounds in this window, and no further than chance explains: not breached.",
            icon=":material/casino:",
        )
    elif state is State.OK:
        st.success("Not breached in this window.", icon=":material/check_circle:")


def draw_runs(runs: Sequence[tuple[str, BreachedRun]]) -> None:
    """Which of several metrics are breached; those of the same windows together."""
    together: dict[BreachedRun, list[str]] = {}
    for metric, run in runs:
        together.setdefault(run, []).append(f"`{metric}`")
    for run, metrics in together.items():
        st.error(f"{', '.join(metrics)}: breached {_since(run)}", icon=":material/error:")


def draw_alerts(alerts: Sequence[Alert], monitor: str, *, breached: bool) -> None:
    """Open alerts, with the way to them, and what to do."""
    for alert in alerts[:_APART]:
        _draw_alert(alert)
    if others := alerts[_APART:]:
        with st.expander(f"{words.counted(len(others), 'more alert', 'more alerts')} about it"):
            for alert in others:
                _draw_alert(alert)
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


def _draw_alert(alert: Alert) -> None:
    replayed = " (replay)" if alert.replay else ""
    since = words.moment(alert.starts_at)
    st.text(f"Alert {alert.status.value}{replayed} since {since} UTC: {alert.summary}")


def _since(run: BreachedRun) -> str:
    windows = words.counted(run.windows, "window", "windows in a row")
    return f"since {words.moment(run.since)} UTC: {windows}."
