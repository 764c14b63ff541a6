"""The heat map of columns in time, and the lists beneath it from which one column and window are picked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import streamlit as st

from dashboard import address, words
from dashboard.charts.heat_map import CELL, heat_map
from dashboard.runs import APART
from dashboard.views.columns import MOST, ColumnMap

_KEY = "heat-map"


def draw(found: ColumnMap, *, alt: str) -> None:
    """The map. `alt` says for those who cannot see it what it shows."""
    many = len(found.part.options) > 1
    if many:
        titles = {name: f"{name} of {len(found.standings):,}" for name in found.part.options}
        address.pick("Shown, the worst first", "columns", found.part, titles)
    if found.step > APART:
        st.caption(
            f"More windows than can be told apart: each cell is the worst of {_length(found.step)}, "
            "and a click opens that worst window."
        )
    if not found.cells:
        st.info("Nothing is known of any column in the windows shown.")
        return
    st.altair_chart(
        heat_map(found.cells, found.shown),
        width="stretch",
        key=_KEY,
        on_select=_clicked,
        selection_mode=CELL,
        alt=alt,
    )


def pick(found: ColumnMap) -> None:
    """The lists of columns and windows."""
    with st.container(horizontal=True):
        address.pick("Column", "column", found.column)
        address.pick("Window", "window", found.window, _titles(found))
    if found.unknown:
        st.warning("The address of this page names something that is not there; here is what there is.")


def counted(found: ColumnMap) -> str:
    """How many columns were breached, in words."""
    columns = words.counted(len(found.standings), "column", "columns")
    shown = f", {MOST} of them drawn at once" if len(found.part.options) > 1 else ""
    return f"{found.breached:,} of {columns} breached in the windows shown{shown}."


def together(step: timedelta) -> str | None:
    """What a point of a picture is where windows were put together in runs. None: a window, as it is."""
    return f"Each point is the worst window of {_length(step)}." if step > APART else None


def _clicked() -> None:
    cells = st.session_state[_KEY].selection.get(CELL) or []
    if cells:
        address.go(column=str(cells[0]["column"]), window=str(cells[0]["window"]))


def _titles(found: ColumnMap) -> Mapping[str, str]:
    return {words.stamp(each.start): words.span(each.start, each.end) for each in found.windows}


def _length(step: timedelta) -> str:
    hours = step / timedelta(hours=1)
    if hours < 1:
        return f"{step // timedelta(minutes=1)} minutes"
    if hours < 48:
        return words.counted(int(hours), "hour", "hours")
    return f"{step // timedelta(days=1)} days"
