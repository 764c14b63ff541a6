"""Every model version as a row of small lines, one for each thing that is watched, its state in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import pandas as pd

from dashboard.charts.cells import COLOURS, Picture
from dashboard.states import State

CELL = "cell"
"""Name of the selection that a click makes; it holds `model`, `version`, `arm` and `watch`."""

_PIXELS = 58
_PADDING = 14  # that Streamlit takes from the height
_HEAD = 0.4
"""Part of a row's height that the titles above the first one take."""
_NAME, _TOP, _BOTTOM, _WORDS = 0.17, 0.36, 0.66, 0.85
"""Where in a row its name, its lines and their words are."""
_LEFT, _RIGHT = 0.02, 0.9
_COLOUR = alt.Color(
    "state:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), legend=None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One line, and what is written under it."""

    watch: str
    points: Sequence[float | None]  # None leaves a gap
    words: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRow:
    """A model version."""

    model: str
    version: str
    arm: str
    name: str
    when: str
    cells: Sequence[Cell]


def trend_rows(rows: Sequence[TrendRow], watches: Sequence[str], ink: str) -> Picture:
    """One row below the other. `ink`: the colour of what is written and has no state."""
    place = {watch: at for at, watch in enumerate(watches)}
    across = alt.Scale(domain=[0, len(watches)], nice=False)
    down = alt.Scale(domain=[len(rows), -_HEAD], nice=False)
    x, y = alt.X("x:Q", scale=across, axis=None), alt.Y("y:Q", scale=down, axis=None)
    right = alt.X("right:Q", scale=across, axis=None)
    titles = pd.DataFrame([{"x": at + _LEFT, "y": -_HEAD / 2, "title": watch} for watch, at in place.items()])
    names = pd.DataFrame(
        [
            {"y": top + _NAME, "line": top, "right": len(watches), "name": row.name, "when": row.when}
            for top, row in enumerate(rows)
        ]
    )
    lines = [each for top, row in enumerate(rows) for cell in row.cells for each in _points(cell, top, place)]
    points = pd.DataFrame(lines, columns=["x", "y", "line", "newest", "state"])
    cells = pd.DataFrame(
        [_cell(row, top, cell, place[cell.watch]) for top, row in enumerate(rows) for cell in row.cells]
    )
    of_names = alt.Chart(names).encode(y=y)
    layers: list[alt.Chart] = [
        of_names.mark_rule(color=ink, opacity=0.18).encode(y=alt.Y("line:Q", scale=down, axis=None)),
        alt.Chart(titles).mark_text(align="left", color=ink, opacity=0.75).encode(x=x, y=y, text="title:N"),
        of_names.mark_text(align="left", fontWeight="bold", fontSize=13, color=ink, limit=340).encode(
            x=alt.value(2), text="name:N"
        ),
        of_names.mark_text(align="right", color=ink, opacity=0.75).encode(x=right, text="when:N"),
        alt.Chart(points).mark_line(strokeWidth=1.6).encode(x=x, y=y, detail="line:N", color=_COLOUR),
        alt.Chart(points)
        .transform_filter("datum.newest")
        .mark_circle(size=28, opacity=1)
        .encode(x=x, y=y, color=_COLOUR),
        *_words(cells, x, y),
        _catcher(cells, across, down),
    ]
    height = round((len(rows) + _HEAD) * _PIXELS) + _PADDING
    chart: alt.LayerChart = alt.layer(*layers).properties(height=height).configure_view(strokeWidth=0)
    return chart


def _words(cells: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    base = alt.Chart(cells).encode(x=x, y=y, text="words:N", color=_COLOUR)
    breached = f"datum.state == '{State.BREACHED}'"
    return [
        base.transform_filter(f"!({breached})").mark_text(align="left", fontSize=11),
        base.transform_filter(breached).mark_text(align="left", fontSize=11, fontWeight="bold"),
    ]


def _catcher(cells: pd.DataFrame, across: alt.Scale, down: alt.Scale) -> alt.Chart:
    """What is clicked: the whole cell, and not the thin line in it."""
    picked = alt.selection_point(
        name=CELL, fields=["model", "version", "arm", "watch"], on="click", clear=False
    )
    catcher: alt.Chart = (
        alt.Chart(cells)
        .mark_rect(opacity=0, cursor="pointer")
        .encode(
            x=alt.X("left:Q", scale=across, axis=None),
            x2="right:Q",
            y=alt.Y("top:Q", scale=down, axis=None),
            y2="bottom:Q",
            tooltip=["model:N", "version:N", "arm:N", "watch:N", alt.Tooltip("words:N", title="newest")],
        )
        .add_params(picked)
    )
    return catcher


def _cell(row: TrendRow, top: int, cell: Cell, at: int) -> Mapping[str, object]:
    box = {"left": at, "right": at + 1, "top": top + _NAME, "bottom": top + 1}
    named = {"model": row.model, "version": row.version, "arm": row.arm, "watch": cell.watch}
    place = {"x": at + _LEFT, "y": top + _WORDS}
    return {**named, **place, **box, "words": cell.words, "state": cell.state}


def _points(cell: Cell, top: int, place: Mapping[str, int]) -> Sequence[Mapping[str, object]]:
    """Its line, drawn between its own least and largest value. A row of known ones is one line."""
    known = [value for value in cell.points if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    step = (_RIGHT - _LEFT) / max(len(cell.points) - 1, 1)
    drawn: list[Mapping[str, object]] = []
    part = 0
    for at, value in enumerate(cell.points):
        if value is None:
            part += 1
            continue
        height = (value - low) / (high - low) if high > low else 0.0
        drawn.append(
            {
                "x": place[cell.watch] + _LEFT + at * step,
                "y": top + _BOTTOM - height * (_BOTTOM - _TOP),
                "line": f"{top}-{cell.watch}-{part}",
                "newest": at == len(cell.points) - 1,
                "state": cell.state,
            }
        )
    return drawn
