"""When alerts were open: a line for each alert, a bar for each time that it fired."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import altair as alt
import pandas as pd

from dashboard import words
from dashboard.charts.cells import Picture
from dashboard.colours import GREY, VERMILION
from storage.records import Alert, AlertStatus

LINES = 25
"""Alerts that are drawn: those that were open last."""

_OPEN, _OVER = "open", "over"


def timeline(episodes: Sequence[Alert], titles: Sequence[str]) -> Picture:
    """Episodes and what each is called, newest first. One that is open reaches to its newest window."""
    latest = max(_end(each) for each in episodes)
    earliest = min(each.starts_at for each in episodes)
    rows = [_row(each, title, latest) for each, title in zip(episodes, titles, strict=True)]
    lines = list(dict.fromkeys(titles))[:LINES]
    picture: Picture = (
        alt.Chart(pd.DataFrame([row for row in rows if row["alert"] in lines]))
        .mark_bar(height=12, cornerRadius=3, minBandSize=3)
        .encode(
            x=alt.X("start:T", title=None, scale=alt.Scale(type="utc"), axis=_axis(latest - earliest)),
            x2="end:T",
            y=alt.Y("alert:N", sort=lines, title=None, axis=alt.Axis(labelLimit=340)),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=[_OPEN, _OVER], range=[VERMILION, GREY]),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=["alert:N", "from:N", "until:N", "state:N", "severity:N"],
        )
        .properties(height=alt.Step(24))
    )
    return picture


def _axis(shown: timedelta) -> alt.Axis:
    """Times that name their year where the picture is longer than one."""
    if shown < timedelta(days=366):
        return alt.Axis(labelOverlap="greedy", tickCount=8)
    return alt.Axis(labelOverlap="greedy", tickCount=8, format="%Y-%m")


def _row(alert: Alert, title: str, latest: datetime) -> dict[str, object]:
    over = alert.status is AlertStatus.RESOLVED
    end = _end(alert) if over else latest
    return {
        "alert": title,
        "start": alert.starts_at.isoformat(),
        "end": end.isoformat(),
        "from": words.moment(alert.starts_at),
        "until": words.moment(end) if over else "now",
        "state": _OVER if over else _OPEN,
        "severity": alert.severity.value,
    }


def _end(alert: Alert) -> datetime:
    return max(alert.ends_at or alert.updated_at, alert.starts_at)
