"""How much one person is told in an hour: so many messages, the last of them a digest of the rest. Pure.

All but one of an hour's messages go out as they come. What comes then is held back for a moment, and the last
message lists it; what comes after that waits until the hour has room, and then comes as a digest again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from monitors.alerts.groups import Notice, NoticeReason

HOUR = timedelta(hours=1)
MOST_HELD = 500
"""Subjects that a digest lists; of more it gives the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is remembered of one recipient."""

    sent: tuple[datetime, ...] = ()  # messages of the last hour, oldest first
    held: tuple[str, ...] = ()  # subjects of what was held back since
    held_since: datetime | None = None
    more: int = 0  # held back beyond `MOST_HELD`

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Allowance:
        return _ALLOWANCE.decode(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What goes out now."""

    allowance: Allowance
    notices: tuple[Notice, ...]  # as they are, and perhaps a digest after them
    due_at: datetime | None = None  # when what is held can go out; None: nothing is


def admit(  # noqa: PLR0913  # what there is to know of a recipient
    allowance: Allowance,
    notices: Sequence[Notice],
    *,
    recipient: str,
    per_hour: int,
    wait: timedelta,
    now: datetime,
) -> Admitted:
    """Let notices through as long as the hour has room, and hold back the rest."""
    # a clock that went back must not close the hour for longer than an hour
    sent = [min(at, now) for at in allowance.sent if at > now - HOUR]
    held, more = list(allowance.held), allowance.more
    since = None if allowance.held_since is None else min(allowance.held_since, now)
    through: list[Notice] = []
    for notice in notices:
        if not held and len(sent) < per_hour - 1:
            through.append(notice)
            sent.append(now)
            continue
        since = since or now
        if len(held) < MOST_HELD:
            held.append(notice.subject)
        else:
            more += 1
    if since is None:
        return Admitted(allowance=Allowance(sent=tuple(sent)), notices=tuple(through))
    free_at = sent[-per_hour] + HOUR if len(sent) >= per_hour else now
    due_at = max(since + wait, free_at)
    if now < due_at:
        kept = Allowance(sent=tuple(sent), held=tuple(held), held_since=since, more=more)
        return Admitted(allowance=kept, notices=tuple(through), due_at=due_at)
    through.append(_digest(held, more, recipient=recipient, since=since, now=now))
    return Admitted(allowance=Allowance(sent=(*sent, now)), notices=tuple(through))


def _digest(held: Sequence[str], more: int, *, recipient: str, since: datetime, now: datetime) -> Notice:
    listed = [*held, f"and {more} more"] if more else held
    name = hashlib.sha256(f"digest\n{recipient}\n{since.isoformat()}".encode()).hexdigest()[:32]
    return Notice(
        id=name,
        thread=name,
        stem=f"{len(held) + more} more notices than you are sent in an hour",
        group={},
        reason=NoticeReason.DIGEST,
        at=now,
        held=tuple(listed),
    )


_ALLOWANCE = msgspec.msgpack.Decoder(Allowance)
