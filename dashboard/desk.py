"""What lies before a person who labels, while they stay; what they say goes to the gateway at once."""

from __future__ import annotations

import streamlit as st

from dashboard.api import ask
from dashboard.errors import DashboardError, GatewayRefusedError
from dashboard.views.labelling import MOST_ROWS, Desk, Row, samples_of
from storage.clock import utc_now
from storage.settling import LabelValue

_DESK, _TROUBLE = "desk", "desk-trouble"


def current(model: str | None) -> Desk:
    """The desk of the visitor, filled up where nothing lies there. `model` None: rows of every model."""
    now = utc_now()
    desk: Desk = st.session_state.get(_DESK) or Desk(model=model, filled_at=now)
    if desk.is_stale(model, now):
        try:
            desk = _filled(desk, model)
        except DashboardError as exc:
            st.session_state[_TROUBLE] = exc
            desk = desk if desk.model == model else Desk(model=model, filled_at=now, steps=desk.steps)
        st.session_state[_DESK] = desk
    return desk


def trouble() -> DashboardError | None:
    """What went wrong in this run, or in the press of a key before it."""
    found: DashboardError | None = st.session_state.pop(_TROUBLE, None)
    return found


def answer(row: Row, label: LabelValue) -> None:
    """Send it, and go on. A row that is not asked about any more stays as it is."""
    desk = _held()
    if desk.row == row and _sent(row, label):
        st.session_state[_DESK] = desk.answered(label)


def answer_from(row: Row, field: str) -> None:
    """Send what stands in a field, and empty it for the next. An empty one says nothing."""
    label: LabelValue | None = st.session_state.get(field)
    if label is not None:
        answer(row, label)
        if _held().row != row:  # what was not taken stays in its field
            st.session_state[field] = None


def skip(row: Row) -> None:
    """Go on without an answer."""
    desk = _held()
    if desk.row == row:
        st.session_state[_DESK] = desk.skip()


def undo() -> None:
    """Take the last label back, really, or the last skip; its row is asked about again."""
    desk = _held()
    last = desk.last
    if last is not None and (last.label is None or _sent(last.row, None)):
        st.session_state[_DESK] = desk.undone()


def ask_anew() -> None:
    """Ask about what was skipped."""
    st.session_state[_DESK] = _held().anew()


def _held() -> Desk:
    desk: Desk = st.session_state[_DESK]
    return desk


def _filled(desk: Desk, model: str | None) -> Desk:
    query: dict[str, str | int | bool] = {"everyone": True}
    if model is not None:
        query["model"] = model
    for limit in dict.fromkeys((desk.wanted, MOST_ROWS)):
        found = samples_of(ask("GET", "/api/samples", query={**query, "limit": limit}))
        filled = desk.filled(found, model, utc_now())
        if filled.waiting or len(found.samples) < limit:
            break  # only where all that came were answered a moment ago, more are asked for
    return filled


def _sent(row: Row, label: LabelValue | None) -> bool:
    """Whether the gateway has taken it. If not, the page says so in this run."""
    at = utc_now().isoformat()  # one clock for a label and its undoing, whichever gateway takes them
    body = {"id": row.event, "row": row.row, "label": label, "at": at}
    try:
        said = ask("POST", "/api/labels", body={"labels": [body]})
    except DashboardError as exc:
        st.session_state[_TROUBLE] = exc
        return False
    if said["errors"]:
        st.session_state[_TROUBLE] = GatewayRefusedError(said["errors"][0]["error"], status=400)
        return False
    return True
