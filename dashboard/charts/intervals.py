"""Numbers of one window beside each other, each with its interval: groups, or classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd

from dashboard.charts.cells import Picture, state_colour
from dashboard.colours import GREY
from dashboard.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One of them. `mark` stands behind its name, `note` where it has nothing to draw."""

    name: str
    value: float | None
    number: str  # the value in words
    low: float | None
    high: float | None
    interval: str
    upper: float | None
    lower: float | None
    n: int
    state: State
    mark: str = ""
    note: str = ""


def interval_bars(
    rows: Sequence[Row], title: str, *, share: bool = True, counted: str = "rows", legend: bool = True
) -> Picture:
    """One a row, in the given order: its value as a point on its interval. Without colour all is told too.

    `share`: whether the axis is in per cent. `legend`: whether the colours of states are explained.
    """
    data = pd.DataFrame(
        [
            {
                "name": each.name,
                "label": f"{each.name}  {each.mark}" if each.mark else each.name,
                "value": each.value,
                "number": each.number,
                "low": each.low,
                "high": each.high,
                "interval": each.interval,
                "lower": each.lower,
                "upper": each.upper,
                "n": each.n,
                "state": each.state,
                "note": each.note,
            }
            for each in rows
        ]
    )
    base = alt.Chart(data).encode(
        y=alt.Y("label:N", sort=list(data["label"]), title=None, axis=alt.Axis(labelLimit=260))
    )
    tips: list[alt.Tooltip | str] = [
        "name:N",
        alt.Tooltip("number:N", title="measured"),
        alt.Tooltip("interval:N", title="interval"),
        alt.Tooltip("n:Q", title=counted, format=","),
        "state:N",
        "note:N",
    ]
    axis = alt.Axis(format=".2~p" if share else ",~r", tickCount=6)
    x = alt.X("value:Q", title=title, axis=axis, scale=alt.Scale(zero=True))
    colour = state_colour(data["state"])
    if not legend:
        colour = colour.legend(None)
    bars = base.mark_bar(height=12, opacity=0.3, cornerRadiusEnd=2).encode(x=x, color=colour)
    lines = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", title=title), x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(x=x, color=colour, tooltip=tips)
    bounds = [
        base.mark_tick(color=GREY, thickness=2, height=20).encode(x=f"{side}:Q")
        for side in ("lower", "upper")
        if data[side].notna().any()
    ]
    notes = base.mark_text(align="left", color=GREY, fontSize=12, fontStyle="italic").encode(
        x=alt.value(6), text="note:N", tooltip=tips
    )
    return alt.layer(bars, lines, *bounds, points, notes).properties(height=alt.Step(30))
