"""Looking for events, and one event in full: what was asked and answered, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import streamlit as st

from dashboard import address, pickers, words
from dashboard.event_tables import ROWS, columns_table, facts_table, found_table, label_table
from dashboard.reader import read
from dashboard.tables import measurement_table, show
from dashboard.views.events import EventsView, events
from storage.searching import Found
from storage.settling import Moment

# What can be asked for by writing, with a label and a hint; each is a parameter of the address.
_FIELDS: Mapping[str, tuple[str, str]] = {
    "from": ("From (UTC)", "2026-03-01 12:00"),
    "to": ("Before (UTC)", "2026-03-02"),
    "low": ("Score from", "0.4"),
    "high": ("Score to", "0.6"),
    "tags": ("Tags", "country=DE, sex=f"),
    "id": ("Id", "of the event or app"),
}

# How far back the page is, and what was picked there.
_PLACE = ("before", "past", "event")

_ASIDE = timedelta(microseconds=1)  # an event of the same moment may not have been shown


def page() -> None:
    """The whole page."""
    st.header("Events", anchor=False)
    view = read(lambda database: events(database, address.current()))
    if len(view.model.options) < 2:
        pickers.no_model()
        return
    _fields(view)
    for name in view.wrong:
        st.warning(f"The field `{name}` cannot be read and was left out; its hint shows how it is written.")
    if view.found is not None:
        _found(view.found)
    if view.event.chosen is not None:
        _event(view)
    elif view.found is None:
        st.info("No event has this id. It is not known, not shipped yet, or past its retention.")


def _fields(view: EventsView) -> None:
    with st.container(horizontal=True):
        address.pick("Model", "model", view.model)
        address.pick("Version", "version", view.version)
        address.pick("Arm", "arm", view.arm)
        address.pick("Outcome", "outcome", view.outcome)
    now = address.current()
    with st.form("search", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        for name, (label, hint) in _FIELDS.items():
            st.text_input(label, now.get(name, ""), placeholder=hint, key=f"field-{name}", width=150)
        st.form_submit_button("Search", on_click=_search)


def _search() -> None:
    """Write the fields into the address; an empty one leaves it."""
    for name in (*_FIELDS, *_PLACE):
        st.query_params.pop(name, None)
    written = {name: str(st.session_state[f"field-{name}"]).strip() for name in _FIELDS}
    st.query_params.update({name: text for name, text in written.items() if text})


def _found(found: Found) -> None:
    looked = f"{words.counted(found.read, 'event', 'events')} looked at"
    if not found.events:
        st.info("No event fits. Take a longer time, or fewer conditions.")
    else:
        show(found_table(found.events), key="events")
    if found.back_to is None:
        st.caption(f"{looked}; there are no others.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{looked}, back to {words.moment(found.back_to)} UTC.")
        st.button("Older ones", on_click=_older, args=(found.back_to, found.beyond))
        if "before" in address.current():
            st.button("The newest again", on_click=_newest)


def _newest() -> None:
    for name in _PLACE:
        st.query_params.pop(name, None)


def _older(back_to: datetime, beyond: Moment | None) -> None:
    _newest()
    if beyond is not None:
        address.go(before=beyond[0].isoformat(), past=str(beyond[1]))
    else:
        address.go(before=(back_to + _ASIDE).isoformat())


def _event(view: EventsView) -> None:
    st.subheader("One event in full", anchor=False)
    address.pick("Event", "event", view.event)
    story = view.story
    if story is None:
        st.info("This event is not stored: it is not shipped yet, or past its retention.")
        return
    event = story.event
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Inputs**")
        show(columns_table(event.inputs, event.rows), key="inputs")
        if event.tags:
            st.markdown("**Tags**")
            show(columns_table(event.tags, event.rows), key="tags")
    with right:
        st.markdown("**Outputs**")
        show(columns_table(event.outputs, event.rows), key="outputs")
        st.markdown("**Labels**")
        labels = label_table(story)
        if labels.empty:
            st.caption("None yet.")
        else:
            show(labels, key="labels")
    if event.rows > ROWS:
        st.caption(f"The first {ROWS} of {event.rows:,} rows are shown.")
    st.markdown("**Its way**")
    show(facts_table(story, view.way), key="way")
    breached = [each for each in story.judgements if each.measurement.breached]
    if breached:
        with st.expander("What is breached in the windows that it lies in"):
            show(measurement_table(breached), key="breached")


if __name__ == "__main__":
    page()
