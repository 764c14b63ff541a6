"""Tables of what was read: names and numbers as they are, in full. Cells are never read as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import words
from dashboard.states import state_of
from dashboard.views.care import Episode
from storage.distributions import Distribution
from storage.outbox import OutboxMessage
from storage.records import Alert, Judgement
from storage.telling import ToldAlert

_WHOLE = 30
"""Rows of a table that is shown at once; a longer one scrolls."""


def alert_table(alerts: Sequence[Alert], care: Mapping[Episode, str]) -> pd.DataFrame:
    """Open alerts, one a row, with what people did about them."""
    return pd.DataFrame(
        [
            {
                "status": f"{alert.status.value} (replay)" if alert.replay else alert.status.value,
                "severity": alert.severity.value,
                "since (UTC)": words.moment(alert.starts_at),
                "model": alert.scope.model,
                "version": alert.scope.version,
                "arm": alert.scope.arm.value,
                "slice": alert.scope.slice,
                "monitor": alert.monitor,
                "metric": alert.metric,
                "column": alert.column or "",
                "what": alert.summary,
                "people": care.get((alert.fingerprint, alert.starts_at), ""),
            }
            for alert in alerts
        ]
    )


def episode_table(episodes: Sequence[ToldAlert]) -> pd.DataFrame:
    """Alerts, open and over, one a row, with what people know of each."""
    return pd.DataFrame(
        [
            {
                "status": each.alert.status.value,
                "from (UTC)": words.moment(each.alert.starts_at),
                "until (UTC)": "" if each.alert.ends_at is None else words.moment(each.alert.ends_at),
                "told": "nobody yet" if each.told is None else f"that it is {each.told.value}",
                "severity": each.alert.severity.value,
                "model": each.alert.scope.model,
                "version": each.alert.scope.version,
                "arm": each.alert.scope.arm.value,
                "slice": each.alert.scope.slice,
                "rule": each.alert.rule,
                "column": each.alert.column or "",
                "what": each.alert.summary,
            }
            for each in episodes
        ]
    )


def told_table(messages: Sequence[OutboxMessage]) -> pd.DataFrame:
    """Messages and why each went out, one a row."""
    return pd.DataFrame(
        [
            {
                "made (UTC)": words.moment(each.made_at),
                "why": _WHY.get(each.reason, each.reason),
                "became": each.state.value,
                "channel": each.channel,
                "to": each.recipient,
                "about": each.subject,
                "error": each.last_error or "",
            }
            for each in messages
        ]
    )


def message_table(messages: Sequence[OutboxMessage]) -> pd.DataFrame:
    """Messages that did not get through, one a row."""
    return pd.DataFrame(
        [
            {
                "made (UTC)": words.moment(each.made_at),
                "channel": each.channel,
                "to": each.recipient,
                "tries": each.attempts,
                "why": each.last_error or "",
                "about": each.subject,
            }
            for each in messages
        ]
    )


def measurement_table(judgements: Iterable[Judgement]) -> pd.DataFrame:
    """Measurements with the names that `/api/measurements` has for them, and all digits."""
    rows = []
    for each in judgements:
        measured, bounds = each.measurement, each.measurement.bounds
        low, high = measured.interval or (None, None)
        rows.append(
            {
                "model": each.scope.model,
                "version": each.scope.version,
                "arm": each.scope.arm.value,
                "slice": each.scope.slice,
                "monitor": each.monitor,
                "metric": measured.metric,
                "column": measured.column or "",
                "start": words.stamp(each.window.start),
                "end": words.stamp(each.window.end),
                "value": words.UNKNOWN if measured.value is None else repr(measured.value),
                "interval low": words.digits(low),
                "interval high": words.digits(high),
                "lower bound": words.digits(bounds.lower),
                "upper bound": words.digits(bounds.upper),
                "n": measured.n,
                "state": state_of(measured).value,
            }
        )
    return pd.DataFrame(rows)


def bin_table(found: Distribution) -> pd.DataFrame:
    """A column's bins with the rows in each."""
    rows = []
    for each in found.bins:
        ends = {"above": words.digits(each.lower), "up to": words.digits(each.upper)}
        rows.append(
            {
                **(ends if found.is_number else {"category": each.name}),
                "reference rows": each.reference,
                "current rows": each.current,
            }
        )
    return pd.DataFrame(rows)


def show(frame: pd.DataFrame, *, key: str, columns: Sequence[str] | None = None) -> None:
    """A table. Numbers written in full are texts, because a browser would round them; counts stay numbers.

    A person can take it away as CSV, so no text in it begins as a formula would.
    """
    _draw(frame, key, _WHOLE, column_order=columns)


def show_to_pick(
    frame: pd.DataFrame, *, key: str, columns: Sequence[str] | None = None, whole: int = _WHOLE
) -> Place | None:
    """The same table; gives the cell that was picked in it, by pointer or by keyboard.

    One of more than `whole` rows scrolls.
    """
    drawn = _draw(frame, key, whole, column_order=columns, on_select="rerun", selection_mode="single-cell")
    cells = drawn["selection"]["cells"]
    return next(((int(row), str(name)) for row, name in cells if int(row) < len(frame)), None)


def _draw(frame: pd.DataFrame, key: str, whole: int, **more: Any) -> Any:
    guarded = frame.map(_no_formula).rename(columns=_no_formula)
    altered = bool((guarded.map(str) != frame.map(str).set_axis(guarded.columns, axis=1)).any(axis=None))
    frame = guarded
    right = {
        name: st.column_config.TextColumn(alignment="right", width=_width(frame[name]))
        for name in _DIGITS
        if name in frame
    }
    counts = {
        str(name): st.column_config.NumberColumn(format="%,d")
        for name in frame
        if pd.api.types.is_integer_dtype(frame[name])
    }
    with st.container(key=key):
        drawn = st.dataframe(
            frame,
            hide_index=True,
            column_config=right | counts,
            height="content" if len(frame) <= whole else "auto",
            key=f"{key}-picked" if more.get("on_select") else None,
            **more,
        )
        if altered:
            st.caption("An apostrophe stands before each text that a spreadsheet would run.")
        return drawn


def is_formula(cell: object) -> bool:
    """Whether a spreadsheet would run it: a table shows it with an apostrophe before it."""
    return isinstance(cell, str) and _no_formula(cell) != cell


def _width(cells: pd.Series[str]) -> int | None:
    """Room for all digits, in pixels: one that is cut off on its left reads as another number."""
    longest = max(map(len, map(str, cells)), default=0)
    return longest * _DIGIT_PX + _PADDING_PX if longest > _FIT_ANYWAY else None


def _no_formula(cell: object) -> object:
    """A text that a spreadsheet would run gets an apostrophe before it, as OWASP advises; numbers stay."""
    if not isinstance(cell, str) or not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


Place = tuple[int, str]
"""Row and column of a cell."""

_DIGIT_PX, _PADDING_PX, _FIT_ANYWAY = 7, 22, 8

_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_WHY: Mapping[str, str] = {
    "first": "the first news of it",
    "changed": "some came or went",
    "repeat": "nothing changed for long",
    "resolved": "all of it is over",
    "passed": "it came and went before it was told",
    "digest": "many at once, told in one",
}
"""Reasons of messages, by the name that is stored; another one is shown as it is."""

_DIGITS = ("value", "interval low", "interval high", "lower bound", "upper bound", "above", "up to")
