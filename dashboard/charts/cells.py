"""What pictures of judged windows share: a point of data for each, the colours of the states, an axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import altair as alt

from dashboard import words
from dashboard.colours import BLUE, GREY, OCHRE, VERMILION
from dashboard.states import State, state_of
from storage.records import Judgement

Picture = alt.Chart | alt.LayerChart | alt.FacetChart

COLOURS: Mapping[State, str] = {
    State.OK: BLUE,
    State.BREACHED: VERMILION,
    State.CHANCE: OCHRE,
    State.UNKNOWN: GREY,
    State.UNBOUNDED: BLUE,
}


TOLD_APART = 48
"""Windows whose names fit under a picture. More lie on an axis of time instead."""

_UTC = alt.Scale(type="utc")


def point(judgement: Judgement, written: Callable[[float | None], str] = words.number) -> dict[str, object]:
    """One window's number under fixed names, and the same in words for the tip beside the pointer."""
    measured, window = judgement.measurement, judgement.window
    low, high = measured.interval or (None, None)
    return {
        "column": measured.column or "",
        "metric": measured.metric,
        "slice": judgement.scope.slice,
        "window": words.stamp(window.start),
        "at": window.start.isoformat(),
        "until": window.end.isoformat(),
        "when": words.moment(window.start).removesuffix(" 00:00"),
        "span": words.span(window.start, window.end),
        "value": measured.value,
        "number": written(measured.value),
        "low": low,
        "high": high,
        "interval": words.UNKNOWN if low is None else f"{written(low)} to {written(high)}",
        "lower": measured.bounds.lower,
        "upper": measured.bounds.upper,
        "healthy": words.healthy(measured.bounds, written),
        "n": measured.n,
        "state": state_of(measured),
    }


def state_colour(states: Iterable[object]) -> alt.Color:
    """Colour by state, with a legend of those that there are."""
    there = set(states)
    shown = [state for state in COLOURS if state in there]
    return alt.Color(
        "state:N",
        scale=alt.Scale(domain=shown, range=[COLOURS[state] for state in shown]),
        legend=alt.Legend(orient="top", title=None),
    )


def window_x(windows: Iterable[str]) -> alt.X:
    """Where each window stands, by the names that `point` gives: side by side, or many on an axis of time."""
    labels = list(dict.fromkeys(windows))
    if len(labels) > TOLD_APART:
        return alt.X("at:T", scale=_UTC, title=None, axis=alt.Axis(labelOverlap="greedy", tickCount=8))
    return alt.X("when:O", sort=labels, title=None, axis=window_axis())


def window_axis() -> alt.Axis:
    """An axis of windows by their start, whose words never overlap."""
    return alt.Axis(labelAngle=0, labelOverlap="greedy", labelLimit=140, labelFlush=False)
