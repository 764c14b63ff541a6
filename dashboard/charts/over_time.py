"""A number window by window, with its interval and where it is healthy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd

from dashboard import words
from dashboard.charts.cells import Picture, point, state_colour, window_axis
from dashboard.colours import BLUE, GREY
from storage.records import Judgement, Window


def over_time(
    judgements: Sequence[Judgement],
    title: str,
    *,
    picked: Window | None = None,
    written: Callable[[float | None], str] = words.number,
    height: int = 320,
) -> Picture:
    """One metric of one column, oldest window first. The point of the picked window is large."""
    data = pd.DataFrame([{**point(each, written), "picked": each.window == picked} for each in judgements])
    labels = list(dict.fromkeys(data["when"]))
    base = alt.Chart(data).encode(x=alt.X("when:O", sort=labels, title=None, axis=window_axis(len(labels))))
    value = alt.Y("value:Q", title=title, scale=alt.Scale(zero=True))
    band = base.mark_rule(strokeWidth=3, opacity=0.35, color=BLUE).encode(
        y=alt.Y("low:Q", title=title), y2="high:Q"
    )
    line = base.mark_line(color=BLUE, strokeWidth=1.5).encode(y=value)
    bounds = [
        base.mark_line(color=GREY, strokeDash=[5, 4], interpolate="step").encode(y=f"{side}:Q")
        for side in ("lower", "upper")
        if data[side].notna().any()
    ]
    points = base.mark_point(filled=True, opacity=1).encode(
        y=value,
        color=state_colour(data["state"]),
        size=alt.condition("datum.picked", alt.value(160), alt.value(45)),
        tooltip=[
            alt.Tooltip("span:N", title="window"),
            alt.Tooltip("number:N", title=title),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("healthy:N", title="healthy"),
            alt.Tooltip("n:Q", title="rows", format=","),
            "state:N",
        ],
    )
    return alt.layer(band, *bounds, line, points).properties(height=height)
