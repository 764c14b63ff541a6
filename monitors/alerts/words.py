"""How measurements are said to a person: one plain sentence, in which text from outside can do no harm."""

from __future__ import annotations

import unicodedata

from storage.records import ALL, Arm, Bounds, Judgement, Scope


def sentence(judgement: Judgement) -> str:
    """What was measured, where it is healthy, and on how many rows."""
    measurement = judgement.measurement
    where = f" of {plain(measurement.column)}" if measurement.column is not None else ""
    value = "unknown" if measurement.value is None else number(measurement.value)
    interval = ""
    if measurement.interval is not None:
        low, high = measurement.interval
        interval = f", 95 % between {number(low)} and {number(high)}"
    return (
        f"{plain(measurement.metric)}{where} is {value} ({_healthy(measurement.bounds)}{interval}, "
        f"{measurement.n:,} rows{_part(judgement.scope)})"
    )


def plain(text: str, limit: int = 120) -> str:
    """Text from outside on one line: no control or direction characters, single spaces, cut at `limit`."""
    kept = "".join(
        " " if unicodedata.category(character)[0] in "CZ" else character for character in text[: 4 * limit]
    )
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def number(value: float) -> str:
    """Four digits, as a person would write them."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _healthy(bounds: Bounds) -> str:
    match bounds:
        case Bounds(lower=None, upper=None):
            return "no bounds"
        case Bounds(lower=None, upper=upper):
            return f"healthy up to {number(upper or 0.0)}"
        case Bounds(lower=lower, upper=None):
            return f"healthy from {number(lower or 0.0)}"
        case _:
            return f"healthy from {number(bounds.lower or 0.0)} to {number(bounds.upper or 0.0)}"


def _part(scope: Scope) -> str:
    part = "" if scope.arm is Arm.STABLE else f", {scope.arm.value} arm"
    return part if scope.slice == ALL else f"{part}, where {plain(scope.slice)}"
