"""How models are served: requests, where their time went, what was refused, and what is loaded now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import maps, pickers, verdicts, words
from dashboard.address import current
from dashboard.api import ask
from dashboard.charts.over_time import over_time
from dashboard.errors import DashboardError
from dashboard.reader import read
from dashboard.states import state_of_all
from dashboard.tables import measurement_table, show
from dashboard.views.serving import METRICS, MONITOR, TABLED, ServingView, serving

REFRESH_S = 10
_NUMBERS = ("metric", "value", "interval low", "interval high", "upper bound", "n", "state")


def page() -> None:
    """The whole page."""
    st.header("Serving", anchor=False)
    view = read(lambda database: serving(database, current()))
    if view.subject.model.options:
        _loaded()
    if not pickers.draw(view.subject, what="traffic") or view.window is None:
        return
    st.caption(f"The newest window shown is {words.span(view.window.start, view.window.end)}.")
    verdicts.draw_runs(view.runs)
    if not view.runs:
        verdicts.draw(state_of_all(each.measurement for each in view.of_window), None)
    verdicts.draw_alerts(view.alerts, MONITOR, breached=bool(view.runs))
    _over_time(view)
    st.subheader("Numbers of the newest window", anchor=False)
    show(measurement_table(view.of_window), key="statistics", columns=_NUMBERS)
    with st.expander(f"Everything in the newest {TABLED} windows shown, as /api/measurements gives it"):
        show(measurement_table(view.tabled), key="measurements")


@st.fragment(run_every=REFRESH_S)
def _loaded() -> None:
    """What the gateway has loaded at this moment; it alone knows."""
    st.subheader("Loaded now", anchor=False)
    try:
        models = ask("GET", "/api/models")["models"]
    except DashboardError as exc:
        st.text(str(exc))
        st.warning("What is loaded is unknown.", icon=":material/help:")
        return
    show(pd.DataFrame([_row(model) for model in models]), key="loaded")
    st.caption(
        "Counts are since the version was loaded; a batch is the rows that ran on the device together."
    )


def _row(model: Mapping[str, Any]) -> dict[str, object]:
    work, memory = model["work"], model["memory_bytes"]
    batch = work["rows"] / work["batches"] if work["batches"] else None
    return {
        "model": model["name"],
        "version": model["version"],
        "state": model["state"],
        "device": model["device"] or "",
        "memory": words.UNKNOWN if memory is None else words.size(memory),
        "answered": work["answered"],
        "rows waiting": model["waiting_rows"],
        "rows a batch": words.number(batch),
        "device busy": words.seconds(work["busy_s"]),
        "refused": work["refused"],
        "too late": work["expired"],
        "cancelled": work["cancelled"],
        "failed": work["failed"],
        "why": model["reason"] or "",
    }


def _over_time(view: ServingView) -> None:
    if (together := maps.together(view.step)) is not None:
        st.caption(together)
    measured = [(metric, line) for metric, line in view.over_time.items() if line]
    cells = st.columns(2, gap="large") * len(METRICS)
    for cell, (metric, line) in zip(cells, measured, strict=False):
        share, seconds = metric.endswith("_share"), metric.endswith("_s")
        written = words.share if share else words.seconds if seconds else words.number
        with cell:
            st.altair_chart(
                over_time(line, metric, written=written, height=180, share=share),
                width="stretch",
                alt=f"{metric}, window by window; the tables below hold the numbers",
            )
            st.caption(METRICS[metric])


if __name__ == "__main__":
    page()
