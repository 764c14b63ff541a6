"""Makes messages of notices: for every channel that wants them, with charts, within what it may bring."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitors.alerts.capping import Allowance, admit
from monitors.alerts.channels import Channel, wants
from monitors.alerts.groups import History, Notice, Point
from monitors.alerts.situations import group_name
from storage.database import Database
from storage.measurements import measured_of
from storage.outbox import OutboxMessage
from storage.records import Alert, Judgement

log = logging.getLogger(__name__)

CHARTS = 3
"""Alerts of a notice whose history is shown."""
POINTS = 100


@dataclass(slots=True, kw_only=True)
class Post:
    """What one look puts into the outbox, and what is remembered of recipients that get so many an hour."""

    messages: list[OutboxMessage] = field(default_factory=list)
    allowances: dict[str, Allowance] = field(default_factory=dict)  # changed ones, by recipient
    holding: bool = False  # whether something is held back, so that time alone will bring more


class Postbox:
    """Renders. `wait`: how long what is held back waits for more before it becomes a digest."""

    def __init__(self, database: Database, channels: Sequence[Channel], *, wait: timedelta) -> None:
        self._database = database
        self._channels = channels
        self._wait = wait
        self.unrendered = 0  # messages that a channel could not make

    def post(self, notices: Sequence[Notice], remembered: Mapping[str, bytes], now: datetime) -> Post:
        """The messages of a look. `remembered`: the allowances of all recipients."""
        post = Post()
        if not self._channels:
            return post
        told = [replace(notice, histories=self._histories(notice)) for notice in notices]
        for channel in self._channels:
            wanted = [notice for notice in told if wants(channel, notice)]
            for notice in self._admitted(channel, wanted, remembered, post, now):
                post.messages += self._rendered(channel, notice, now)
        return post

    def _admitted(
        self,
        channel: Channel,
        wanted: Sequence[Notice],
        remembered: Mapping[str, bytes],
        post: Post,
        now: datetime,
    ) -> Sequence[Notice]:
        if channel.per_hour is None:
            return wanted
        name = f"{channel.name} {channel.recipient}"
        before = Allowance.from_bytes(remembered[name]) if name in remembered else Allowance()
        if not wanted and not before.held:
            return ()
        admitted = admit(before, wanted, recipient=name, per_hour=channel.per_hour, wait=self._wait, now=now)
        if admitted.allowance != before:
            post.allowances[name] = admitted.allowance
        post.holding |= bool(admitted.allowance.held)
        return admitted.notices

    def _rendered(self, channel: Channel, notice: Notice, now: datetime) -> Iterator[OutboxMessage]:
        try:
            message = channel.render(notice)
        except Exception:  # a plug-in may raise anything: the log says so, and the other channels tell
            self.unrendered += 1
            log.exception("notice not rendered", extra={"channel": channel.name, "id": notice.id})
            return
        yield OutboxMessage(
            message_id=message.id,
            channel=message.channel,
            recipient=message.recipient,
            body=message.body,
            made_at=now,
            next_at=now,
            reason=notice.reason.value,
            subject=notice.subject,
            group=group_name(notice.group) if notice.group else "",
        )

    def _histories(self, notice: Notice) -> tuple[History, ...]:
        """What was measured before the first of its alerts."""
        with self._database.read() as connection:
            found = {alert: measured_of(connection, alert, limit=POINTS) for alert in notice.alerts[:CHARTS]}
        return tuple(_history(alert, judgements) for alert, judgements in found.items() if judgements)


def _history(alert: Alert, judgements: Sequence[Judgement]) -> History:
    points = []
    for judgement in judgements:
        low, high = judgement.measurement.interval or (None, None)
        value = judgement.measurement.value
        points.append(Point(at=judgement.window.end, value=value, low=low, high=high))
    bounds = judgements[-1].measurement.bounds
    return History(fingerprint=alert.fingerprint, points=tuple(points), bounds=bounds)
