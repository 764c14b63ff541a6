"""A column as the reference has it and as a window has it, over each other."""

from __future__ import annotations

from itertools import pairwise

import altair as alt
import pandas as pd

from dashboard import words
from dashboard.charts.cells import Picture
from dashboard.colours import BLUE, GREY
from storage.distributions import Bin, Distribution


def distribution_chart(found: Distribution) -> Picture:
    """Reference and current over each other, each adding up to one."""
    return _numbers(found) if found.is_number else _categories(found)


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
