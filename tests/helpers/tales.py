"""What people are told, as short scripts: alerts come and go, people act, and every notice is written down.

    0s +age; 2m +plan; 10m -age; end 15m

`+age` fires (drift of a column of churn 12), `-age` is over, `~age` came and went between two looks.
`+shop/age` is of another model, `+age!` critical (another rule on the same column), `+no_data`, `+database`
and `+errors` are what their names say. `silence column=age 1h` begins a silence, `unsilence` ends all, `ack
age` acknowledges. A notice is written `2m first +age =plan -loan`: when, why, what is new, what stands, what
is over.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from inference.manifest import parse_duration
from monitors.alerts.groups import Notice, NoticeReason
from monitors.alerts.notify import notify
from monitors.alerts.policy import Policy
from monitors.alerts.situations import Memory, Situation
from monitors.alerts.suppression import Member
from monitors.rule_settings import duration_text, matchers_of
from storage.matching import labels_of
from storage.records import Alert, AlertStatus, Scope, Severity
from storage.silences import Silence

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STEP = timedelta(seconds=10)
_SPECIAL = {
    "no_data": ("traffic", "no_events"),
    "database": ("database", "away"),
    "errors": ("traffic", "error_share"),
}
"""Alerts that are of no column: their monitor and metric."""


class Tale:
    """One look every ten seconds, and all that was told."""

    def __init__(self, policy: Policy, *, start: datetime = MONDAY) -> None:
        self.policy = policy
        self.start = self.now = start
        self.situation = Situation()
        self.memory = Memory()
        self.notices: list[Notice] = []
        self.reasons: dict[str, NoticeReason] = {}
        self.names: dict[str, str] = {}  # by fingerprint

    def run(self, script: str) -> list[str]:
        """Play a script to its end; returns every notice."""
        for entry in script.split(";"):
            when, command = entry.split(maxsplit=1)
            if when == "end":
                when, command = command, ""
            until = self.start + _span(when)
            while self.now < until:
                self.look()
                self.now += STEP
            if command:
                self._act(*command.split())
        self.look()
        return [self._written(notice) for notice in self.notices]

    def look(self) -> None:
        """What the notifier does every second."""
        telling = notify(self.situation, self.memory, self.policy, self.now)
        self.memory = telling.memory
        self.notices += telling.notices
        if telling.told:
            self.situation = self.situation.after(telling.told)
        if telling.reasons:
            self.reasons |= telling.reasons

    @property
    def last(self) -> str:
        """Why the group was told of or not at the last look that was at it."""
        return " ".join(reason.value for reason in self.reasons.values())

    def fire(self, name: str) -> None:
        alert = an_alert_named(name, self.now)
        self.names[alert.fingerprint] = name.rstrip("!")
        self._put(Member(alert=alert, labels=labels_of(alert)))

    def end(self, name: str) -> None:
        fingerprint = an_alert_named(name, self.now).fingerprint
        changed = [
            replace(each, alert=replace(each.alert, status=AlertStatus.RESOLVED, ends_at=self.now))
            if each.alert.fingerprint == fingerprint and each.fires
            else each
            for each in self.situation.members
        ]
        self.situation = replace(self.situation, members=tuple(changed))

    def _act(self, command: str, *rest: str) -> None:
        if command == "silence":
            silence = Silence(
                id=str(len(self.situation.silences)),
                matchers=matchers_of(rest[:-1]),
                author="a person",
                comment="",
                starts_at=self.now,
                ends_at=self.now + _span(rest[-1]),
                made_at=self.now,
            )
            self.situation = replace(self.situation, silences=(*self.situation.silences, silence))
        elif command == "unsilence":
            self.situation = replace(self.situation, silences=())
        elif command == "ack":
            wanted = {an_alert_named(name, self.now).fingerprint for name in rest}
            seen = {each.episode for each in self.situation.members if each.alert.fingerprint in wanted}
            self.situation = replace(self.situation, acknowledged=self.situation.acknowledged | seen)
        else:
            for word in (command, *rest):
                if word[0] in "+~":
                    self.fire(word[1:])
                if word[0] in "-~":
                    self.end(word[1:])

    def _put(self, member: Member) -> None:
        self.situation = replace(self.situation, members=(*self.situation.members, member))

    def _written(self, notice: Notice) -> str:
        words = [
            f"{sign}{self.names[alert.fingerprint]}"
            for sign, alerts in (("+", notice.fired), ("=", notice.standing), ("-", notice.resolved))
            for alert in alerts
        ]
        at = notice.at - self.start
        return f"{duration_text(at).replace(' ', '')} {notice.reason} {' '.join(words)}"


def _span(text: str) -> timedelta:
    """`1h30m` as a duration."""
    spaced = re.sub(r"(?<=[a-z])(?=\d)", " ", text)
    return timedelta(0) if text == "0s" else parse_duration(spaced)


def an_alert_named(name: str, starts_at: datetime) -> Alert:
    """The alert that a script means."""
    model, _, what = name.rpartition("/")
    critical = what.endswith("!")
    what = what.removesuffix("!")
    monitor, metric = _SPECIAL.get(what, ("drift", "drift"))
    rule = what if what in _SPECIAL else "strict" if critical else "drift"
    scope = Scope(model=model or "churn", version="12")
    if what == "database":
        scope = Scope(model="", version="")
    column = None if what in _SPECIAL else what
    named = f"{rule} {scope} {column}"
    return Alert(
        fingerprint=hashlib.sha256(named.encode()).hexdigest()[:32],
        status=AlertStatus.FIRING,
        rule=rule,
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        scope=scope,
        monitor=monitor,
        metric=metric,
        column=column,
        summary=f"{metric} of {what}",
        starts_at=starts_at,
        updated_at=starts_at,
    )
