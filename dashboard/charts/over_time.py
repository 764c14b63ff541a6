"""A number window by window, with its interval and where it is healthy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd

from dashboard import words
from dashboard.charts.cells import TOLD_APART, Picture, point, state_colour, window_x
from dashboard.colours import BLUE, GREY
from dashboard.states import State
from storage.records import Judgement, Window


def over_time(  # noqa: PLR0913  # the numbers, and how they are drawn
    judgements: Sequence[Judgement],
    title: str,
    *,
    picked: Window | None = None,
    written: Callable[[float | None], str] = words.number,
    height: int = 320,
    zero: bool = True,
    share: bool = False,
    reference: float | None = None,
) -> Picture:
    """One metric of one column, oldest window first. The point of the picked window is large.

    `zero`: whether the axis begins there; a number near 1 that moves little is better seen without.
    `share`: whether the axis is in per cent. `reference`: what the number was there, as a grey line.
    """
    data = pd.DataFrame([{**point(each, written), "picked": each.window == picked} for each in judgements])
    many = data["when"].nunique() > TOLD_APART
    base = alt.Chart(data).encode(x=window_x(data["when"]))
    axis = alt.Axis(format=".2~p" if share else ",~r", tickCount=max(3, height // 60))
    value = alt.Y("value:Q", title=title, scale=alt.Scale(zero=zero), axis=axis)
    band = base.mark_rule(strokeWidth=1.5 if many else 3, opacity=0.35, color=BLUE).encode(
        y=alt.Y("low:Q", title=title), y2="high:Q"
    )
    line = base.mark_line(color=BLUE, strokeWidth=1.5).encode(y=value)
    alone = len(data) == 1  # a line of one point is none
    bounds = [
        alt.Chart(data).mark_rule(color=GREY, strokeDash=[5, 4]).encode(y=f"{side}:Q")
        if alone
        else base.mark_line(color=GREY, strokeDash=[5, 4], interpolate="step").encode(y=f"{side}:Q")
        for side in ("lower", "upper")
        if data[side].notna().any()
    ]
    tips = [
        alt.Tooltip("span:N", title="window"),
        alt.Tooltip("number:N", title=title),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("healthy:N", title="healthy"),
        alt.Tooltip("n:Q", title="rows", format=","),
        "state:N",
    ]
    points = base.mark_point(filled=True, opacity=1).encode(
        y=value,
        color=state_colour(data["state"]),
        size=alt.condition("datum.picked", alt.value(160), alt.value(14 if many else 45)),
        tooltip=tips,
    )
    unknown = (
        base.transform_filter(alt.datum.state == State.UNKNOWN.value)
        .mark_text(text="?", color=GREY, fontWeight="bold")
        .encode(y=_BOTTOM, tooltip=tips)
    )
    return alt.layer(band, *bounds, *_then(reference, title), line, points, unknown).properties(height=height)


def _then(reference: float | None, title: str) -> list[alt.Chart]:
    if reference is None:
        return []
    base = alt.Chart(pd.DataFrame({"then": [reference]}))
    return [base.mark_rule(color=GREY, strokeWidth=1.5).encode(y=alt.Y("then:Q", title=title))]


_BOTTOM = alt.value({"expr": "height - 8"})  # of what is left of the height beside axes and legend
