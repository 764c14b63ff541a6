"""Whether protected groups are treated alike: beside each other, and the gaps between them over time."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import address, maps, pickers, verdicts, words
from dashboard.charts.cells import point
from dashboard.charts.intervals import Row, interval_bars
from dashboard.charts.over_time import over_time
from dashboard.reader import read
from dashboard.states import state_of
from dashboard.tables import measurement_table, show
from dashboard.views.bias import IMPACT, MONITOR, BiasView, Gap, bias
from dashboard.views.columns import TABLED
from dashboard.views.fairness_words import GAPS, METRICS, NOT_ALL
from storage.records import Judgement

_GROUPS = (
    "column", "value", "reading", "state", "interval low", "interval high", "lower bound", "n",
)  # fmt: skip
_GAPS = (
    "metric", "value", "state", "demanded", "greatest", "least", "interval low", "interval high",
    "lower bound", "upper bound", "n",
)  # fmt: skip
_PLAIN = frozenset({IMPACT, "mean_score", "calibration_error"})
"""What is no share of rows."""
_PAIRS = ("column", "value", "interval low", "interval high", "n")
_LINES = """\
# model.yaml
outputs: {classes: ["no", "yes"], positive: "yes"}
# tags or inputs, and intersections of them:
protected: [sex, country, [sex, country]]
"""


def page() -> None:
    """The whole page."""
    st.header("Bias", anchor=False)
    view = read(lambda database: bias(database, address.current()))
    if view.subject.registered is not None and not view.groupings:
        pickers.draw_lists(view.subject)
        _nothing_protected(view)
        return
    if not pickers.draw(view.subject, what="bias") or view.picked is None:
        return
    with st.container(horizontal=True):
        titles = {name: f"{name}: {state}" for name, state in view.standing}
        address.pick("Groups by (the worst first)", "grouping", view.grouping, titles)
        spans = {words.stamp(each.start): words.span(each.start, each.end) for each in view.windows}
        address.pick("Window", "window", view.window, spans)
    if any(each.unknown for each in (view.grouping, view.window, view.metric, view.gap)):
        st.warning("The address of this page names something that is not there; here is what there is.")
    _verdict(view)
    _groups(view)
    _gaps(view)
    with st.expander(
        "Everything about these groups in this window, and the gap in the windows shown, the newest "
        f"{TABLED} at most, as /api/measurements gives it"
    ):
        show(measurement_table(view.everything), key="measurements")


def _nothing_protected(view: BiasView) -> None:
    """How to have groups compared."""
    if not view.binary:
        st.info("Groups are compared where a model answers with one of two classes; this one does not.")
        st.caption("Use `slices` in `model.yaml` to see its groups apart on the other pages.")
        return
    st.info(
        "This model protects no groups, so whether they are treated alike is unknown. Name what tells them "
        "apart in `model.yaml`, under a new version:"
    )
    st.code(_LINES, language="yaml", wrap_lines=True)
    st.text("Send what the model does not see as tags, which are for monitoring only:")
    body = '{"instances": [{…}], "tags": {"sex": "f", "country": "DE"}}'
    st.code(f"curl -s localhost:8080/v1/models/NAME:predict -d '{body}'", language=None, wrap_lines=True)


def _verdict(view: BiasView) -> None:
    """What is demanded of these groups: breached since when, unknown, or had."""
    demanded = [each for each in view.gaps if each.demanded]
    unknown = [each for each in demanded if each.judgement.measurement.value is None]
    breached = [each for each in demanded if each.judgement.measurement.breached]
    runs = [(gap.judgement.measurement.metric, gap.run) for gap in breached]
    runs += [(IMPACT, run) for _, run in view.impacts]
    verdicts.draw_runs([(metric, run) for metric, run in runs if run is not None])
    for impact, _ in view.impacts:
        st.text(f"{IMPACT} is breached of {impact.measurement.column}")
    if unknown:
        names = ", ".join(f"`{each.judgement.measurement.metric}`" for each in unknown)
        st.warning(
            f"Unknown in this window: {names}. Two groups with rows enough are needed; what asks for labels "
            "needs them on those rows.",
            icon=":material/help:",
        )
    if not demanded:
        st.info("Nothing is demanded of these groups: no gap has a bound.", icon=":material/info:")
    elif not unknown and not breached and not view.impacts and view.too_small:
        groups = words.counted(view.too_small, "group has", "groups have")
        st.warning(
            f"Not breached between groups with rows enough; {groups} too few, so nothing is known of them.",
            icon=":material/help:",
        )
    elif not unknown and not breached and not view.impacts:
        st.success("Not breached in this window.", icon=":material/check_circle:")
    verdicts.draw_alerts(view.alerts, MONITOR, breached=bool(breached or view.impacts))
    coverage = view.coverage
    if coverage is not None:
        st.caption(
            f"{words.share(coverage.measurement.value)} of {coverage.measurement.n:,} rows are in a group; "
            "nothing is known of the others."
        )


def _groups(view: BiasView) -> None:
    """The chosen metric of every group, side by side."""
    st.subheader("Groups side by side", anchor=False)
    address.pick("Metric", "metric", view.metric)
    metric = view.metric.chosen
    if metric is None or not view.groups:
        st.info("No row of this window is in a group.")
        return
    st.caption(f"`{metric}`: {METRICS[metric]}.")
    st.altair_chart(
        interval_bars(
            [_row(each, view) for each in view.groups],
            metric,
            share=metric not in _PLAIN,
            legend=metric == IMPACT,
        ),
        width="stretch",
        alt="The metric of every group with its interval; the table below holds the numbers",
    )
    table = measurement_table(view.groups).assign(reading=[_reading(each) for each in view.groups])
    show(table, key="statistics", columns=_GROUPS)
    st.caption(
        "Intervals hold for all groups together, however often one looks. Few rows: only where the number "
        "may lie is said. Too few: nothing is, and the group is left out of every gap of it."
        f"{' ◆ marks the reference group.' if view.reference_group else ''}"
    )


def _row(judgement: Judgement, view: BiasView) -> Row:
    measured = judgement.measurement
    found = point(judgement, words.number if measured.metric in _PLAIN else words.share)
    low, high = measured.interval or (None, None)
    return Row(
        name=measured.column or "",
        value=measured.value,
        number=str(found["number"]),
        low=low,
        high=high,
        interval=str(found["interval"]),
        lower=measured.bounds.lower,
        upper=measured.bounds.upper,
        n=measured.n,
        state=state_of(measured),
        mark="◆ reference" if measured.column == view.reference_group else "",
        note=_reading(judgement) if measured.value is None and measured.interval is None else "",
    )


def _reading(judgement: Judgement) -> str:
    """How far a number can be read."""
    measured = judgement.measurement
    if measured.value is not None:
        return "known"
    return f"{'too few' if measured.interval is None else 'few'} rows: {measured.n:,}"


def _gaps(view: BiasView) -> None:
    """What lies between the groups: now, who makes it, and over time."""
    st.subheader("Gaps between the groups", anchor=False)
    if not view.gaps:
        return
    show(_gap_table(view.gaps), key="gaps", columns=_GAPS)
    st.caption(
        "A gap is breached when even the least that it may be, by its interval, is beyond its bound. Only "
        "what is demanded has a bound. Whose rates are the greatest and the least is not shown where a group "
        f"of few rows has one of them, or the gap is a mean of two. {NOT_ALL}"
    )
    address.pick("Gap", "gap", view.gap)
    gap = view.gap.chosen
    if gap is None:
        return
    st.caption(f"`{gap}`: {GAPS[gap]}.")
    st.altair_chart(
        over_time(view.over_time, gap, picked=view.picked, height=260),
        width="stretch",
        alt="The gap, window by window, with its interval and bound; the tables hold the numbers",
    )
    together = maps.together(view.step)
    st.caption(
        "With its 95 % interval; the dashed line is the bound. The large point is the window."
        f"{'' if together is None else ' ' + together}"
    )
    if view.pairs:
        st.text("The same gap between two groups at a time, of the largest:")
        show(measurement_table(view.pairs), key="pairs", columns=_PAIRS)


def _gap_table(gaps: tuple[Gap, ...]) -> pd.DataFrame:
    table = measurement_table([each.judgement for each in gaps])
    return table.assign(
        demanded=["yes" if each.demanded else "no" for each in gaps],
        greatest=[_end(each, 0) for each in gaps],
        least=[_end(each, 1) for each in gaps],
    )


def _end(gap: Gap, side: int) -> str:
    """The group at one end of a gap."""
    if gap.between is not None:
        return gap.between[side]
    return words.UNKNOWN if gap.judgement.measurement.value is None else "not shown"


if __name__ == "__main__":
    page()
