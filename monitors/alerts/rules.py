"""Which alerts stand, and what of them is news: a pure function of (rules, judgements, states, clock).

Whether a number is bad was decided in `assess`, once; a rule only counts breached windows. A window without a
measurement changes nothing: it neither opens an alert nor resolves one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from monitors.alerts.words import sentence
from monitors.rulebook import Rule
from storage.records import Alert, AlertStatus, Bounds, Judgement


class Reason(StrEnum):
    """Why a judgement is news, or is not."""

    FIRED = "fired"  # news: enough windows are breached
    RESOLVED = "resolved"  # news: no longer
    PASSED = "passed"  # news: fired and resolved within one look, so it is told once, as over
    HEALTHY = "healthy"
    PENDING = "pending"  # breached, but not yet often or long enough
    WITHDRAWN = "withdrawn"  # was pending and came to nothing
    STANDS = "stands"  # fires, and did before
    KEPT = "kept"  # no longer breached, but it goes on for `keep_firing_for`
    UNKNOWN = "unknown"  # no measurement: changes nothing
    SUPERSEDED = "superseded"  # newer windows have already decided
    STALE = "stale"  # an old window, judged again, opens no alert


REOPEN = timedelta(hours=24)
"""A window that ended longer ago (or its own length ago, if longer) opens no alert when judged again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was said of one window."""

    end: datetime
    breached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """What a rule remembers of one fingerprint."""

    verdicts: tuple[Verdict, ...] = ()  # of the newest known windows, oldest first
    alert: Alert | None = None  # the episode that stands, or the last one
    closed_at: datetime | None = None  # end of the window that resolved the last episode
    enough_since: datetime | None = None  # while pending: the window at which enough were breached
    calm_since: datetime | None = None  # while firing: the window at which enough were no longer

    @property
    def stands(self) -> bool:
        """Whether an episode is open."""
        return self.alert is not None and self.alert.status is not AlertStatus.RESOLVED

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> RuleState:
        return _STATE.decode(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """An alert that a person should hear about now, and why."""

    alert: Alert
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What came of a look: what to store, and what to tell."""

    alerts: tuple[Alert, ...]  # changed ones, oldest first
    withdrawn: tuple[Alert, ...]  # pending ones that came to nothing: forget them
    states: Mapping[str, RuleState]  # changed ones, by fingerprint
    news: tuple[News, ...]
    reasons: Mapping[str, Reason]  # the last one of each fingerprint


def decide(
    rules: Sequence[Rule],
    judgements: Iterable[Judgement],
    states: Mapping[str, RuleState],
    *,
    clock: datetime,
) -> Decision:
    """Fold judgements of one model version, window by window, into its alerts. `clock` is the model's."""
    changed: dict[str, RuleState] = {}
    alerts: dict[tuple[str, datetime], Alert] = {}
    withdrawn: list[Alert] = []
    news: dict[tuple[str, datetime], News] = {}
    reasons: dict[str, Reason] = {}
    for rule, judgement in _in_order(rules, judgements):
        key = fingerprint(rule, judgement)
        before = changed.get(key) or states.get(key) or RuleState()
        after, reason = _step(rule, judgement, before, clock)
        reasons[key] = reason
        if after == before:
            continue
        changed[key] = after
        if reason is Reason.WITHDRAWN and before.alert is not None:
            alerts.pop((key, before.alert.starts_at), None)
            withdrawn.append(before.alert)
        if after.alert is None or after.alert == before.alert:
            continue
        episode = (key, after.alert.starts_at)
        if before.alert is not None and before.stands:  # an earlier window may have moved its start
            alerts.pop((key, before.alert.starts_at), None)
        alerts[episode] = after.alert
        if reason in {Reason.FIRED, Reason.RESOLVED}:
            unheard = reason is Reason.RESOLVED and episode in news
            news[episode] = News(alert=after.alert, reason=Reason.PASSED if unheard else reason)
        elif episode in news:
            news[episode] = replace(news[episode], alert=after.alert)
    return Decision(
        alerts=tuple(alerts.values()),
        withdrawn=tuple(withdrawn),
        states=changed,
        news=tuple(news.values()),
        reasons=reasons,
    )


def fingerprint(rule: Rule, judgement: Judgement) -> str:
    """Which alert a judgement speaks of: the hash of everything that names it."""
    scope, measurement = judgement.scope, judgement.measurement
    labels = (rule.name, scope.model, scope.version, scope.arm.value, scope.slice)
    named = (*labels, judgement.monitor, measurement.metric, measurement.column)
    return hashlib.sha256(msgspec.json.encode(named)).hexdigest()[:32]


def _in_order(rules: Sequence[Rule], judgements: Iterable[Judgement]) -> Iterable[tuple[Rule, Judgement]]:
    bounded = (judgement for judgement in judgements if judgement.measurement.bounds != Bounds())
    for judgement in sorted(bounded, key=lambda each: (each.window.end, each.window.start)):
        for rule in rules:
            if rule.covers(judgement):
                yield rule, judgement


def _step(rule: Rule, judgement: Judgement, state: RuleState, clock: datetime) -> tuple[RuleState, Reason]:
    if judgement.measurement.value is None:
        return state, Reason.UNKNOWN
    end = judgement.window.end
    first_look = not state.verdicts or end > state.verdicts[-1].end
    verdicts = _replaced(state.verdicts, Verdict(end=end, breached=judgement.measurement.breached), rule.of)
    if all(verdict.end != end for verdict in verdicts):
        return state, Reason.SUPERSEDED
    state = replace(state, verdicts=verdicts)
    breached = [
        each.end
        for each in verdicts
        if each.breached and (state.closed_at is None or each.end >= state.closed_at)
    ]
    enough = len(breached) >= rule.breached
    too_old = end < clock - max(REOPEN, end - judgement.window.start)
    fires = state.stands and state.alert is not None and state.alert.status is AlertStatus.FIRING
    if too_old and not first_look and breached and not fires:
        return state, Reason.STALE
    if fires:
        return _go_on(rule, judgement, state, enough=enough)
    return _come_up(rule, judgement, state, breached)


def _come_up(
    rule: Rule, judgement: Judgement, state: RuleState, breached: list[datetime]
) -> tuple[RuleState, Reason]:
    """The next look at what does not fire (yet). `breached`: ends of the windows that speak for an alert."""
    newest = state.verdicts[-1].end
    enough = len(breached) >= rule.breached
    if state.alert is not None and state.stands and enough and state.enough_since is not None:
        breached.append(state.alert.starts_at)  # it waits for longer than windows are remembered
    state = replace(state, enough_since=(state.enough_since or newest) if enough else None)
    if not breached:
        return (replace(state, alert=None), Reason.WITHDRAWN) if state.stands else (state, Reason.HEALTHY)
    long_enough = state.enough_since is not None and newest - state.enough_since >= rule.wait
    status = AlertStatus.FIRING if long_enough else AlertStatus.PENDING
    alert = _opened(rule, judgement, status, starts_at=min(breached), updated_at=newest)
    if long_enough:
        return replace(state, alert=alert, enough_since=None), Reason.FIRED
    return replace(state, alert=alert), Reason.PENDING


def _go_on(rule: Rule, judgement: Judgement, state: RuleState, *, enough: bool) -> tuple[RuleState, Reason]:
    """The next look at an alert that fires."""
    newest = state.verdicts[-1].end
    if state.alert is None:
        return state, Reason.HEALTHY
    calm_since = None if enough else state.calm_since or newest
    if calm_since is not None and newest - calm_since < rule.keep_firing_for:
        kept = replace(state.alert, updated_at=newest)
        return replace(state, alert=kept, calm_since=calm_since), Reason.KEPT
    if not enough:
        over = replace(
            state.alert,
            status=AlertStatus.RESOLVED,
            summary=sentence(judgement),
            updated_at=newest,
            ends_at=newest,
        )
        return replace(state, alert=over, closed_at=newest, calm_since=None), Reason.RESOLVED
    summary = sentence(judgement) if judgement.measurement.breached else state.alert.summary
    alert = replace(state.alert, summary=summary, severity=rule.severity, updated_at=newest)
    return replace(state, alert=alert, calm_since=None), Reason.STANDS


def _opened(
    rule: Rule, judgement: Judgement, status: AlertStatus, *, starts_at: datetime, updated_at: datetime
) -> Alert:
    return Alert(
        fingerprint=fingerprint(rule, judgement),
        status=status,
        rule=rule.name,
        severity=rule.severity,
        scope=judgement.scope,
        monitor=judgement.monitor,
        metric=judgement.measurement.metric,
        column=judgement.measurement.column,
        summary=sentence(judgement),
        starts_at=starts_at,
        updated_at=updated_at,
        replay=judgement.replay,
    )


def _replaced(verdicts: Sequence[Verdict], verdict: Verdict, keep: int) -> tuple[Verdict, ...]:
    """The newest `keep` verdicts, with this one in its place."""
    others = [each for each in verdicts if each.end != verdict.end]
    return tuple(sorted([*others, verdict], key=lambda each: each.end)[-keep:])


_STATE = msgspec.msgpack.Decoder(RuleState)
