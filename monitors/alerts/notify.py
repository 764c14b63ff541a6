"""Who is told what, when and why: a pure function of (alerts, what was told, what people asked for, clock).

Alertmanager's semantics. The first news of a group waits `group_wait` for more, later news until the last
notice is `group_interval` old, and what still fires is told again after `repeat_interval`. A group is
compared with what was told of it last by the set of alerts that fire, so one that went and came back before
anybody was told is no news. What is silenced or inhibited leaves that set without a word, and comes back into
it when the silence is over.

Two things are kinder than there. An episode that was over before it was told is told once, as passed: a
replay of a year would say nothing otherwise. And what people know to fire, and what ended in a silence, is
told as resolved when the silence is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitors.alerts.groups import Notice, NoticeReason, Words, episode, place, stem
from monitors.alerts.policy import Policy
from monitors.alerts.situations import Episode, GroupState, Memory, Situation, Telling, group_name, untold
from monitors.alerts.suppression import Member, next_change, suppressed
from storage.records import Alert, AlertStatus


def notify(situation: Situation, memory: Memory, policy: Policy, now: datetime) -> Telling:
    """Look at all groups. Costs next to nothing while the situation is the same and no timer is due."""
    if situation is memory.seen and (memory.due_at is None or now < memory.due_at):
        return Telling(memory=memory)
    hidden = suppressed(
        situation.members,
        silences=situation.silences,
        inhibitions=policy.inhibitions,
        mutes=policy.mutes,
        now=now,
    )
    members: dict[str, list[Member]] = {name: [] for name in memory.groups}
    labels: dict[str, dict[str, str]] = {name: state.group for name, state in memory.groups.items()}
    for member in situation.members:
        group = {label: member.labels.get(label, "") for label in policy.group_by}
        name = group_name(group)
        labels.setdefault(name, group)
        members.setdefault(name, []).append(member)
    looks = {
        name: _Look(
            name=name,
            members=inside,
            hidden=hidden,
            acknowledged=situation.acknowledged,
            before=_known(memory.groups.get(name), now) or _adopted(name, labels[name], inside, now),
            policy=policy,
            now=now,
        ).result()
        for name, inside in sorted(members.items())
    }
    moments = [look.due_at for look in looks.values() if look.due_at is not None]
    if situation.members and (at := next_change(situation.silences, policy.mutes, now)) is not None:
        moments.append(at)
    return Telling(
        memory=Memory(
            groups={name: look.state for name, look in looks.items() if look.state is not None},
            seen=situation,
            due_at=min(moments, default=None),
        ),
        notices=tuple(look.notice for look in looks.values() if look.notice is not None),
        told={key: status for look in looks.values() for key, status in look.told.items()},
        reasons={name: look.reason for name, look in looks.items() if look.reason is not None},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What became of one group."""

    state: GroupState | None  # None: forget it
    notice: Notice | None = None
    told: Mapping[Episode, AlertStatus] = field(default_factory=dict)
    reason: NoticeReason | None = None
    due_at: datetime | None = None


class _Look:
    """One look at one group."""

    def __init__(  # noqa: PLR0913  # what there is to know of a group
        self,
        *,
        name: str,
        members: Sequence[Member],
        hidden: Mapping[Episode, NoticeReason],
        acknowledged: frozenset[Episode],
        before: GroupState,
        policy: Policy,
        now: datetime,
    ) -> None:
        self.name = name
        self.before = before
        self.policy = policy
        self.now = now
        self.hidden = [hidden[each.episode] for each in members if each.episode in hidden]
        self.firing = [each for each in members if each.fires]
        self.active = [each for each in self.firing if each.episode not in hidden]
        self.fired = [each for each in self.active if each.alert.fingerprint not in before.firing]
        self.unseen = [each for each in self.active if each.episode not in acknowledged]
        over = [each for each in members if not each.fires and untold(each)]
        self.over = _newest([each for each in over if each.episode not in hidden], but=self.firing)
        kept = [each for each in over if each.episode in hidden and self._heard(each)]
        self.open = bool(self.firing or kept)
        telling = {each.episode for each in (*self.over, *kept)}
        self.told = {each.episode: AlertStatus.RESOLVED for each in over if each.episode not in telling} | {
            each.episode: AlertStatus.FIRING
            for each in self.active
            if each.told is not AlertStatus.FIRING and each.alert.fingerprint in before.firing
        }
        if self.over and not policy.send_resolved:
            self.told |= {each.episode: AlertStatus.RESOLVED for each in self.over}

    def result(self) -> _Seen:
        news = bool(self.fired or (self.over and self.policy.send_resolved))
        if news:
            return self._news(self.before.news_since or self.now)
        state = replace(self.before, news_since=None)
        if self.active and state.told_at is not None:
            return self._reminded(state, state.told_at)
        if self.over:
            return self._rested(state, NoticeReason.UNWANTED)
        return self._rested(state, self.hidden[0] if self.hidden else None)

    def _news(self, since: datetime) -> _Seen:
        waited = since + self.policy.group_wait
        told_at = self.before.told_at
        free = waited if told_at is None else max(waited, told_at + self.policy.group_interval)
        if self.now < free:
            return _Seen(
                state=replace(self.before, news_since=since),
                told=self.told,
                reason=NoticeReason.WAITING if free == waited else NoticeReason.TOO_SOON,
                due_at=free,
            )
        opened = replace(self.before, news_since=since)
        if not opened.thread:
            alerts = [each.alert for each in (self.fired or self.over)]
            opened = replace(
                opened,
                thread=_hash(self.name, since.isoformat(), *sorted(map(episode, alerts))),
                stem=stem(opened.group, alerts),
                notices=0,
            )
        return self._tell(opened, self._why())

    def _why(self) -> NoticeReason:
        if self.active:
            return NoticeReason.CHANGED if self.before.thread else NoticeReason.FIRST
        heard = any(self._heard(each) for each in self.over)
        return NoticeReason.RESOLVED if heard else NoticeReason.PASSED

    def _reminded(self, state: GroupState, told_at: datetime) -> _Seen:
        """Nothing is new. It may be told again."""
        repeat_at = told_at + self.policy.repeat_interval
        if self.now < repeat_at:
            return _Seen(state=state, told=self.told, reason=NoticeReason.UNCHANGED, due_at=repeat_at)
        if not self.unseen:
            return _Seen(state=state, told=self.told, reason=NoticeReason.ACKNOWLEDGED)
        return self._tell(state, NoticeReason.REPEAT)

    def _tell(self, state: GroupState, reason: NoticeReason) -> _Seen:
        over = self.over if self.policy.send_resolved else []
        notice = self._notice(state, reason, over)
        told = self.told | {each.episode: each.alert.status for each in (*self.active, *over)}
        after = replace(
            state,
            news_since=None,
            told_at=self.now,
            firing=frozenset(each.alert.fingerprint for each in self.active),
            notices=state.notices + 1,
        )
        if not self.open:
            after = _closed(after)
        wait = self.policy.repeat_interval if self.active else self.policy.group_interval
        return _Seen(state=after, notice=notice, told=told, reason=reason, due_at=self.now + wait)

    def _rested(self, state: GroupState, reason: NoticeReason | None) -> _Seen:
        """There is nothing to tell. A group is remembered for as long as its last notice is young."""
        if self.open:
            return _Seen(state=state, told=self.told, reason=reason)
        forget_at = None if state.told_at is None else state.told_at + self.policy.group_interval
        if forget_at is None or self.now >= forget_at:
            return _Seen(state=None, told=self.told, reason=reason)
        return _Seen(state=_closed(state), told=self.told, reason=reason, due_at=forget_at)

    def _notice(self, state: GroupState, reason: NoticeReason, over: Sequence[Member]) -> Notice:
        fresh = {each.episode for each in self.fired}
        fired = _alerts(self.fired)
        standing = _alerts(each for each in self.active if each.episode not in fresh)
        resolved = _alerts(over)
        said = [f"{episode(alert)} {alert.status}" for alert in (*fired, *standing, *resolved)]
        return Notice(
            id=_hash(self.name, state.thread, str(state.notices), *sorted(said)),
            thread=state.thread,
            stem=state.stem,
            group=state.group,
            reason=reason,
            at=self.now,
            fired=fired,
            standing=standing,
            resolved=resolved,
            about={each.alert.fingerprint: self._words(each) for each in (*self.active, *over)},
        )

    def _words(self, member: Member) -> Words:
        rule = self.policy.rules.get(member.alert.rule)
        if rule is None:
            return Words(labels=member.labels)
        return Words(text=rule.text, runbook=rule.runbook, labels=member.labels)

    def _heard(self, member: Member) -> bool:
        """Whether people know that it fired."""
        return member.told is AlertStatus.FIRING or member.alert.fingerprint in self.before.firing


def _known(state: GroupState | None, now: datetime) -> GroupState | None:
    """What is remembered. A clock that went back must not make anybody wait for the time it showed."""
    if state is None or max(state.told_at or now, state.news_since or now) <= now:
        return state
    told_at = None if state.told_at is None else min(state.told_at, now)
    news_since = None if state.news_since is None else min(state.news_since, now)
    return replace(state, told_at=told_at, news_since=news_since)


def _adopted(name: str, group: dict[str, str], members: Sequence[Member], now: datetime) -> GroupState:
    """The state of a group of which nothing is remembered. People may know of its alerts all the same."""
    known = [each.alert for each in members if each.fires and each.told is AlertStatus.FIRING]
    if not known:
        return GroupState(group=group)
    return GroupState(
        group=group,
        told_at=now,
        firing=frozenset(alert.fingerprint for alert in known),
        thread=_hash(name, now.isoformat(), *sorted(map(episode, known))),
        stem=stem(group, known),
    )


def _closed(state: GroupState) -> GroupState:
    return replace(state, thread="", stem="", firing=frozenset(), news_since=None, notices=0)


def _newest(over: Iterable[Member], *, but: Iterable[Member]) -> list[Member]:
    """Of several episodes of one alert the last, and none of an alert that fires again."""
    firing = {each.alert.fingerprint for each in but}
    newest: dict[str, Member] = {}
    for each in sorted(over, key=lambda member: member.alert.starts_at):
        if each.alert.fingerprint not in firing:
            newest[each.alert.fingerprint] = each
    return list(newest.values())


def _alerts(members: Iterable[Member]) -> tuple[Alert, ...]:
    return tuple(sorted((each.alert for each in members), key=place))


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
