"""How numbers and times are written where room is small. Tables beside them hold the numbers in full."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from storage.records import Bounds
from storage.scorer import Scorer

UNKNOWN = "unknown"


def number(value: float | None) -> str:
    """Four digits, or a word for what is not known."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if abs(value) >= 10_000 or float(value).is_integer() else f"{value:.4g}"


def brief(value: float | None) -> str:
    """Three digits, where room is smallest."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if abs(value) >= 1_000 or float(value).is_integer() else f"{value:.3g}"


def share(value: float | None) -> str:
    """A part of one, in per cent."""
    return UNKNOWN if value is None else f"{100 * value:.3g} %"


def seconds(value: float | None) -> str:
    """A duration in the unit that suits it."""
    if value is None:
        return UNKNOWN
    if value < 0.001:
        return f"{1e6 * value:.3g} µs"
    if value < 1:
        return f"{1000 * value:.3g} ms"
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if value >= 2 * length:
            return f"{brief(value / length)} {unit}"
    return f"{value:.3g} s"


def size(n: int) -> str:
    """A number of bytes in the unit that suits it."""
    value, units = float(n), ["bytes", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.3g} {units[0]}"


def moment(at: datetime) -> str:
    """A time in UTC, to the second only where it is not a whole minute."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if at.second else f"{at:%Y-%m-%d %H:%M}"


def stamp(at: datetime) -> str:
    """A time as the address of a page writes it. Such texts sort like the times."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def span(start: datetime, end: datetime) -> str:
    """From when to when."""
    return f"{moment(start)} to {moment(end)} UTC"


def age(since: datetime, now: datetime) -> str:
    """How long ago, roughly."""
    passed = max(now - since, timedelta())
    if passed < timedelta(minutes=2):
        return f"{passed.seconds} s"
    if passed < timedelta(hours=2):
        return f"{passed.seconds // 60} min"
    return f"{passed // timedelta(hours=1)} h" if passed < timedelta(days=2) else f"{passed.days:,} days"


def counted(n: int, one: str, many: str) -> str:
    """A number of things: `1 column`, `3 columns`."""
    return f"{n:,} {one if n == 1 else many}"


def literal(text: str, longest: int = 80) -> str:
    """A text for places that read markdown, such as a button: there every sign of it means itself."""
    line = " ".join(text.split())
    short = line if len(line) <= longest else line[: longest - 1] + "…"
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", short)


def digits(value: float | None) -> str:
    """A number with every digit that it has, or nothing."""
    return "" if value is None else repr(value)


def healthy(bounds: Bounds, written: Callable[[float | None], str] = number) -> str:
    """Where a number is healthy."""
    if bounds.lower is None and bounds.upper is None:
        return "no bounds"
    if bounds.lower is None:
        return f"up to {written(bounds.upper)}"
    if bounds.upper is None:
        return f"from {written(bounds.lower)}"
    return f"{written(bounds.lower)} to {written(bounds.upper)}"


def of_scorer(scorer: Scorer) -> str:
    """Its name, and what a person should know of it, as plain text."""
    name = f"{scorer.model} {scorer.version}"
    said = scorer.words.replace("`", "")
    return said if name in said else f"{name}: {said}"
