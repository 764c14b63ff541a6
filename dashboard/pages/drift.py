"""Which columns moved away from the reference, when, how far, and what they look like now."""

from __future__ import annotations

import streamlit as st

from dashboard import address, pickers, words
from dashboard.charts.distributions import distribution_chart
from dashboard.charts.heat_map import CELL, heat_map
from dashboard.charts.over_time import over_time
from dashboard.reader import read
from dashboard.states import State, breached_run, state_of
from dashboard.tables import bin_table, measurement_table, show
from dashboard.views.drift import DriftView, drift

_STATISTICS = ("metric", "value", "interval low", "interval high", "lower bound", "upper bound", "n", "state")


def page() -> None:
    """The whole page."""
    st.header("Drift", anchor=False)
    view = read(lambda database: drift(database, address.current()))
    if not pickers.draw(view.subject, what="drift"):
        return
    if view.unknown:
        st.warning("The address of this page names something that is not there; here is what there is.")
    _map(view)
    if view.picked is not None:
        _column(view)


def _map(view: DriftView) -> None:
    breached = {each.measurement.column for each in view.cells if each.measurement.breached}
    st.caption(
        f"{words.counted(len(breached), 'column', 'columns')} of {len(view.column.options)} breached "
        "in the windows shown. Click a cell to look into it. The stronger its colour, the further it moved; "
        "marked !: further than its bound, and not by chance; marked ?: unknown."
    )
    st.altair_chart(
        heat_map(view.cells, view.column.options),
        width="stretch",
        key="heat-map",
        on_select=_clicked,
        selection_mode=CELL,
        alt="How far each column moved from the reference, by window; the tables below hold the numbers",
    )


def _clicked() -> None:
    cells = st.session_state["heat-map"].selection.get(CELL) or []
    if cells:
        address.go(column=str(cells[0]["column"]), window=str(cells[0]["window"]))


def _column(view: DriftView) -> None:
    with st.container(horizontal=True):
        address.pick("Column", "column", view.column)
        address.pick("Window", "window", view.window, _window_titles(view))
    _since(view)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Reference and current", anchor=False)
        _distribution(view)
    with right:
        st.subheader("Over time", anchor=False)
        _over_time(view)
    st.subheader("Statistics of the window", anchor=False)
    show(measurement_table(view.of_window), key="statistics", columns=_STATISTICS)
    st.caption(
        "`drift` decides: an effect above its bound that chance does not explain. The others are for reading."
    )
    if view.distribution is not None:
        with st.expander("Rows in each bin"):
            show(bin_table(view.distribution), key="bins")
    with st.expander("Everything about this column in the windows shown, as /api/measurements gives it"):
        show(measurement_table(view.measured), key="measurements")


def _since(view: DriftView) -> None:
    """Since when it has been breached, up to the chosen window."""
    deciding = view.deciding
    run = breached_run(deciding)
    now = state_of(deciding[-1].measurement) if deciding else State.UNKNOWN
    if now is State.UNKNOWN:
        st.warning("Unknown in this window: too few rows to say anything.", icon=":material/help:")
    if run:
        windows = words.counted(len(run), "window", "windows in a row")
        st.error(f"Breached since {words.moment(run[0].start)} UTC: {windows}.", icon=":material/error:")
    elif now is not State.UNKNOWN:
        st.success("Not breached in this window.", icon=":material/check_circle:")
    if view.alert is not None:
        since = words.moment(view.alert.starts_at)
        st.text(f"Alert {view.alert.status.value} since {since} UTC: {view.alert.summary}")


def _distribution(view: DriftView) -> None:
    found = view.distribution
    if found is None:
        st.info("The reference in force does not know this column, so there is nothing to lay over it.")
        return
    if not found.current_rows:
        st.info("No rows of this window are kept in these bins: it had none, or they are being counted anew.")
    st.altair_chart(
        distribution_chart(found),
        width="stretch",
        alt="Rows of the reference and of the window in the same bins; the table below holds the numbers",
    )
    st.caption(f"{found.reference_rows:,} rows of the reference, {found.current_rows:,} of the window.")
    st.text(f"Reference: {found.source}")


def _over_time(view: DriftView) -> None:
    ours = [each for each in view.cells if each.measurement.column == view.column.chosen]
    if view.picked is not None:
        st.altair_chart(
            over_time(ours, "drift", picked=view.picked),
            width="stretch",
            alt="How far the column moved from the reference, window by window, with the bound",
        )
    st.caption(
        "What decides, with its 95 % interval; the dashed line is the bound. The large point is the window."
    )


def _window_titles(view: DriftView) -> dict[str, str]:
    return {
        words.stamp(each.window.start): words.span(each.window.start, each.window.end) for each in view.cells
    }


if __name__ == "__main__":
    page()
