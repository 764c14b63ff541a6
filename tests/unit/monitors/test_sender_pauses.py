"""When a message is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitors.alerts.sender import next_try
from monitors.errors import ChannelError
from storage.outbox import OutboxMessage

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MESSAGE = OutboxMessage(message_id="m", channel="email", recipient="r", body=b"", made_at=NOW, next_at=NOW)
LATER = ChannelError("451")


@pytest.mark.parametrize(
    ("attempts", "pause_s"), [(0, 15), (1, 30), (2, 60), (7, 1920), (8, 3600), (100, 3600), (10**6, 3600)]
)
def test_pauses_double_up_to_an_hour(attempts: int, pause_s: int) -> None:
    message = replace(MESSAGE, attempts=attempts)

    assert next_try(message, LATER, NOW, 1.0) == NOW + timedelta(seconds=pause_s)
    assert next_try(message, LATER, NOW, 0.0) == NOW + timedelta(seconds=pause_s) / 2


def test_what_is_refused_for_good_is_not_tried_again() -> None:
    assert next_try(MESSAGE, ChannelError("550", permanent=True), NOW, 0.5) is None


def test_after_72_hours_nothing_is_tried_again() -> None:
    almost = timedelta(hours=71, minutes=59)

    assert next_try(MESSAGE, LATER, NOW + almost, 0.5) is not None
    assert next_try(MESSAGE, LATER, NOW + timedelta(hours=72), 0.5) is None
