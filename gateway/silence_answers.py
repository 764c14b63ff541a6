"""What the routes of silences and acknowledgements answer, as it is written to JSON."""

from __future__ import annotations

from datetime import datetime

import msgspec

from storage.records import Matcher
from storage.silences import Silence


class AlertHit(msgspec.Struct, kw_only=True):
    """An open alert that a silence hits."""

    fingerprint: str
    status: str
    summary: str
    labels: dict[str, str]


class SilenceAnswer(msgspec.Struct, kw_only=True):
    """A silence: pending before its start, then active, then expired."""

    id: str
    state: str
    matchers: list[Matcher]
    author: str
    comment: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    ended_by: str | None

    @classmethod
    def of(cls, silence: Silence, now: datetime) -> SilenceAnswer:
        """As storage has it."""
        return cls(
            id=silence.id,
            state="pending" if now < silence.starts_at else "active" if now < silence.ends_at else "expired",
            matchers=list(silence.matchers),
            author=silence.author,
            comment=silence.comment,
            starts_at=silence.starts_at,
            ends_at=silence.ends_at,
            made_at=silence.made_at,
            ended_by=silence.ended_by,
        )


class SilencesAnswer(msgspec.Struct):
    """Silences, in the order in which they start."""

    silences: list[SilenceAnswer]


class SilenceMade(msgspec.Struct, kw_only=True):
    """A new silence, and the open alerts that it hits; null where the database is away: then nobody knows."""

    id: str
    starts_at: datetime
    ends_at: datetime
    hits: list[AlertHit] | None


class SilenceEnded(msgspec.Struct, kw_only=True):
    """A silence that is over."""

    id: str
    ends_at: datetime


class Acknowledged(msgspec.Struct, kw_only=True):
    """An alert that somebody looks after."""

    fingerprint: str
    starts_at: datetime
    author: str
    comment: str
    at: datetime
