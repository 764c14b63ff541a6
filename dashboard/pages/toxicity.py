"""How many texts a scoring model takes for abuse, by class, since when; and the worst, for who asks."""

from __future__ import annotations

import streamlit as st

from dashboard import address, maps, pickers, slices, verdicts, words
from dashboard.charts.cells import point
from dashboard.charts.intervals import Row, interval_bars
from dashboard.charts.over_time import over_time
from dashboard.charts.score_histogram import histogram_table, score_chart
from dashboard.reader import read
from dashboard.site import PAGES
from dashboard.states import State, state_of, state_of_all
from dashboard.tables import measurement_table, show
from dashboard.views.columns import TABLED, ColumnMap
from dashboard.views.toxicity import (
    FLAGGED,
    LONGEST,
    MONITOR,
    OF_TEXTS,
    SEVERE,
    WORST,
    ToxicityView,
    WorstText,
    toxicity,
    worst_texts,
)
from storage.clock import utc_now
from storage.records import Judgement

_STATISTICS = (
    "column", "metric", "value", "state", "interval low", "interval high", "lower bound", "upper bound", "n",
)  # fmt: skip
_WIDE = 190


def page() -> None:
    """The whole page."""
    st.header("Toxicity", anchor=False)
    now = utc_now()
    view = read(lambda database: toxicity(database, address.current(), now))
    if not view.has_texts:
        pickers.draw_lists(view.subject)
        st.info(
            "This model has no texts to score. Texts are inputs of `type: text`, and the answers of the task "
            "`generation`."
        )
        return
    if view.map is None and view.subject.model.options and not view.runs:
        pickers.draw_lists(view.subject)
        _off()
        return
    drawn = pickers.draw(view.subject, what="toxicity")
    if view.subject.model.options:
        _scored_by(view)
    if not drawn or view.map is None:
        return
    _map(view.map)
    if view.map.picked is not None and view.map.column.chosen is not None:
        _class(view, view.map)


def _off() -> None:
    """What to do where the monitor never ran."""
    st.info(
        "Texts of this model are not scored: the monitor toxicity is switched off under `monitor.off`, or no "
        "monitor process has begun to count. What nobody scored is unknown, and not harmless. This says why:"
    )
    st.code("inferwatch check", language=None)


def _scored_by(view: ToxicityView) -> None:
    """Which model decides, and what it is not; what waits for it is unknown."""
    scorer = view.scorer
    if view.waiting is not None and view.waiting.late:
        st.warning(
            "Texts wait for their scores. What they hold is unknown until then.", icon=":material/hourglass:"
        )
        st.text(view.waiting.words)
    if scorer is None:
        st.info("No model that scores texts was ever loaded; so far nothing is known of any text.")
    else:
        st.text(f"Scored by {words.of_scorer(scorer)}.")
    st.caption(
        "A score is no verdict on a single text, and this is no moderation: quoting abuse, or speaking of a "
        "group of people, can score as abuse. Read shares against the reference, and texts before you judge."
    )
    if scorer is None or scorer.bundled:
        with st.expander("Score with Detoxify instead"):
            st.text("Import its published weights once, name the model, and start the monitor again:")
            st.code("inferwatch models add detoxify:original", language=None)
            st.code("monitor:\n  scoring: {model: detoxify-original}   # inferwatch.yaml", language="yaml")


def _map(found: ColumnMap) -> None:
    st.caption(
        f"{maps.counted(found)} Each row is a class of a text column, each cell the share of its texts that "
        "was flagged. Click one to look into it. Marked !: more than healthy, and not by chance; ?: unknown."
    )
    maps.draw(found, alt="Share of texts flagged, by class and window; the tables below hold the numbers")


def _class(view: ToxicityView, found: ColumnMap) -> None:
    maps.pick(found)
    runs = [(each.measurement.metric, run) for each, run in view.verdicts if run is not None]
    verdicts.draw_runs(runs)
    if not runs:
        verdicts.draw(state_of_all(each.measurement for each, _ in view.verdicts), None)
    verdicts.draw_alerts(view.alerts, MONITOR, breached=bool(runs))
    _how_many(view)
    _over_time(view, found)
    _by_class(view)
    _scores(view)
    slices.draw(view.slices, "share flagged", share=True)
    _worst(view, found)
    st.subheader("Statistics of the window", anchor=False)
    chosen = [name for name in (found.column.chosen, view.text and view.text.name) if name]
    about = [each for name in chosen for each in view.of_class(name)]
    about.sort(key=lambda each: each.measurement.metric not in (FLAGGED, SEVERE))
    show(measurement_table(about), key="statistics", columns=_STATISTICS)
    st.caption(
        f"`{FLAGGED}` and `{SEVERE}` decide: more than healthy, and not by chance. `{OF_TEXTS[0]}` says how "
        f"many texts that rests on, `{OF_TEXTS[1]}` how many of them were longer than the model reads."
    )
    with st.expander(
        f"Everything about this class in the windows shown, the newest {TABLED} at most, "
        "as /api/measurements gives it"
    ):
        show(measurement_table(view.measured), key="measurements")


def _how_many(view: ToxicityView) -> None:
    """Texts of the chosen column in the chosen window by what became of them."""
    cells = view.cells
    if view.text is None:
        return
    side = "come in as inputs" if view.text.comes_in else "go out as answers"
    st.text(f"Texts of {view.text.name}, which {side}:")
    if cells is None:
        st.caption("How many there are is not kept apart for this window any more, or another model scored.")
        return
    with st.container(horizontal=True, gap="medium"):
        for label, name in (
            ("Scored", "scored"),
            ("Not scored: unknown", "not scored"),
            ("Cut: too long", "cut"),
            ("Empty", "empty"),
            ("Missing", "missing"),
            ("No text, or invalid", ""),
        ):
            n = cells[name] if name else cells["wrong type"] + cells["invalid"]
            st.metric(label, f"{n:,}", width=_WIDE)


def _over_time(view: ToxicityView, found: ColumnMap) -> None:
    cells = st.columns(2, gap="large")
    for cell, series, title in zip(cells, view.over_time, ("Share flagged", "Share severe"), strict=True):
        with cell:
            st.subheader(title, anchor=False)
            if not series:
                continue
            st.altair_chart(
                over_time(
                    series, title.lower(), picked=found.picked, written=words.share, share=True, height=240
                ),
                width="stretch",
                alt=f"{title}, window by window, with its interval and bound; the tables hold the numbers",
            )
    together = maps.together(found.step)
    st.caption(
        "With 95 % intervals; the dashed line is the bound. The large point is the window."
        f"{'' if together is None else ' ' + together}"
    )


def _by_class(view: ToxicityView) -> None:
    """All classes of the window beside each other, texts that come in and that go out apart."""
    st.subheader("All classes in this window", anchor=False)
    for cell, text in zip(
        st.columns(min(len(view.texts), 2) or 1) * len(view.texts), view.texts, strict=False
    ):
        with cell:
            st.text(f"{'Inputs' if text.comes_in else 'Answers'}: {text.name}")
            rows = [_row(each, text.name) for each in view.shares(text, FLAGGED)]
            if rows:
                st.altair_chart(
                    interval_bars(rows, "share flagged", counted="texts"),
                    width="stretch",
                    alt="Share of texts flagged, class by class, with intervals; tables hold the numbers",
                )
    with st.expander("All classes in numbers"):
        show(measurement_table(view.of_all), key="classes", columns=_STATISTICS)


def _row(judgement: Judgement, column: str) -> Row:
    found, measured = point(judgement, words.share), judgement.measurement
    state = state_of(measured)
    low, high = measured.interval or (None, None)
    return Row(
        name=(measured.column or "").removeprefix(f"{column}."),
        value=measured.value,
        number=str(found["number"]),
        low=low,
        high=high,
        interval=str(found["interval"]),
        lower=measured.bounds.lower,
        upper=measured.bounds.upper,
        n=measured.n,
        state=state,
        note=f"too few texts: {measured.n:,}" if state is State.UNKNOWN else "",
    )


def _scores(view: ToxicityView) -> None:
    st.subheader("Scores in this window", anchor=False)
    found = view.histogram
    if found is None:
        st.info(
            "Scores of this window are not kept apart: no text of it was scored by the model in force, or "
            "the window is old, and its counts were added up with those around it."
        )
        return
    st.altair_chart(
        score_chart(found),
        width="stretch",
        alt="Texts by score, of the window and of the reference; the table below holds the numbers",
    )
    then = (
        "The line is the reference."
        if found.reference is not None
        else "There is no reference that this model scored: `inferwatch reference set` makes one."
    )
    st.caption(
        f"{sum(found.current):,} texts of the window. Bins are narrow near 0 and 1, and drawn equally wide. "
        f"{then}"
    )
    with st.expander("Texts in each bin"):
        show(histogram_table(found), key="bins")


def _worst(view: ToxicityView, found: ColumnMap) -> None:
    """The worst texts. None is read before somebody asks, and none stays when something else is picked."""
    st.subheader("The worst texts of this window", anchor=False)
    picked = f"{found.scope} {found.column.chosen} {found.window.chosen}"
    asked = st.toggle(
        "Show them. They are what people or models wrote, and may hurt.",
        key=f"worst-{hash(picked)}",
    )
    if not asked:
        st.caption(f"Up to {WORST} texts of the chosen class, the highest score first. Nothing is read yet.")
        return
    worst = read(lambda database: worst_texts(database, view))
    if not worst:
        st.info("No text of this window scored above .1, or what was found is being counted anew.")
    for each in worst:
        _text(each)


def _text(found: WorstText) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            when = "" if found.at is None else f" at {words.moment(found.at)} UTC"
            st.text(f"Score {found.score:.6f}{when}, event {found.event}, row {found.row}")
            for site in (each for sites in PAGES.values() for each in sites if each.path == "events"):
                st.page_link(
                    site.script,
                    label="The event in full",
                    icon=":material/open_in_new:",
                    query_params={"id": str(found.event)},
                )
        if found.text is None:
            st.caption("The text is gone: its event is past its retention, or the column is not kept.")
            return
        st.code(found.text[:LONGEST], language=None, wrap_lines=True)
        if len(found.text) > LONGEST:
            st.caption(f"The first {LONGEST:,} of {len(found.text):,} characters.")


if __name__ == "__main__":
    page()
