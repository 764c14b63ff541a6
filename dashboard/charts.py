"""The pictures, as pure functions of what was read. Their colours can be told apart in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import altair as alt
import pandas as pd

from dashboard import words
from dashboard.colours import BLUE, GREY, VERMILION
from dashboard.states import State, state_of
from storage.distributions import Bin, Distribution
from storage.records import Judgement, Window

Picture = alt.Chart | alt.LayerChart | alt.FacetChart

CELL = "cell"
"""Name of the selection that a click on a heat map makes; it holds `column` and `window`."""

_MARKS = {State.BREACHED: "!", State.UNKNOWN: "?"}
_COLOURS = {State.OK: BLUE, State.BREACHED: VERMILION, State.UNKNOWN: GREY, State.UNBOUNDED: BLUE}


def heat_map(cells: Sequence[Judgement], columns: Sequence[str]) -> Picture:
    """Column by window: the stronger the colour, the further it moved. Some cells are marked."""
    data = pd.DataFrame([_cell(each) for each in cells])
    labels = list(dict.fromkeys(data["when"]))
    base = alt.Chart(data).encode(
        x=alt.X("when:O", sort=labels, title=None, axis=_x_axis(len(labels))),
        y=alt.Y("column:N", sort=list(columns), title=None, axis=alt.Axis(labelLimit=220)),
    )
    states = [state for state in _COLOURS if state in set(data["state"])]
    fill = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color(
            "state:N",
            scale=alt.Scale(domain=states, range=[_COLOURS[state] for state in states]),
            legend=alt.Legend(orient="top", title=None),
        ),
        opacity=alt.Opacity("strength:Q", scale=None, legend=None),
    )
    marks = base.mark_text(fontWeight="bold", color="white").encode(text="mark:N")
    catcher = base.mark_rect(opacity=0, cursor="pointer").encode(
        tooltip=[
            "column:N",
            alt.Tooltip("span:N", title="window"),
            "drift:N",
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("healthy:N", title="healthy up to"),
            alt.Tooltip("n:Q", title="rows", format=","),
            "state:N",
        ]
    )
    picked = alt.selection_point(name=CELL, fields=["column", "window"], on="click", clear=False)
    return alt.layer(fill, marks, catcher.add_params(picked)).properties(height=alt.Step(27))


def effect_over_time(judgements: Sequence[Judgement], picked: Window) -> Picture:
    """What decides, window by window, with its interval and its bound. The picked window has a ring."""
    data = pd.DataFrame([{**_cell(each), "picked": each.window == picked} for each in judgements])
    labels = list(dict.fromkeys(data["when"]))
    base = alt.Chart(data).encode(x=alt.X("when:O", sort=labels, title=None, axis=_x_axis(len(labels))))
    value = alt.Y("value:Q", title="drift", scale=alt.Scale(zero=True))
    band = base.mark_rule(strokeWidth=3, opacity=0.35, color=BLUE).encode(
        y=alt.Y("low:Q", title="drift"), y2="high:Q"
    )
    line = base.mark_line(color=BLUE, strokeWidth=1.5).encode(y=value)
    bound = base.mark_line(color=GREY, strokeDash=[5, 4], interpolate="step").encode(y="upper:Q")
    states = [state for state in _COLOURS if state in set(data["state"])]
    points = base.mark_point(filled=True, opacity=1).encode(
        y=value,
        color=alt.Color(
            "state:N",
            scale=alt.Scale(domain=states, range=[_COLOURS[state] for state in states]),
            legend=alt.Legend(orient="top", title=None),
        ),
        size=alt.condition("datum.picked", alt.value(160), alt.value(45)),
        tooltip=["span:N", "drift:N", "interval:N", alt.Tooltip("n:Q", title="rows", format=","), "state:N"],
    )
    return alt.layer(band, bound, line, points).properties(height=320)


def distribution_chart(found: Distribution) -> Picture:
    """Reference and current over each other, each adding up to one."""
    return _numbers(found) if found.is_number else _categories(found)


def _cell(judgement: Judgement) -> dict[str, object]:
    measured, window = judgement.measurement, judgement.window
    state = state_of(measured)
    low, high = measured.interval or (None, None)
    upper = measured.bounds.upper
    return {
        "column": measured.column or "",
        "window": words.stamp(window.start),
        "when": words.moment(window.start).removesuffix(" 00:00"),
        "span": words.span(window.start, window.end),
        "value": measured.value,
        "drift": words.number(measured.value),
        "low": low,
        "high": high,
        "interval": words.UNKNOWN if low is None else f"{words.number(low)} to {words.number(high)}",
        "upper": upper,
        "healthy": words.number(upper),
        "n": measured.n,
        "state": state,
        "mark": _MARKS.get(state, ""),
        "strength": _strength(measured.value, upper, state),
    }


def _strength(value: float | None, upper: float | None, state: State) -> float:
    """How opaque: full at twice the bound. What is breached never looks pale."""
    if value is None or not upper:
        return 0.45
    part = min(value / (2 * upper), 1.0)
    return 0.65 + 0.35 * part if state is State.BREACHED else 0.1 + 0.6 * part


def _x_axis(labels: int) -> alt.Axis:
    return alt.Axis(
        labelAngle=0 if labels <= 12 else -40, labelOverlap="greedy", labelLimit=140, labelFlush=False
    )


def _numbers(found: Distribution) -> Picture:
    placed = _placed(found)
    rows = []
    for series, total in (("reference", found.reference_rows), ("current", found.current_rows)):
        for (low, high), each in zip(placed, found.bins, strict=True):
            n = each.reference if series == "reference" else each.current
            share = n / total if total else 0.0
            rows.append(
                {
                    "rows": series,
                    "low": low,
                    "high": high,
                    "density": share / (high - low),
                    "share": words.share(share),
                    "bin": bin_name(each),
                    "n": n,
                }
            )
    picture: Picture = (
        alt.Chart(pd.DataFrame(rows))
        .mark_rect(strokeWidth=1.2)
        .encode(
            x=alt.X("low:Q", title="value", scale=alt.Scale(zero=False, nice=False)),
            x2="high:Q",
            y=alt.Y("density:Q", title="share of rows per unit", axis=alt.Axis(format="~g", tickCount=4)),
            y2=alt.datum(0),
            color=_series(),
            stroke=alt.Stroke("rows:N", scale=_SERIES, legend=alt.Legend(orient="top", title=None)),
            fillOpacity=alt.value(0.35),
            tooltip=[
                "rows:N",
                "bin:N",
                "share:N",
                alt.Tooltip("n:Q", title="rows in it", format=","),
            ],
        )
        .properties(height=320)
    )
    return picture


def _categories(found: Distribution) -> Picture:
    rows = []
    for series, total in (("reference", found.reference_rows), ("current", found.current_rows)):
        for each in found.bins:
            n = each.reference if series == "reference" else each.current
            rows.append({"rows": series, "bin": bin_name(each), "share": n / total if total else 0.0, "n": n})
    names = [bin_name(each) for each in found.bins]
    picture: Picture = (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar()
        .encode(
            y=alt.Y("bin:N", sort=names, title=None, axis=alt.Axis(labelLimit=220)),
            yOffset=alt.YOffset("rows:N", sort=["reference", "current"]),
            x=alt.X("share:Q", title="share of rows", axis=alt.Axis(format="%")),
            color=_series(),
            tooltip=["rows:N", "bin:N", alt.Tooltip("share:Q", format=".3%"), alt.Tooltip("n:Q", format=",")],
        )
        .properties(height=alt.Step(13, **{"for": "offset"}))
    )
    return picture


def bin_name(found: Bin) -> str:
    """What lies in it, in words."""
    if found.lower is None and found.upper is None:
        return found.name or "every value"
    if found.lower is None:
        return f"up to {words.number(found.upper)}"
    if found.upper is None:
        return f"above {words.number(found.lower)}"
    return f"above {words.number(found.lower)}, up to {words.number(found.upper)}"


def _placed(found: Distribution) -> list[tuple[float, float]]:
    """Where each bin is drawn. The outer ones have no end: they are cut at the reference's, or sooner."""
    edges = [each.upper for each in found.bins if each.upper is not None]
    if not edges:
        return [(0.0, 1.0)] * len(found.bins)
    width = edges[-1] - edges[0]
    usual = width / max(len(edges) - 1, 1) or max(abs(edges[0]), 1.0) / 10
    longest = max(width / 4, usual)
    lowest = edges[0] - _between(edges[0] - (found.minimum or edges[0]), usual, longest)
    highest = edges[-1] + _between((found.maximum or edges[-1]) - edges[-1], usual, longest)
    ends = [lowest, *edges, highest]
    return list(pairwise(ends))


def _between(value: float, usual: float, longest: float) -> float:
    return min(value, longest) if value > 0 else usual


def _series() -> alt.Color:
    return alt.Color("rows:N", scale=_SERIES, legend=alt.Legend(orient="top", title=None))


_SERIES = alt.Scale(domain=["reference", "current"], range=[GREY, BLUE])
