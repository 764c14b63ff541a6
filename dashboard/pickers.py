"""The lists at the top of a page, from which model, version, arm, slice and time are picked."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard import address, words
from dashboard.subjects import NEWEST, OWN, SHOWN, Subject

_RANGES: Mapping[str, str] = {
    NEWEST: f"Newest {SHOWN} windows",
    "1d": "Last day",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "all": "Everything",
    OWN: "From … to …",
}

_NEED_A_REFERENCE = frozenset({"drift"})
"""What cannot be judged without something to compare with."""


def draw(subject: Subject, *, what: str) -> bool:
    """Draw them. False: there is nothing to show; the page has said why, and what to do.

    `what` names in our words what the page is about, such as "drift".
    """
    if not draw_lists(subject):
        return False
    if subject.span is None:
        _nothing_judged(subject, what)
        return False
    return True


def draw_lists(subject: Subject) -> bool:
    """The lists alone. False: there is nothing to pick from, and the page has said so."""
    if not subject.model.options:
        no_model()
        return False
    with st.container(horizontal=True, key="pickers"):
        address.pick("Model", "model", subject.model)
        address.pick("Version", "version", subject.version)
        if len(subject.arm.options) > 1:
            address.pick("Arm", "arm", subject.arm)
        if subject.slice.options:
            address.pick("Slice", "slice", subject.slice)
        if subject.windows:
            address.pick("Time", "range", subject.range, _RANGES)
    if subject.range.chosen == OWN and subject.span is not None:
        _pick_span(subject)
    if subject.unknown:
        st.warning("The address of this page names something that is not there; here is what there is.")
    return True


def no_model() -> None:
    """What to do where nothing is served yet."""
    st.info("No model is known yet. Add one, then start everything:")
    st.code("inferwatch models add FOLDER\ninferwatch up", language=None)


def no_reference(model: str) -> None:
    """What to do where traffic has nothing to be compared with."""
    st.info("This version has no reference, so there is nothing to compare its traffic with. Give it one:")
    st.code(f"inferwatch reference set {model} --from FILE", language=None)


def _pick_span(subject: Subject) -> None:
    stamps = list(dict.fromkeys(words.stamp(window.start) for window in subject.windows))
    shown = [words.stamp(window.start) for window in subject.shown]
    if len(stamps) > 1:
        address.pick_span("Windows, by their start (UTC)", stamps, shown[0], shown[-1])


def _nothing_judged(subject: Subject, what: str) -> None:
    registered = subject.registered
    if registered is not None and registered.reference is None and what in _NEED_A_REFERENCE:
        no_reference(registered.model)
        return
    st.info(
        f"No window of this version has been judged for {what} yet. A window is judged when it is over; "
        "how long one is stands in `model.yaml`, under `window`."
    )
