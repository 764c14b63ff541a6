"""Column by window: what moved or went wrong, when, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import altair as alt
import pandas as pd

from dashboard import words
from dashboard.charts.cells import TOLD_APART, Picture, point, state_colour, window_x
from dashboard.states import State
from storage.records import Judgement
from storage.worst import Worst

CELL = "cell"
"""Name of the selection that a click on a heat map makes; it holds `column` and `window`."""

_MARKS = {State.BREACHED: "!", State.UNKNOWN: "?"}


def heat_map(cells: Sequence[Judgement] | Sequence[Worst], columns: Sequence[str]) -> Picture:
    """Column by window: the stronger the colour, the further towards or beyond the bound. Some are marked.

    Where windows were put together in runs, a cell is the worst of its run.
    """
    data = pd.DataFrame([_cell(each) for each in cells])
    many = data["when"].nunique() > TOLD_APART or (data["windows"] > 1).any()
    y = alt.Y("column:N", sort=list(columns), title=None, axis=alt.Axis(labelLimit=220))
    fill = alt.Chart(data).mark_rect(cornerRadius=1 if many else 2)
    marked = alt.Chart(data).transform_filter("datum.mark != ''")
    marks = marked.mark_text(fontWeight="bold", color="white", fontSize=9 if many else 11)
    catcher = alt.Chart(data).mark_rect(opacity=0, cursor="pointer")
    picked = alt.selection_point(name=CELL, fields=["column", "window"], on="click", clear=False)
    colour = state_colour(data["state"])
    strength = alt.Opacity("strength:Q", scale=None, legend=None)
    x, middle = (_time("at"), _time("middle")) if many else (window_x(data["when"]),) * 2
    ends = {"x2": alt.X2("until")} if many else {}
    return alt.layer(
        fill.encode(x=x, y=y, color=colour, opacity=strength, **ends),
        marks.encode(x=middle, y=y, text="mark:N"),
        catcher.encode(x=x, y=y, tooltip=_tips(data), **ends).add_params(picked),
    ).properties(height=alt.Step(27))


def _cell(cell: Judgement | Worst) -> dict[str, object]:
    worst = cell if isinstance(cell, Worst) else Worst(judgement=cell, span=cell.window)
    found = point(worst.judgement)
    state, measured = State(str(found["state"])), worst.judgement.measurement
    start, end = worst.span.start, worst.span.end
    return {
        **found,
        "at": start.isoformat(),
        "until": end.isoformat(),
        "middle": _middle(start, end).isoformat(),
        "mark": _MARKS.get(state, ""),
        "strength": _strength(measured.value, measured.bounds.upper, state),
        "windows": worst.windows,
        "run": _run(worst),
    }


def _run(worst: Worst) -> str:
    span = words.span(worst.span.start, worst.span.end)
    return f"{span}: {worst.windows:,} windows, {worst.breached:,} breached, {worst.unknown:,} unknown"


def _tips(data: pd.DataFrame) -> list[alt.Tooltip | str]:
    tips: list[alt.Tooltip | str] = ["column:N"]
    together = bool((data["windows"] > 1).any())
    if together:
        tips.append(alt.Tooltip("run:N", title="together"))
    tips.append(alt.Tooltip("span:N", title="worst window" if together else "window"))
    if data["metric"].nunique() > 1:
        tips.append("metric:N")
    return [
        *tips,
        alt.Tooltip("number:N", title="measured"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("healthy:N", title="healthy"),
        alt.Tooltip("n:Q", title="rows", format=","),
        "state:N",
    ]


def _time(name: str) -> alt.X:
    axis = alt.Axis(labelOverlap="greedy", tickCount=8)
    return alt.X(f"{name}:T", scale=alt.Scale(type="utc", nice=False), title=None, axis=axis)


def _middle(start: datetime, end: datetime) -> datetime:
    return start + (end - start) / 2


def _strength(value: float | None, upper: float | None, state: State) -> float:
    """How opaque: full at twice the bound. What is breached never looks pale."""
    if value is None or not upper:
        return 0.45
    part = min(max(value, 0.0) / (2 * upper), 1.0)
    return 0.65 + 0.35 * part if state is State.BREACHED else 0.16 + 0.54 * part
