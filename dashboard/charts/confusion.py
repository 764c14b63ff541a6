"""Answers beside their labels: how many rows of each pair."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.charts.cells import Picture
from dashboard.colours import BLUE, GREY, VERMILION
from storage.counted import Confusion

MOST = 20
"""Classes that can still be told apart."""

NO_CLASS = "(no class of the model)"


def confusion_rows(found: Confusion, classes: Sequence[str]) -> list[dict[str, object]]:
    """One row for each pair of answer and label. Pairs that never came are there too, as zero."""
    names = [*classes, NO_CLASS]
    return [
        {"answer": names[predicted], "label": classes[truth], "rows": n}
        for predicted, row in enumerate(found.cells)
        for truth, n in enumerate(row)
        if predicted < len(classes) or any(row)
    ]


def confusion_chart(found: Confusion, classes: Sequence[str]) -> Picture:
    """Blue where the answer was the label. The stronger the colour, the more of the label's rows."""
    totals = [max(sum(row[truth] for row in found.cells), 1) for truth in range(len(classes))]
    rows = [
        {
            **each,
            "share": int(str(each["rows"])) / totals[list(classes).index(str(each["label"]))],
            "hit": "right" if each["answer"] == each["label"] else "wrong",
            "number": f"{each['rows']:,}",
        }
        for each in confusion_rows(found, classes)
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("label:N", sort=list(classes), title="label", axis=alt.Axis(labelAngle=0, labelLimit=120)),
        y=alt.Y(
            "answer:N", sort=[*classes, NO_CLASS], title="answer of the model", axis=alt.Axis(labelLimit=160)
        ),
    )
    cells = base.mark_rect(cornerRadius=2).encode(
        color=alt.Color(
            "hit:N",
            scale=alt.Scale(domain=["right", "wrong"], range=[BLUE, VERMILION]),
            legend=alt.Legend(orient="top", title=None),
        ),
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.1, 0.9]), legend=None),
        tooltip=[
            "answer:N",
            "label:N",
            alt.Tooltip("rows:Q", format=","),
            alt.Tooltip("share:Q", title="of the label's rows", format=".2%"),
        ],
    )
    ink = alt.condition("datum.share > 0.5", alt.value("white"), alt.value(GREY))
    numbers = base.mark_text(fontWeight="bold", fontSize=15).encode(text="number:N", color=ink)
    return alt.layer(cells, numbers).properties(width=alt.Step(90), height=alt.Step(56))
