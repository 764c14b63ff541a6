"""A notice that is a test, for a person who wants to see whether a channel works."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from monitors.alerts.channels import Channel, failure
from monitors.alerts.groups import Notice, NoticeReason, Words
from monitors.errors import ChannelError
from storage.records import Alert, AlertStatus, Scope, Severity


def tried(
    channel: Channel, now: datetime, pause: Callable[[float], None] = time.sleep
) -> ChannelError | None:
    """Send a test alert, then its end, so that no incident stays open. None: both were taken."""
    error = failure(channel, channel.render(trial(now, AlertStatus.FIRING)))
    if error is not None:
        return error
    pause(channel.pause_s)
    return failure(channel, channel.render(trial(now, AlertStatus.RESOLVED)))


def trial(now: datetime, status: AlertStatus) -> Notice:
    """The notice. It is heavy enough for every channel."""
    over = status is AlertStatus.RESOLVED
    named = f"test-{now:%Y%m%dT%H%M%S%f}"
    alert = Alert(
        fingerprint=named,
        status=status,
        rule="test",
        severity=Severity.CRITICAL,
        scope=Scope(model="inferwatch", version=""),
        monitor="alerts",
        metric="test",
        column=None,
        summary="this is a test of the channel, and nothing is wrong",
        starts_at=now,
        updated_at=now,
        ends_at=now if over else None,
    )
    return Notice(
        id=f"{named}-{status.value}",
        thread=named,
        stem="inferwatch: test of the channel",
        group={"alertname": "test"},
        reason=NoticeReason.RESOLVED if over else NoticeReason.FIRST,
        at=now,
        fired=() if over else (alert,),
        resolved=(alert,) if over else (),
        about={named: Words(text="Somebody ran `inferwatch channels test`.")},
    )
