"""What one message says: the alerts of one group, and why a person hears of them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from monitors.alerts.words import plain
from storage.records import ALL, Alert, Bounds

SHOWN = 5
"""Columns that a subject names, before it says how many more."""


class NoticeReason(StrEnum):
    """Why a group of alerts is told of now, or is not."""

    FIRST = "first"  # told: the first that people hear of this episode of the group
    CHANGED = "changed"  # told: members fired or resolved, and some fire
    REPEAT = "repeat"  # told: nothing changed for so long that a person may have forgotten
    RESOLVED = "resolved"  # told: none fires any more
    PASSED = "passed"  # told: fired and over before anybody was told
    DIGEST = "digest"  # told: what one recipient was spared, in one message
    WAITING = "waiting"  # more may come with it: the wait of the group is not over
    TOO_SOON = "too_soon"  # changed, but the last notice is too young
    UNCHANGED = "unchanged"  # told, and the same since
    SILENCED = "silenced"  # a person asked not to hear of it
    MUTED = "muted"  # it is the hour of a mute time
    INHIBITED = "inhibited"  # another alert explains it
    ACKNOWLEDGED = "acknowledged"  # a repeat is due, but somebody has seen all of it
    UNWANTED = "unwanted"  # resolved, and the settings say not to tell of that


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the rule of an alert has to say beside its measurement."""

    text: str = ""
    runbook: str | None = None  # a URL
    labels: Mapping[str, str] = field(default_factory=dict)  # all of the alert, those of its rule among them


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One window in the history of an alert's measurement."""

    at: datetime  # the end of the window
    value: float | None  # None: unknown
    low: float | None = None  # of its 95 % interval
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was measured before and during an alert, oldest first: for a chart."""

    fingerprint: str
    points: tuple[Point, ...]
    bounds: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a channel renders. Of two messages with one id the second is a repetition of the first."""

    id: str
    thread: str  # one name for the group's episode, from its first notice until all of it is over
    stem: str  # what the subject says after its first word: the same in every notice of a thread
    group: Mapping[str, str]  # the labels that its alerts share
    reason: NoticeReason
    at: datetime
    fired: tuple[Alert, ...] = ()  # nobody was told of them yet
    standing: tuple[Alert, ...] = ()  # fire, and were told of before
    resolved: tuple[Alert, ...] = ()  # over; `passed` ones too
    about: Mapping[str, Words] = field(default_factory=dict)  # by fingerprint
    histories: tuple[History, ...] = ()  # of some of its alerts, the most important first
    held: tuple[str, ...] = ()  # in a digest: the subjects of what was held back

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """All members, the news first."""
        return (*self.fired, *self.resolved, *self.standing)

    @property
    def replay(self) -> bool:
        """Whether it comes from the past, sent again."""
        return any(alert.replay for alert in self.alerts)

    @property
    def subject(self) -> str:
        """`[FIRING:2] churn 12: drift in age, plan`. In a thread only the word in front changes."""
        firing = len(self.fired) + len(self.standing)
        if self.reason is NoticeReason.DIGEST:
            word = f"DIGEST:{len(self.held)}"
        else:
            word = f"FIRING:{firing}" if firing else "RESOLVED"
        return f"[{word}] {self.stem}"


def stem(group: Mapping[str, str], alerts: Sequence[Alert]) -> str:
    """What is wrong, where, in few words: `churn 12: drift in age, plan`."""
    named = (value for label, value in group.items() if value and label != "rule")  # what is wrong says that
    where = " ".join(plain(value, 60) for value in named) or "inferwatch"
    return f"{where}: {'; '.join(_stems(sorted(alerts, key=place)))}"


def episode(alert: Alert) -> str:
    """One name for an alert from the moment it fires until it is resolved."""
    return f"{alert.fingerprint}.{alert.starts_at:%Y%m%dT%H%M%S}"


def place(alert: Alert) -> tuple[str, str, str, str, str]:
    """The order in which alerts are listed."""
    return alert.rule, alert.scope.slice, alert.column or "", alert.metric, alert.scope.arm


def _stems(alerts: Iterable[Alert]) -> list[str]:
    """What is wrong, rule by rule."""
    by_rule: dict[str, list[str]] = {}
    for alert in alerts:
        places = by_rule.setdefault(alert.rule, [])
        if (where := _where(alert)) not in places:
            places.append(where)
    return [
        plain(rule, 60) if places == [""] else f"{plain(rule, 60)} in {_listed(places)}"
        for rule, places in by_rule.items()
    ]


def _where(alert: Alert) -> str:
    """The column, or else the metric, and the slice. Nothing where the rule's name says it all."""
    whole = alert.scope.slice == ALL
    if alert.column is None and whole and alert.metric in {alert.rule, "no_events", "away"}:
        return ""
    where = plain(alert.column if alert.column is not None else alert.metric, 60)
    return where if whole else f"{where} ({plain(alert.scope.slice, 60)})"


def _listed(places: Sequence[str]) -> str:
    places = [place or "all" for place in places]
    more = len(places) - SHOWN
    return ", ".join(places[:SHOWN]) + (f" and {more} more" if more > 0 else "")
