"""What `notify` looks at, what it remembers, and what comes of a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from monitors.alerts.groups import Notice, NoticeReason
from monitors.alerts.suppression import Member
from storage.records import AlertStatus
from storage.silences import Silence

Episode = tuple[str, datetime]
"""Fingerprint and start: one alert from when it fires until it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How things stand: alerts that fire, those that are over and not told, and what people asked for."""

    members: tuple[Member, ...] = ()
    silences: tuple[Silence, ...] = ()
    acknowledged: frozenset[Episode] = frozenset()

    def after(self, told: Mapping[Episode, AlertStatus]) -> Situation:
        """The same once it was told."""
        members = (replace(each, told=told.get(each.episode, each.told)) for each in self.members)
        return replace(self, members=tuple(each for each in members if each.fires or untold(each)))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """What is remembered of one group."""

    group: dict[str, str]
    news_since: datetime | None = None  # since when there is something to tell; None: there is nothing
    told_at: datetime | None = None  # the last notice
    firing: frozenset[str] = frozenset()  # fingerprints that the last notice called firing
    thread: str = ""  # of the episode of the group; "": none is open
    stem: str = ""
    notices: int = 0  # in this thread

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> GroupState:
        return _STATE.decode(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What `notify` remembers from one look to the next."""

    groups: Mapping[str, GroupState] = field(default_factory=dict)
    seen: Situation | None = None  # what the last look was at
    due_at: datetime | None = None  # the same situation is to be looked at again then; None: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What came of a look."""

    memory: Memory
    notices: tuple[Notice, ...] = ()
    told: Mapping[Episode, AlertStatus] = field(default_factory=dict)  # what people know from now on
    reasons: Mapping[str, NoticeReason] = field(default_factory=dict)  # of every group, told or not


def group_name(group: Mapping[str, str]) -> str:
    """One name for the labels that the alerts of a group share."""
    return msgspec.json.encode(dict(group)).decode()


def untold(member: Member) -> bool:
    """Whether people do not know yet that it is over."""
    return member.told is not AlertStatus.RESOLVED


_STATE = msgspec.msgpack.Decoder(GroupState)
