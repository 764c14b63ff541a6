"""Takes messages from the outbox to their channels. Tries again with growing pauses, in the end gives up.

Sending lies outside of every transaction, so it happens at least once; a repetition carries the same id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from monitors.alerts.channels import Channel, Message
from monitors.errors import ChannelError
from storage.alerts import OutboxMessage, due_messages, mark_dead, mark_failed, mark_sent
from storage.clock import Clock
from storage.counting import Counting
from storage.database import Database
from storage.leases import Lease

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
        self.sent = self.failed = self.dead = 0  # messages, since this process began

    def send(self, lease: Lease) -> int:
        """Try every message that is due, each once. Returns how many were tried."""
        with self._database.read() as connection:
            due = due_messages(connection, self._clock(), limit=AT_ONCE)
        for message in due:
            self._try(message, lease)
        return len(due)

    def _try(self, message: OutboxMessage, lease: Lease) -> None:
        with self._counting.transaction(lease):
            pass  # the lease is still ours: a worker that was stopped and woken up sends nothing
        error = self._failure(message)
        now = self._clock()
        with self._counting.transaction(lease) as write:
            if error is None:
                mark_sent(write.connection, message)
            elif (next_at := next_try(message, error, now, self._chance())) is None:
                mark_dead(write.connection, message, error=str(error))
            else:
                mark_failed(write.connection, message, error=str(error), next_at=next_at)
        self._note(message, error, given_up=error is not None and next_try(message, error, now, 0.0) is None)

    def _failure(self, message: OutboxMessage) -> ChannelError | None:
        channel = self._channels.get((message.channel, message.recipient))
        if channel is None:
            return ChannelError(f"{message.channel} to this recipient is not in the settings (any more)")
        try:
            channel.send(
                Message(
                    id=message.message_id,
                    channel=message.channel,
                    recipient=message.recipient,
                    body=message.body,
                )
            )
        except ChannelError as exc:
            return exc
        return None

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
    """When to try again; None: never. Pauses double up to an hour, each drawn from its upper half."""
    if error.permanent or now - message.made_at >= GIVE_UP:
        return None
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(message.attempts, 20)))
    wait: timedelta = pause * (0.5 + chance / 2)
    return now + wait
