"""What rules would have told of what was measured: the road from judgements to notices, in virtual time.

A window is judged here at its end, and its notices go to nobody. What the wall clock alone can see
(`no_data`, `database`, what is given up) and what people did then (silences, acknowledgements) are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from monitors.alerts.groups import Notice
from monitors.alerts.notify import notify
from monitors.alerts.policy import Policy
from monitors.alerts.rules import RuleState, decide
from monitors.alerts.situations import Episode, Memory, Situation, Telling
from monitors.alerts.suppression import Member
from storage.matching import labels_of
from storage.records import Alert, AlertStatus, Judgement


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """One run over stored history."""

    policy: Policy
    fired: int = 0  # episodes
    told: int = 0
    _states: dict[str, RuleState] = field(default_factory=dict)
    _situation: Situation = field(default_factory=Situation)
    _memory: Memory = field(default_factory=Memory)

    def run(self, judgements: Iterable[Judgement], *, until: datetime | None = None) -> Iterator[Notice]:
        """Every notice, oldest first. `until`: how far to go on after the last window; None: until all of its
        news is told."""
        ordered = sorted(judgements, key=lambda each: each.window.end)
        at = None
        for at, windows in groupby(ordered, key=lambda each: each.window.end):
            yield from self._timers(at)
            self._judge(list(windows), at)
            yield from self._look(at)
        if at is not None:
            yield from self._timers(until or at + self.policy.group_wait + self.policy.group_interval)

    def _judge(self, judgements: Sequence[Judgement], at: datetime) -> None:
        decision = decide(tuple(self.policy.rules.values()), judgements, self._states, clock=at)
        self._states.update(decision.states)
        members: dict[Episode, Member] = {each.episode: each for each in self._situation.members}
        for alert in decision.alerts:
            if alert.status is AlertStatus.PENDING:
                continue
            before = members.get((alert.fingerprint, alert.starts_at))
            self.fired += before is None
            told = None if before is None else before.told
            members[alert.fingerprint, alert.starts_at] = self._member(alert, told)
        if decision.alerts:
            self._situation = Situation(members=tuple(members.values()))

    def _member(self, alert: Alert, told: AlertStatus | None) -> Member:
        rule = self.policy.rules.get(alert.rule)
        return Member(alert=alert, labels=labels_of(alert, rule.labels if rule else None), told=told)

    def _timers(self, until: datetime) -> Iterator[Notice]:
        """What the clock alone brings, up to a moment."""
        while self._memory.due_at is not None and self._memory.due_at <= until:
            yield from self._look(self._memory.due_at)

    def _look(self, at: datetime) -> Iterator[Notice]:
        telling: Telling = notify(self._situation, self._memory, self.policy, at)
        self._memory = telling.memory
        if telling.told:
            self._situation = self._situation.after(telling.told)
        self.told += len(telling.notices)
        yield from telling.notices
