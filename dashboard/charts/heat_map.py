"""Column by window: what moved, when, and how far."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.charts.cells import Picture, point, state_colour, window_axis
from dashboard.states import State
from storage.records import Judgement

CELL = "cell"
"""Name of the selection that a click on a heat map makes; it holds `column` and `window`."""

_MARKS = {State.BREACHED: "!", State.UNKNOWN: "?"}


def heat_map(cells: Sequence[Judgement], columns: Sequence[str]) -> Picture:
    """Column by window: the stronger the colour, the further it moved. Some cells are marked."""
    data = pd.DataFrame([_cell(each) for each in cells])
    labels = list(dict.fromkeys(data["when"]))
    base = alt.Chart(data).encode(
        x=alt.X("when:O", sort=labels, title=None, axis=window_axis(len(labels))),
        y=alt.Y("column:N", sort=list(columns), title=None, axis=alt.Axis(labelLimit=220)),
    )
    fill = base.mark_rect(cornerRadius=2).encode(
        color=state_colour(data["state"]), opacity=alt.Opacity("strength:Q", scale=None, legend=None)
    )
    marks = base.mark_text(fontWeight="bold", color="white").encode(text="mark:N")
    catcher = base.mark_rect(opacity=0, cursor="pointer").encode(
        tooltip=[
            "column:N",
            alt.Tooltip("span:N", title="window"),
            alt.Tooltip("number:N", title="measured"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("healthy:N", title="healthy"),
            alt.Tooltip("n:Q", title="rows", format=","),
            "state:N",
        ]
    )
    picked = alt.selection_point(name=CELL, fields=["column", "window"], on="click", clear=False)
    return alt.layer(fill, marks, catcher.add_params(picked)).properties(height=alt.Step(27))


def _cell(judgement: Judgement) -> dict[str, object]:
    found = point(judgement)
    state, measured = State(str(found["state"])), judgement.measurement
    strength = _strength(measured.value, measured.bounds.upper, state)
    return {**found, "mark": _MARKS.get(state, ""), "strength": strength}


def _strength(value: float | None, upper: float | None, state: State) -> float:
    """How opaque: full at twice the bound. What is breached never looks pale."""
    if value is None or not upper:
        return 0.45
    part = min(value / (2 * upper), 1.0)
    return 0.65 + 0.35 * part if state is State.BREACHED else 0.1 + 0.6 * part
