"""In which slices something is wrong: the same number of each, in the window that was picked."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import address, words
from dashboard.charts.slices import MOST, SLICE, slice_bars
from dashboard.tables import measurement_table, show
from storage.records import Judgement

_KEY = "slice-bars"
_COLUMNS = ("slice", "metric", "value", "n", "state", "interval low", "interval high", "upper bound")


def draw(judgements: Sequence[Judgement], title: str, *, share: bool = False) -> None:
    """Bars, the worst first; a click picks the slice. Nothing where there are no slices but the whole.

    `share`: whether the numbers are parts of one.
    """
    if len(judgements) < 2:
        return
    breached = sum(each.measurement.breached for each in judgements)
    st.subheader("Which slices", anchor=False)
    left = f"; the worst {MOST} are drawn" if len(judgements) > MOST else ""
    st.caption(
        f"{breached:,} of {words.counted(len(judgements), 'slice', 'slices')} breached in this window{left}. "
        "Click a bar to see all of this page for its slice; `all` holds every row."
    )
    st.altair_chart(
        slice_bars(judgements, title, written=words.share if share else words.number, share=share),
        width="stretch",
        key=_KEY,
        on_select=_clicked,
        selection_mode=SLICE,
        alt="The same number of every slice in the window; the table below holds the numbers",
    )
    with st.expander("The slices in numbers"):
        show(measurement_table(judgements), key="slices", columns=_COLUMNS)


def _clicked() -> None:
    picked = st.session_state[_KEY].selection.get(SLICE) or []
    if picked:
        kept = {name: value for name, value in address.current().items() if name == "window"}
        address.go(slice=str(picked[0]["slice"]), **kept)
