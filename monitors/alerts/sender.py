"""Takes messages from the outbox to their channels. Tries again with growing pauses, in the end gives up.

Sending lies outside of every transaction, so it happens at least once; a repetition carries the same id. What
became of a message is noted even if the lease went meanwhile, lest a slow server be sent to without end. Each
recipient has one message on its way at a time, so one that is away holds up nobody else. When a message is
given up, another channel is told, once.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from monitors.alerts.channels import Channel, Message, failure
from monitors.alerts.groups import Notice, NoticeReason, Words
from monitors.alerts.telling import group_key
from monitors.alerts.words import plain
from monitors.errors import ChannelError
from storage.clock import Clock
from storage.counting import Counting, CountingWrite
from storage.database import Database
from storage.leases import Lease
from storage.outbox import (
    OutboxMessage,
    add_messages,
    dead_messages,
    due_messages,
    mark_dead,
    mark_failed,
    mark_sent,
    message_before,
)
from storage.records import Alert, AlertStatus, Scope, Severity

log = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP = timedelta(hours=72)
AT_ONCE = 20


class Sender:
    """Sends what is due. One at a time: each call needs the lease `send`."""

    def __init__(
        self,
        database: Database,
        *,
        counting: Counting,
        channels: Sequence[Channel],
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._database = database
        self._counting = counting
        self._channels = {(channel.name, channel.recipient): channel for channel in channels}
        self._clock = clock
        self._chance = chance
        self._paused: dict[tuple[str, str], tuple[datetime, datetime]] = {}  # from when to when
        self.sent = self.failed = self.dead = 0  # messages, since this process began

    @property
    def recipients(self) -> int:
        """How many there are to send to."""
        return len(self._channels)

    def send(self, lease: Lease) -> int:
        """Try the next message of every recipient, if it is due. Returns how many were tried."""
        now = self._clock()
        with self._database.read() as connection:
            due = due_messages(connection, now, limit=AT_ONCE)
        ready = [each for each in due if not self._pauses(_key(each), now)]
        for message in ready:
            self._try(message, lease)
        return len(ready)

    def _try(self, due: OutboxMessage, lease: Lease) -> None:
        with self._counting.transaction(
            lease
        ) as write:  # ours still: one woken from long sleep sends nothing
            message = self._first(due, write)
        error = self._failure(message)
        now = self._clock()
        next_at = None if error is None else next_try(message, error, now, self._chance())
        with self._database.write() as connection:
            if error is None:
                mark_sent(connection, message)
            elif next_at is None:
                mark_dead(connection, message, error=str(error))
                add_messages(connection, self._word_of(message, error, dead_messages(connection), now))
            else:
                for each in dict.fromkeys((message, due)):
                    mark_failed(connection, each, error=str(error), next_at=next_at)
        self._note(message, error, given_up=next_at is None)

    def _first(self, message: OutboxMessage, write: CountingWrite) -> OutboxMessage:
        """What goes out in its place: where order matters, the oldest about the same group."""
        channel = self._channels.get(_key(message))
        if channel is None or not channel.ordered:
            return message
        return message_before(write.connection, message) or message

    def _failure(self, message: OutboxMessage) -> ChannelError | None:
        channel = self._channels.get(_key(message))
        if channel is None:
            return ChannelError(f"{message.channel} to this recipient is not in the settings (any more)")
        said = failure(
            channel,
            Message(
                id=message.message_id,
                channel=message.channel,
                recipient=message.recipient,
                body=message.body,
            ),
        )
        if channel.pause_s:
            now = self._clock()
            self._paused[_key(message)] = (now, now + timedelta(seconds=channel.pause_s))
        return said

    def _pauses(self, key: tuple[str, str], now: datetime) -> bool:
        """Whether a channel is to be left alone. A clock that went back must not make it wait for longer."""
        start, end = self._paused.get(key, (now, now))
        return start <= now < end

    def _word_of(
        self, message: OutboxMessage, error: ChannelError, dead: Sequence[OutboxMessage], now: datetime
    ) -> list[OutboxMessage]:
        """What tells another of a recipient who cannot be reached."""
        own = _key(message)
        if own not in self._channels:
            return []  # a person took it out of the settings
        away = {_key(each) for each in dead}
        others = [key for key in self._channels if key != own]
        # One whom nothing failed to reach is the better one, and then another way.
        others.sort(key=lambda key: (key in away, key[0] == message.channel))
        notice = undelivered(message, str(error), now)
        for key in others:
            try:
                return [outbox_message(self._channels[key], notice, now)]
            except Exception:  # a plug-in may raise anything: the log says so, and the next one tells
                log.exception("notice not rendered", extra={"channel": key[0], "id": notice.id})
        return []

    def _note(self, message: OutboxMessage, error: ChannelError | None, *, given_up: bool) -> None:
        about = {
            "channel": message.channel,
            "message_id": message.message_id,
            "attempt": message.attempts + 1,
        }
        if error is None:
            self.sent += 1
            log.info("message sent", extra=about)
        elif given_up:
            self.dead += 1
            log.error("message dead", extra=about | {"error": str(error)})
        else:
            self.failed += 1
            log.warning("message not sent", extra=about | {"error": str(error)})


def next_try(message: OutboxMessage, error: ChannelError, now: datetime, chance: float) -> datetime | None:
    """When to try again; None: never. Pauses double up to an hour, each drawn from its upper half.

    They are as long as the other side asks for, if that is longer.
    """
    if error.permanent or now - message.made_at >= GIVE_UP:
        return None
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(message.attempts, 20)))
    wait: timedelta = pause * (0.5 + chance / 2)
    return now + max(wait, timedelta(seconds=error.retry_after_s or 0.0))


def outbox_message(channel: Channel, notice: Notice, now: datetime) -> OutboxMessage:
    """A notice as it waits in the outbox for one channel."""
    message = channel.render(notice)
    return OutboxMessage(
        message_id=message.id,
        channel=message.channel,
        recipient=message.recipient,
        body=message.body,
        made_at=now,
        next_at=now,
        reason=notice.reason.value,
        subject=plain(notice.subject, 200),
        group=group_key(notice),
    )


def undelivered(message: OutboxMessage, error: str, now: datetime) -> Notice:
    """Word that somebody cannot be reached: the same all day, so that one who hears of it hears it once."""
    recipient = plain(message.recipient)
    named = f"undelivered {message.channel} {message.recipient} {now:%Y-%m-%d}"
    id = hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:32]
    said = f" The first that was given up: {plain(message.subject, 200)}." if message.subject else ""
    alert = Alert(
        fingerprint=id,
        status=AlertStatus.FIRING,
        rule="undelivered",
        severity=Severity.CRITICAL,
        scope=Scope(model="inferwatch", version=""),
        monitor="alerts",
        metric="messages",
        column=recipient,
        summary=f"messages to {recipient} ({message.channel}) do not arrive: {plain(error, 300)}.{said}",
        starts_at=message.made_at,
        updated_at=now,
    )
    words = Words(text=f"Mend alerts.{message.channel} in inferwatch.yaml; `inferwatch check` tries it.")
    return Notice(
        id=id,
        thread=id,
        stem=f"inferwatch: messages to {recipient} do not arrive",
        group={},
        reason=NoticeReason.FIRST,
        at=now,
        fired=(alert,),
        about={id: words},
    )


def _key(message: OutboxMessage) -> tuple[str, str]:
    return message.channel, message.recipient
