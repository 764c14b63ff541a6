"""Which columns hold values that cannot be used: what is wrong with them, how often, and since when."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import address, maps, pickers, slices, verdicts, words
from dashboard.charts.over_time import over_time
from dashboard.reader import read
from dashboard.states import state_of_all
from dashboard.tables import measurement_table, show
from dashboard.views.columns import TABLED, ColumnMap
from dashboard.views.quality import EXPLAINED, MONITOR, QualityView, quality
from storage.counted import QUALITY_CELLS

_SHARES = ("metric", "value", "n", "state", "interval low", "interval high", "upper bound")


def page() -> None:
    """The whole page."""
    st.header("Quality", anchor=False)
    view = read(lambda database: quality(database, address.current()))
    if not pickers.draw(view.subject, what="quality") or view.map is None:
        return
    _map(view, view.map)
    if view.map.picked is not None and view.map.column.chosen is not None:
        _column(view, view.map)


def _map(view: QualityView, found: ColumnMap) -> None:
    st.caption(
        f"{maps.counted(found)} Each cell is the worst share of its column, by its bound. Click one to look "
        "into it. Marked !: more rows than is healthy, and not by chance; marked ?: unknown."
    )
    registered = view.subject.registered
    if registered is not None and registered.reference is None:
        st.caption(
            "Without a reference nobody knows what is usual: ranges and unseen values are not judged. "
            "`inferwatch reference set MODEL --from FILE` gives it one."
        )
    maps.draw(found, alt="The worst share of each column, by window; the tables below hold the numbers")


def _column(view: QualityView, found: ColumnMap) -> None:
    maps.pick(found)
    verdicts.draw_runs(view.runs)
    if not view.runs:
        verdicts.draw(state_of_all(each.measurement for each in view.of_window), None)
    verdicts.draw_alerts(view.alerts, MONITOR, breached=bool(view.runs))
    st.subheader("Over time", anchor=False)
    _over_time(view, found)
    slices.draw(view.slices, "worst share", share=True)
    st.subheader("Shares of the window", anchor=False)
    show(measurement_table(view.of_window), key="statistics", columns=_SHARES)
    st.caption(
        "A share is breached when it is above its bound, and so many rows are not explained by chance. "
        "The bound is the reference's own share and a tolerance."
    )
    _counts(view)
    with st.expander(
        f"Everything about this column in the windows shown, the newest {TABLED} at most, "
        "as /api/measurements gives it"
    ):
        show(measurement_table(view.measured), key="measurements")


def _over_time(view: QualityView, found: ColumnMap) -> None:
    """Every share of the column, two beside each other."""
    if (together := maps.together(found.step)) is not None:
        st.caption(together)
    cells = st.columns(2, gap="large") * len(view.over_time)
    for cell, ours in zip(cells, view.over_time, strict=False):
        metric = ours[0].measurement.metric
        with cell:
            st.altair_chart(
                over_time(ours, metric, picked=found.picked, written=words.share, height=220, share=True),
                width="stretch",
                alt=f"{metric} of the column, window by window, with its bound",
            )
            if metric in EXPLAINED:
                st.caption(f"`{metric}`: {EXPLAINED[metric]}.")


def _counts(view: QualityView) -> None:
    """The rows behind the shares."""
    if view.cells is None:
        st.caption("The rows behind these shares are not kept apart any more, or there were none.")
        return
    with st.expander("The rows behind them"):
        rows = [
            {
                "what": name,
                "rows of the window": view.cells[name],
                **({"rows of the reference": view.reference[name]} if view.reference is not None else {}),
            }
            for name in QUALITY_CELLS
        ]
        show(pd.DataFrame(rows), key="counts")


if __name__ == "__main__":
    page()
