"""Scores of texts in a window and in the reference, over each other."""

from __future__ import annotations

from itertools import pairwise

import altair as alt
import pandas as pd

from dashboard import words
from dashboard.charts.cells import Picture
from dashboard.colours import BLUE, GREY
from storage.text_scores import ScoreHistogram


def score_chart(found: ScoreHistogram) -> Picture:
    """Shares of texts by bin, the current as bars, the reference as a line; thresholds are dashed.

    Bins split scores evenly in their logit, so they are drawn equally wide.
    """
    rows = [
        {
            "series": series,
            "place": place,
            "next": place + 1,
            "share": n / max(sum(counts), 1),
            "percent": words.share(n / max(sum(counts), 1)),
            "bin": f"{words.number(low)} up to {words.number(high)}",
            "texts": n,
        }
        for series, counts in _series(found)
        for place, ((low, high), n) in enumerate(zip(_ends(found), counts, strict=True))
    ]
    data = alt.Chart(pd.DataFrame(rows))
    edges = [0.0, *found.edges, 1.0]
    ticks = [edges.index(edge) for edge in edges if _is_named(edge, edges)]
    names = {place: f"{edges[place]:.2g}" for place in ticks}
    axis = alt.Axis(
        values=ticks,
        labelExpr=f"({ {str(place): name for place, name in names.items()} })[datum.value]",
        grid=False,
        labelOverlap="greedy",
    )
    x = alt.X("place:Q", title="score", axis=axis, scale=alt.Scale(domain=[0, len(edges) - 1], nice=False))
    y = alt.Y("share:Q", title="share of texts", axis=alt.Axis(format=".2~p", tickCount=5))
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=["reference", "current"], range=[GREY, BLUE]),
        legend=alt.Legend(orient="top", title=None),
    )
    tips: list[alt.Tooltip | str] = [
        alt.Tooltip("series:N", title="rows of the"),
        alt.Tooltip("bin:N", title="score"),
        alt.Tooltip("percent:N", title="share"),
        alt.Tooltip("texts:Q", format=","),
    ]
    bars = (
        data.transform_filter("datum.series == 'current'")
        .mark_rect(opacity=0.55)
        .encode(x=x, x2="next:Q", y=y, y2=alt.datum(0), color=colour, tooltip=tips)
    )
    reference = (
        data.transform_filter("datum.series == 'reference'")
        .mark_rule(strokeWidth=3)
        .encode(x=x, x2="next:Q", y=y, color=colour, tooltip=tips)
    )
    marks = alt.Chart(
        pd.DataFrame(
            [
                {"place": edges.index(edge), "name": name}
                for edge, name in ((found.flagged_from, "flagged"), (found.severe_from, "severe"))
            ]
        )
    ).encode(x=x)
    rules = marks.mark_rule(color=GREY, strokeDash=[5, 4])
    named = marks.mark_text(color=GREY, align="left", dx=4, baseline="top").encode(
        y=alt.value(2), text="name:N"
    )
    return alt.layer(bars, reference, rules, named).properties(height=300)


def histogram_table(found: ScoreHistogram) -> pd.DataFrame:
    """The same in numbers."""
    return pd.DataFrame(
        [
            {
                "from": words.digits(low),
                "up to": words.digits(high),
                "current texts": found.current[place],
                **({"reference texts": found.reference[place]} if found.reference else {}),
            }
            for place, (low, high) in enumerate(_ends(found))
        ]
    )


def _series(found: ScoreHistogram) -> list[tuple[str, tuple[int, ...]]]:
    then = [("reference", found.reference)] if found.reference is not None else []
    return [*then, ("current", found.current)]


def _ends(found: ScoreHistogram) -> list[tuple[float, float]]:
    return list(pairwise([0.0, *found.edges, 1.0]))


def _is_named(edge: float, edges: list[float]) -> bool:
    """Some edges have their number beneath them: the ends, the middle and those near round parts."""
    wanted = (0.0, 0.01, 0.1, 0.5, 0.8, 0.9, 0.99, 1.0)
    return any(edge == min(edges, key=lambda each: abs(each - near)) for near in wanted)
