"""Tells that the database is away. Nothing can be read or written then, so it goes to the channels directly.

It remembers in memory alone: after a restart in the middle of an outage it may tell once more, under a name
of its own. Silences lie in the database and cannot be asked; mute times hold.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitors.alerts.channels import Channel, Message, failure, wants
from monitors.alerts.groups import Notice, NoticeReason, Words
from monitors.alerts.policy import Policy
from monitors.alerts.suppression import Member, suppressed
from monitors.rulebook import DATABASE, Rule
from storage.clock import Clock
from storage.errors import StorageError
from storage.matching import labels_of
from storage.records import Alert, AlertStatus, Scope

log = logging.getLogger(__name__)

RETRY = timedelta(seconds=30)
LATEST = timedelta(hours=1)
"""That it is over interests nobody later than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The database does not answer, or did not for a while."""

    since: datetime
    until: datetime | None = None  # None: it is away still


@dataclass(slots=True, kw_only=True)
class _Owed:
    """A message that a channel has not taken yet."""

    channel: Channel
    outage: Outage
    message: Message
    next_at: datetime


class OutageWatch:
    """Asks the database again and again. Tells when it has been away for `after` (None: never), and when it
    is back."""

    def __init__(
        self,
        ping: Callable[[], None],
        *,
        channels: Sequence[Channel],
        policy: Policy,
        after: timedelta | None,
        clock: Clock,
    ) -> None:
        self._ping = ping
        self._channels = channels
        self._policy = policy
        self._rule = policy.rules.get(DATABASE)
        self._after = after
        self._clock = clock
        self._outage: Outage | None = None
        self._raised = False  # whether people are told of this outage
        self._owed: list[_Owed] = []
        self._knowing: list[Channel] = []  # who took the message that it is away

    def look(self) -> bool:
        """Ask once, and send what is due. False: there is no hurry to look again."""
        now = self._clock()
        if self._rule is None or self._after is None:
            return False
        if self._answers():
            self._back(self._rule, now)
        else:
            self._away(self._rule, self._after, now)
        self._deliver(now)
        return False

    def _answers(self) -> bool:
        try:
            self._ping()
        except StorageError:  # the other loops log it
            return False
        return True

    def _away(self, rule: Rule, after: timedelta, now: datetime) -> None:
        self._outage = self._outage or Outage(since=now)
        if self._raised or now - self._outage.since < after:
            return
        notice = notice_of(self._outage, rule, at=now)
        if self._muted(notice, now):
            return
        self._raised = True
        log.error("database away", extra={"loop": "watch", "since": str(self._outage.since)})
        self._owe(notice, self._outage, self._channels, now)

    def _back(self, rule: Rule, now: datetime) -> None:
        if self._outage is None:
            return
        over = Outage(since=self._outage.since, until=now)
        # Who was not told that it was away need not hear that it is back.
        self._owed = [each for each in self._owed if each.outage.until is not None]
        self._owe(notice_of(over, rule, at=now), over, self._knowing, now)
        self._outage, self._raised, self._knowing = None, False, []

    def _owe(self, notice: Notice, outage: Outage, channels: Sequence[Channel], now: datetime) -> None:
        if outage.until is not None and not self._policy.send_resolved:
            return
        for channel in channels:
            if not wants(channel, notice):
                continue
            try:
                message = channel.render(notice)
            except Exception:  # a plug-in may raise anything: the log says so, and the other channels tell
                log.exception("notice not rendered", extra={"channel": channel.name, "id": notice.id})
                continue
            self._owed.append(_Owed(channel=channel, outage=outage, message=message, next_at=now))

    def _deliver(self, now: datetime) -> None:
        for owed in [each for each in self._owed if each.next_at <= now]:
            about = {"channel": owed.channel.name, "message_id": owed.message.id}
            error = failure(owed.channel, owed.message)
            if error is not None:
                late = owed.outage.until is not None and now - owed.outage.until > LATEST
                if error.permanent or late:
                    self._owed.remove(owed)
                owed.next_at = now + RETRY
                log.warning("message not sent", extra=about | {"error": str(error)})
                continue
            self._owed.remove(owed)
            if owed.outage.until is None:
                self._knowing.append(owed.channel)
            log.info("message sent", extra=about)

    def _muted(self, notice: Notice, now: datetime) -> bool:
        members = [
            Member(alert=alert, labels=notice.about[alert.fingerprint].labels) for alert in notice.alerts
        ]
        mutes = self._policy.mutes
        return bool(suppressed(members, silences=(), inhibitions=(), mutes=mutes, now=now))


def notice_of(outage: Outage, rule: Rule, *, at: datetime) -> Notice:
    """What is said of an outage. Its names come from when it began, so that a repetition can be told."""
    thread = hashlib.sha256(f"{rule.name}\n{outage.since:%Y%m%dT%H%M}".encode()).hexdigest()[:32]
    alert = _alert(outage, rule, at)
    fires = outage.until is None
    labels = labels_of(alert, rule.labels)
    return Notice(
        id=f"{thread}-{'away' if fires else 'back'}",
        thread=thread,
        stem="inferwatch: the database is away",
        group={},
        reason=NoticeReason.FIRST if fires else NoticeReason.RESOLVED,
        at=at,
        fired=(alert,) if fires else (),
        resolved=() if fires else (alert,),
        about={alert.fingerprint: Words(text=rule.text, runbook=rule.runbook, labels=labels)},
    )


def _alert(outage: Outage, rule: Rule, at: datetime) -> Alert:
    since = f"{outage.since:%Y-%m-%d %H:%M} UTC"
    summary = f"the database does not answer since {since}; nothing is counted or judged"
    if outage.until is not None:
        summary = f"the database answers again; it was away since {since}"
    return Alert(
        fingerprint=hashlib.sha256(rule.name.encode()).hexdigest()[:32],
        status=AlertStatus.FIRING if outage.until is None else AlertStatus.RESOLVED,
        rule=rule.name,
        severity=rule.severity,
        scope=Scope(model="", version=""),
        monitor=DATABASE,
        metric="away",
        column=None,
        summary=summary,
        starts_at=outage.since,
        updated_at=at,
        ends_at=outage.until,
    )
