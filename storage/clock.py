"""The time of day, as an argument: tests pass one that they move by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Gives the time now: aware, in UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


def to_microseconds(at: datetime) -> int:
    """Whole microseconds since 1970: how times are stored."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(at_us: int) -> datetime:
    """The time that `to_microseconds` was given."""
    return _EPOCH + timedelta(microseconds=at_us)
