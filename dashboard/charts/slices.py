"""The same number of every slice, beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd

from dashboard import words
from dashboard.charts.cells import Picture, point, state_colour
from dashboard.colours import GREY
from dashboard.states import State
from storage.records import Judgement

SLICE = "slice"
"""Name of the selection that a click on a bar makes; it holds `slice`."""

MOST = 20
"""Slices that are drawn: the worst."""


def slice_bars(
    judgements: Sequence[Judgement],
    title: str,
    *,
    written: Callable[[float | None], str] = words.number,
    share: bool = False,
) -> Picture:
    """One bar a slice, in the given order, with its interval; the small line is its bound.

    `share`: whether the axis is in per cent.
    """
    data = pd.DataFrame([point(each, written) for each in judgements[:MOST]])
    base = alt.Chart(data).encode(
        y=alt.Y("slice:N", sort=list(data["slice"]), title=None, axis=alt.Axis(labelLimit=220))
    )
    tips = [
        "slice:N",
        "metric:N",
        alt.Tooltip("number:N", title="measured"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("healthy:N", title="healthy"),
        alt.Tooltip("n:Q", title="rows", format=","),
        "state:N",
    ]
    axis = alt.Axis(format=".2~p" if share else ",~r", tickCount=6)
    bars = base.mark_bar(height=14, cornerRadiusEnd=2, opacity=0.75).encode(
        x=alt.X("value:Q", title=title, axis=axis), color=state_colour(data["state"])
    )
    lines = base.mark_rule(color=GREY, strokeWidth=2).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    bounds = [
        base.mark_tick(color=GREY, thickness=2, height=20).encode(x=f"{side}:Q")
        for side in ("lower", "upper")
        if data[side].notna().any()
    ]
    unknown = (
        base.transform_filter(alt.datum.state == State.UNKNOWN.value)
        .mark_text(text="?", color=GREY, fontWeight="bold")
        .encode(x=alt.value(8))
    )
    picked = alt.selection_point(name=SLICE, fields=["slice"], on="click", clear=False)
    catcher = base.mark_rule(opacity=0, strokeWidth=22, cursor="pointer").encode(
        x=alt.value(0), x2=alt.value("width"), tooltip=tips
    )
    return alt.layer(bars, lines, *bounds, unknown, catcher.add_params(picked)).properties(
        height=alt.Step(24)
    )
