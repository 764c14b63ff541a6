"""What is known of a thing that is watched: well, not well, or unknown, which is never shown as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from storage.records import Bounds, Judgement, Measurement, Window


class State(StrEnum):
    """What the newest window says."""

    OK = "ok"
    BREACHED = "breached"
    CHANCE = "within chance"  # outside its bounds, and no further than chance explains: nobody is alerted
    UNKNOWN = "unknown"
    UNBOUNDED = "no bounds"  # measured, and nobody said where it is healthy


def state_of(measurement: Measurement) -> State:
    """What one number says."""
    if measurement.breached:
        return State.BREACHED
    if measurement.value is None:
        return State.UNKNOWN
    if measurement.bounds == Bounds():
        return State.UNBOUNDED
    return State.OK if measurement.bounds.hold(measurement.value) else State.CHANCE


def state_of_all(measurements: Iterable[Measurement]) -> State:
    """What several numbers say together: breached outweighs unknown, which outweighs the rest.

    Numbers without bounds decide nothing where there are others with bounds.
    """
    states = [(state_of(each), each.bounds != Bounds()) for each in measurements]
    found = {state for state, bounded in states if bounded} or {state for state, _ in states}
    return next((state for state in _GRAVEST_FIRST if state in found), State.UNKNOWN)


def breached_run(judgements: Sequence[Judgement]) -> list[Window]:
    """The breached windows in a row up to the newest known one. Unknown ones do not end the row."""
    run: list[Window] = []
    for judgement in sorted(judgements, key=lambda each: each.window, reverse=True):
        state = state_of(judgement.measurement)
        if state is State.UNKNOWN:
            continue
        if state is not State.BREACHED:
            break
        run.append(judgement.window)
    return run[::-1]


_GRAVEST_FIRST = (State.BREACHED, State.UNKNOWN, State.CHANCE, State.OK, State.UNBOUNDED)
