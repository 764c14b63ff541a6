"""Which columns moved away from the reference, when, how far, where, and what they look like now."""

from __future__ import annotations

import streamlit as st

from dashboard import address, maps, pickers, slices, verdicts
from dashboard.charts.distributions import distribution_chart
from dashboard.charts.over_time import over_time
from dashboard.reader import read
from dashboard.states import State, state_of
from dashboard.tables import bin_table, measurement_table, show
from dashboard.views.columns import TABLED, ColumnMap
from dashboard.views.drift import DECIDING, MONITOR, DriftView, drift

_STATISTICS = ("metric", "value", "n", "state", "interval low", "interval high", "upper bound")


def page() -> None:
    """The whole page."""
    st.header("Drift", anchor=False)
    view = read(lambda database: drift(database, address.current()))
    if not pickers.draw(view.subject, what="drift") or view.map is None:
        return
    _map(view.map)
    if view.map.picked is not None and view.map.column.chosen is not None:
        _column(view, view.map)


def _map(found: ColumnMap) -> None:
    st.caption(
        f"{maps.counted(found)} Click a cell to look into it. The stronger its colour, the further it moved; "
        "marked !: further than its bound, and not by chance; marked ?: unknown."
    )
    maps.draw(
        found,
        alt="How far each column moved from the reference, by window; the tables below hold the numbers",
    )


def _column(view: DriftView, found: ColumnMap) -> None:
    maps.pick(found)
    deciding = view.deciding
    state = state_of(deciding.measurement) if deciding is not None else State.UNKNOWN
    verdicts.draw(state, view.run)
    verdicts.draw_alerts(view.alerts, MONITOR, breached=view.run is not None)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Reference and current", anchor=False)
        _distribution(view)
    with right:
        st.subheader("Over time", anchor=False)
        _over_time(view, found)
    slices.draw(view.slices, "drift")
    st.subheader("Statistics of the window", anchor=False)
    show(measurement_table(view.of_window), key="statistics", columns=_STATISTICS)
    st.caption(
        "`drift` decides: an effect above its bound that chance does not explain. The others are for reading."
    )
    if view.distribution is not None and not view.distribution.rolled_up:
        with st.expander("Rows in each bin"):
            show(bin_table(view.distribution), key="bins")
    with st.expander(
        f"Everything about this column in the windows shown, the newest {TABLED} at most, "
        "as /api/measurements gives it"
    ):
        show(measurement_table(view.measured), key="measurements")


def _distribution(view: DriftView) -> None:
    found = view.distribution
    if found is None:
        st.info("The reference in force does not know this column, so there is nothing to lay over it.")
        return
    if found.rolled_up:
        st.info(
            "This window is old: its counts were added up with those around it, so its rows in each bin are "
            "not known apart any more. What was measured of it is below."
        )
    elif not found.current_rows:
        st.info("No rows of this window are kept in these bins: it had none, or they are being counted anew.")
    st.altair_chart(
        distribution_chart(found),
        width="stretch",
        alt="Rows of the reference and of the window in the same bins; the table below holds the numbers",
    )
    current = "unknown" if found.rolled_up else f"{found.current_rows:,}"
    st.caption(f"{found.reference_rows:,} rows of the reference, {current} of the window.")
    st.text(f"Reference: {found.source}")


def _over_time(view: DriftView, found: ColumnMap) -> None:
    if view.over_time:
        st.altair_chart(
            over_time(view.over_time, DECIDING, picked=found.picked),
            width="stretch",
            alt="How far the column moved from the reference, window by window, with the bound",
        )
    together = maps.together(found.step)
    st.caption(
        "What decides, with its 95 % interval; the dashed line is the bound. The large point is the window."
        f"{'' if together is None else ' ' + together}"
    )


if __name__ == "__main__":
    page()
