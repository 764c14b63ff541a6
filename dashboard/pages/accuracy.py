"""How right the model was: by every label that came, by chosen rows, and by labels that came unasked.

The three are shown apart, because only the chosen ones speak for all rows.
"""

from __future__ import annotations

import os

import pandas as pd
import streamlit as st

from dashboard import address, maps, pickers, slices, verdicts, words
from dashboard.charts.confusion import MOST, confusion_chart, confusion_rows
from dashboard.charts.over_time import over_time
from dashboard.reader import read
from dashboard.settings import gateway_url
from dashboard.site import PAGES
from dashboard.states import state_of_all
from dashboard.tables import measurement_table, show
from dashboard.views.accuracy import (
    DEPENDS,
    ESTIMATES,
    IN_EVERY_DAY,
    METRICS,
    MONITOR,
    OF_LABELS,
    SAMPLING,
    UNASKED,
    AccuracyView,
    accuracy,
)
from dashboard.views.columns import TABLED
from storage.records import Judgement

_NUMBERS = ("metric", "value", "n", "state", "interval low", "interval high", "lower bound", "upper bound")
_WIDE = 250


def page() -> None:
    """The whole page."""
    st.header("Accuracy", anchor=False)
    view = read(lambda database: accuracy(database, address.current()))
    if not view.judgeable:
        pickers.draw_lists(view.subject)
        st.info("The answers of this model can be neither right nor wrong, so labels say nothing of them.")
        return
    if not pickers.draw(view.subject, what="accuracy") or view.picked is None:
        return
    if view.window.unknown or view.metric.unknown:
        st.warning("The address of this page names something that is not there; here is what there is.")
    _verdict(view)
    _by_every_label(view)
    _by_chosen_rows(view)
    _unasked(view)
    with st.expander(
        f"Everything about the windows shown, the newest {TABLED} at most, as /api/measurements gives it"
    ):
        show(measurement_table([*view.measured, *view.sampled]), key="measurements")


def _verdict(view: AccuracyView) -> None:
    """Whether anything is wrong in the chosen window, and how much is known of it."""
    verdicts.draw_runs(view.runs)
    if not view.runs and view.labels:
        verdicts.draw(state_of_all(view.deciding), None)
    if view.sampled_run is not None and view.estimate is not None:
        verdicts.draw_runs([(view.estimate.measurement.metric, view.sampled_run)])
    for monitor, breached in ((MONITOR, bool(view.runs)), (SAMPLING, view.sampled_run is not None)):
        ours = [each for each in view.alerts if each.monitor == monitor]
        verdicts.draw_alerts(ours, monitor, breached=breached)
    _how_much(view)


def _how_much(view: AccuracyView) -> None:
    """Labels seen, how many of the rows have one, how late they came, and whether they agree."""
    coverage, conflicts, day = view.of("label_coverage"), view.of("label_conflict_share"), view.of_day
    labelled = conflicts.measurement.n if conflicts is not None else 0
    rows = coverage.measurement.n if coverage is not None else 0
    answered = day.get(IN_EVERY_DAY)
    with st.container(horizontal=True, gap="medium"):
        st.metric("Labels seen", f"{labelled:,}", width=_WIDE)
        st.metric("Labelled, of all rows", f"{_share(coverage)} of {rows:,}", width=_WIDE)
        st.metric("Labelled, of the chosen", _chosen(answered), width=_WIDE)
        st.metric("Labels in conflict", _share(conflicts), width=_WIDE)
        st.metric("Delay, half within", _seconds(day.get("label_delay_median_s")), width=_WIDE)
        st.metric("Delay, 90 % within", _seconds(day.get("label_delay_p90_s")), width=_WIDE)
    if view.day is not None:
        st.caption(
            "Labels, coverage and conflicts are of the chosen window; delays and chosen rows are of "
            f"{words.span(view.day.start, view.day.end)}."
        )


def _by_every_label(view: AccuracyView) -> None:
    st.subheader("By every label that came", anchor=False)
    st.caption(
        "Labels that apps or people sent, asked for or not. They speak for the rows that have one, and for "
        "all rows only where it is no accident which rows those are."
    )
    if not view.labels:
        _no_labels(view)
    with st.container(horizontal=True):
        address.pick("Metric", "metric", view.metric)
        titles = {words.stamp(each.start): words.span(each.start, each.end) for each in view.windows}
        address.pick("Window", "window", view.window, titles)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _over_time(view)
    with right:
        _confusion(view)
    show(measurement_table(view.of_window), key="statistics", columns=_NUMBERS)
    if view.confusion is not None and view.classes:
        with st.expander("Answers beside labels, in rows"):
            show(pd.DataFrame(confusion_rows(view.confusion, view.classes)), key="confusion")
    slices.draw(view.slices, view.metric.chosen or "")


def _over_time(view: AccuracyView) -> None:
    metric = view.metric.chosen
    if metric is None or not view.over_time:
        return
    st.altair_chart(
        over_time(
            view.over_time,
            metric,
            picked=view.picked,
            zero=False,
            share=metric in OF_LABELS,
            reference=_reference(view) if metric == "accuracy" else None,
        ),
        width="stretch",
        alt="The metric, window by window, with its interval and bound; the tables hold the numbers",
    )
    known, together = _reference(view), maps.together(view.step)
    line = (
        f" The grey line is the reference: {words.number(known)}." if known and metric == "accuracy" else ""
    )
    st.caption(
        f"`{metric}`: {METRICS[metric]}. With its 95 % interval; the dashed line is the bound.{line}"
        f"{'' if together is None else ' ' + together}"
    )


def _confusion(view: AccuracyView) -> None:
    """Answers beside labels, where there are classes."""
    if not view.classes:
        return
    found = view.confusion
    if found is None:
        st.caption("Answers beside labels are not kept apart for this window any more, or none came.")
        return
    if len(view.classes) <= MOST:
        st.altair_chart(
            confusion_chart(found, view.classes),
            width="content" if len(view.classes) < 4 else "stretch",
            alt="Labelled rows by answer and label; the table below holds the numbers",
        )
    st.caption(f"{found.right:,} of {found.labelled:,} labelled rows of the window were answered right.")


def _by_chosen_rows(view: AccuracyView) -> None:
    st.subheader("Estimated from rows that were chosen to be labelled", anchor=False)
    st.caption(
        "Each row was chosen with a known probability, so its labels speak for all rows. A window of these "
        "is a day long at least. Only labels of chosen rows count here."
    )
    answered, estimate = view.of_day.get(IN_EVERY_DAY), view.estimate
    if answered is None or estimate is None or not answered.measurement.n:
        st.info(
            "No row of the days shown was chosen and counted yet. `monitor.sampling.budget_per_day` says how "
            "many are chosen; a day is judged when it is over."
        )
        _to_labelling()
        return
    depends = view.of_day.get(DEPENDS)
    if depends is not None and depends.measurement.value:
        st.warning(
            "Depends on who answered: under half of the chosen rows have a label, or those that have one are "
            "surer or less sure than the rest. The estimate is shown, and breaches nothing.",
            icon=":material/group:",
        )
    if estimate.measurement.value is None:
        st.info("Too few of the chosen rows have a label to say anything. Label some more.")
        _to_labelling()
    shown = [name for name in ESTIMATES if name in view.of_day]
    cells = st.columns(2, gap="large") * len(shown)
    for cell, metric in zip(cells, shown[:2], strict=False):
        with cell:
            st.altair_chart(
                over_time(
                    view.series(metric),
                    metric,
                    picked=view.day,
                    zero=False,
                    height=220,
                    reference=_reference(view) if "accuracy" in metric else None,
                ),
                width="stretch",
                alt=f"{metric}, day by day, with its interval and bound; the table below holds the numbers",
            )
            st.caption(f"`{metric}`: {ESTIMATES[metric]}. With its 95 % interval.")
    of_day = [view.of_day[name] for name in (*shown, IN_EVERY_DAY) if name in view.of_day]
    show(measurement_table(of_day), key="sampled", columns=_NUMBERS)
    for name in shown[2:]:
        st.caption(f"`{name}`: {ESTIMATES[name]}.")


def _unasked(view: AccuracyView) -> None:
    found = view.of_day.get(UNASKED)
    if found is None:
        return
    st.subheader("By labels that came unasked", anchor=False)
    st.caption(
        "Labels of rows that nobody chose. Nobody knows why they came: often because an answer looked wrong. "
        "They are never mixed into the estimate."
    )
    if not any(each.measurement.n for each in view.series(UNASKED)):
        st.info("None came for the days shown.")
        return
    st.altair_chart(
        over_time(view.series(UNASKED), UNASKED, picked=view.day, zero=False, height=220),
        width="stretch",
        alt="Accuracy by labels that came unasked, day by day; the table holds the numbers",
    )
    show(measurement_table([found]), key="unasked", columns=_NUMBERS)


def _no_labels(view: AccuracyView) -> None:
    """How to send some."""
    st.info(
        "No label came for the windows shown, so nobody knows how right the answers were. Send labels when "
        "they become known, with the id of the answer (`x-request-id`), and "
        "`-H 'Authorization: Bearer KEY'` where keys are in use:"
    )
    value = '"the class"' if view.classes else "3.5"
    body = f'{{"labels": [{{"id": "EVENT ID", "row": 0, "label": {value}}}]}}'
    st.code(f"curl -s {gateway_url(os.environ)}/api/labels -d '{body}'", language=None)
    _to_labelling()


def _to_labelling() -> None:
    """The way to the page on which people label, where there is one."""
    for site in (each for sites in PAGES.values() for each in sites if each.path == "label"):
        st.page_link(site.script, label="Label some by hand", icon=":material/edit:")


def _reference(view: AccuracyView) -> float | None:
    found = view.reference
    return found.right / found.labelled if found is not None and found.labelled else None


def _share(judgement: Judgement | None) -> str:
    return words.share(None if judgement is None else judgement.measurement.value)


def _chosen(judgement: Judgement | None) -> str:
    if judgement is None or not judgement.measurement.n:
        return words.UNKNOWN
    return f"{_share(judgement)} of {judgement.measurement.n:,}"


def _seconds(judgement: Judgement | None) -> str:
    return words.seconds(None if judgement is None else judgement.measurement.value)


if __name__ == "__main__":
    page()
