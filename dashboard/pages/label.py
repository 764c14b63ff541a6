"""Which answers were right: one chosen row after the other, by keyboard, with a way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from string import digits

import pandas as pd
import streamlit as st

from dashboard import address, desk, pickers, words
from dashboard.errors import DashboardError, GatewayAwayError, GatewayRefusedError
from dashboard.event_tables import written
from dashboard.reader import read
from dashboard.subjects import choose
from dashboard.tables import is_formula, show
from dashboard.views.alerts import EVERY
from dashboard.views.labelling import Day, Desk, Row, Step, is_long
from storage.database import Database
from storage.models import model_versions
from storage.records import Arm, Value

_SHOWN, _NUMBER, _CLASS = "shown-outputs", "number", "class"
_KEYS = "123456789"
_MOST_BUTTONS = 30
_SCROLLS = 800  # characters of a text from which on it stands in a box that scrolls
_BOX_PX = 420


def page() -> None:
    """The whole page."""
    st.header("Label", anchor=False)
    names = read(_models)
    if not names:
        pickers.no_model()
        return
    model = choose([EVERY, *names], address.current().get("model"))
    with st.container(key="pickers", width=360):
        address.pick("Model", "model", model)
    if model.unknown:
        st.warning("The address of this page names a model that is not there; here are all.")
    held = desk.current(None if model.chosen in (None, EVERY) else model.chosen)
    trouble = desk.trouble()
    if trouble is not None:
        _explain(trouble)
    if held.row is not None:
        _ask(held, held.row)
    elif trouble is None:
        _nothing(held)
    else:
        st.button("Try again", shortcut="l")


def _models(database: Database) -> list[str]:
    with database.read() as snapshot:
        return list(dict.fromkeys(each.model for each in model_versions(snapshot)))


def _ask(held: Desk, row: Row) -> None:
    _progress(held, row)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show(row)
    with right:
        _question(row)
        _ways(held, row)


def _progress(held: Desk, row: Row) -> None:
    day = held.day_of(row)
    if day is None or not day.chosen:
        return
    st.progress(day.answered / day.chosen)
    st.text(_day_in_words(day))


def _day_in_words(day: Day) -> str:
    return (
        f"{day.model}, version {day.version}, on {day.day:%Y-%m-%d}: {day.answered:,} of {day.chosen:,} "
        f"chosen rows are answered; about {day.budget:,.0f} are chosen in a whole day."
    )


def _show(row: Row) -> None:
    """What the model was asked: its short inputs in a table, its long texts to read."""
    long = {
        name: str(value) for name, value in row.inputs.items() if is_long(value) or is_formula(value)
    }  # a table would put an apostrophe before a formula, and who labels sees what the model saw
    short = {name: value for name, value in row.inputs.items() if name not in long}
    st.markdown("**What the model was asked**")
    for name, text in long.items():
        st.text(name)
        with st.container(border=True, height=_BOX_PX if len(text) > _SCROLLS else "content"):
            st.text(text)
    if short:
        show(_table(short), key="inputs")
    if not row.inputs:
        st.caption("Its inputs were not kept (`privacy` in `model.yaml`).")
    st.text(_whence(row))


def _table(cells: Mapping[str, Value]) -> pd.DataFrame:
    return pd.DataFrame([{"column": name, "was": written(value)} for name, value in cells.items()])


def _whence(row: Row) -> str:
    arm = "" if row.arm == Arm.STABLE else f", {row.arm} arm"
    tags = "".join(f", {name} = {value}" for name, value in row.tags.items() if value is not None)
    return f"{row.model}, version {row.version}{arm}, {words.moment(row.at)} UTC{tags}"


def _question(row: Row) -> None:
    asked = row.question
    st.markdown("**What would have been right?**")
    if asked.label is not None:
        st.text(f"Wanted: {asked.label}")
    if asked.type == "number":
        _number(row)
    elif len(asked.classes) > _MOST_BUTTONS:
        _long_list(row)
    else:
        _buttons(row)


def _buttons(row: Row) -> None:
    """One for each class. Every row has buttons of its own, so that a late press answers no other row."""
    classes = row.question.classes
    for place, (name, key) in enumerate(zip_longest(classes, keys_of(classes))):
        st.button(
            words.literal(name, longest=200) or "(nothing)",
            key=f"answer-{row.event}-{row.row}-{place}",
            shortcut=key,
            on_click=desk.answer,
            args=(row, name),
            width="stretch",
            wrap=True,
        )


def keys_of(classes: Sequence[str]) -> Sequence[str]:
    """Which key answers with which class. A class that is a digit has its own: 1 is not to say 0."""
    return classes if all(name in {*digits} for name in classes) else _KEYS[: len(classes)]


def _long_list(row: Row) -> None:
    st.selectbox(
        "Class", row.question.classes, index=None, key=_CLASS, on_change=desk.answer_from, args=(row, _CLASS)
    )
    st.caption("Type a part of its name; Enter sends it, and the next comes.")


def _number(row: Row) -> None:
    with st.form("number-form", border=False):
        st.number_input("A number", value=None, format="%g", key=_NUMBER)
        st.form_submit_button("Send", on_click=desk.answer_from, args=(row, _NUMBER), type="primary")
    st.caption("Enter sends it, and the next comes.")


def _ways(held: Desk, row: Row) -> None:
    """Past the row, and back."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Skip", key=f"skip-{row.event}-{row.row}", shortcut="s", on_click=desk.skip, args=(row,))
        _undo_button(held)
    _outputs(row)
    st.caption("A key does what stands beside it, while no field is in use; Tab leaves a field.")


def _undo_button(held: Desk) -> None:
    st.button(
        "Undo", key=f"undo-{len(held.steps)}", shortcut="u", on_click=desk.undo, disabled=held.last is None
    )
    if held.last is not None:
        st.text(_in_words(held.last))


def _in_words(step: Step) -> str:
    return "You skipped one." if step.label is None else f"You said: {written(step.label)[:80]}"


def _outputs(row: Row) -> None:
    """Hidden at first: who knows what the model said tends to say the same."""
    if st.session_state.get(_SHOWN) == row.place:
        st.markdown("**What the model said**")
        show(_table(row.outputs), key="outputs")
        return
    st.button(
        "Show what the model said",
        key=f"show-{row.event}-{row.row}",
        shortcut="m",
        type="tertiary",
        on_click=_reveal,
        args=(row,),
    )


def _nothing(held: Desk) -> None:
    if held.skipped:
        st.info(f"All that is left was skipped: {words.counted(held.skipped, 'row', 'rows')}.")
        st.button("Ask about them again", shortcut="a", on_click=desk.ask_anew)
    elif any(day.chosen for day in held.today):
        st.success("Every row that was chosen is answered. New ones are chosen as traffic comes.")
    else:
        st.info(
            "No row was chosen yet. Of each day's traffic some are, where an answer can be right or wrong: "
            "of models with classes or numbers. How many stands in `inferwatch.yaml`; soon after the first "
            "traffic there should be some."
        )
        st.code("monitor:\n  sampling:\n    budget_per_day: 100", language="yaml")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Look again", shortcut="l")  # whatever is pressed, an empty desk is filled
        _undo_button(held)
    if held.today:
        show(_days_table(held.today), key="days")


def _days_table(days: Sequence[Day]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "model": day.model,
                "version": day.version,
                "newest day": f"{day.day:%Y-%m-%d}",
                "answered": day.answered,
                "chosen": day.chosen,
                "expected in a whole day": round(day.budget),
            }
            for day in days
        ]
    )


def _explain(trouble: DashboardError) -> None:
    """What went wrong, and what to do. No answer that was taken is lost."""
    if isinstance(trouble, GatewayAwayError):
        st.error("The gateway does not answer. Nothing is lost: what you said before was taken.")
        st.code("inferwatch serve", language=None)
    elif isinstance(trouble, GatewayRefusedError) and trouble.status in (401, 403):
        st.error("Labelling needs a key with the rights `label` and `read`. Make one, and log in with it:")
        st.code("inferwatch keys create NAME --right label --right read", language=None)
    else:
        st.error("The gateway could not do it. Nothing is lost; try again.")
    st.text(str(trouble))


def _reveal(row: Row) -> None:
    st.session_state[_SHOWN] = row.place


if __name__ == "__main__":
    page()
