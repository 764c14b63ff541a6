"""Events of one tick share one write; each request hears of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from gateway.capture import Recorder
from gateway.errors import RefusedError
from gateway.metrics import GatewayMetrics
from storage.errors import JournalFullError
from storage.records import InferenceEvent, Outcome


def event(app_id: str) -> InferenceEvent:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return InferenceEvent(at=at, outcome=Outcome.OK, protocol="v1", total_s=0.001, app_id=app_id)


class Shelf:
    """Takes events but those called "bad", and remembers each write."""

    accepting = True

    def __init__(self) -> None:
        self.writes: list[list[str]] = []

    def record(self, events: Sequence[InferenceEvent]) -> list[str]:
        names = [str(one.app_id) for one in events]
        if "bad" in names:
            raise JournalFullError("full", retry_after_s=2.0)
        self.writes.append(names)
        return [f"id-{name}" for name in names]


def recorded(shelf: Shelf, *names: str) -> list[str | BaseException]:
    """What each of several requests hears that end in one tick."""
    metrics = GatewayMetrics()
    metrics.in_flight.update(names)
    recorder = Recorder(shelf, metrics)

    async def together() -> list[str | BaseException]:
        return await asyncio.gather(*(recorder.record(event(name)) for name in names), return_exceptions=True)

    return asyncio.run(together())


def test_events_of_one_tick_share_a_write() -> None:
    shelf = Shelf()

    assert recorded(shelf, "a", "b", "c") == ["id-a", "id-b", "id-c"]
    assert shelf.writes == [["a", "b", "c"]]


def test_a_request_alone_is_written_at_once() -> None:
    shelf = Shelf()

    assert recorded(shelf, "a") == ["id-a"]


def test_where_a_write_fails_each_event_is_tried_alone() -> None:
    shelf = Shelf()

    first, second, third = recorded(shelf, "a", "bad", "c")

    assert (first, third) == ("id-a", "id-c")
    assert isinstance(second, RefusedError)
    assert (second.status, second.retry_after_s) == (503, 2.0)
    assert shelf.writes == [["a"], ["c"]]


def test_a_full_shelf_refuses_before_the_work() -> None:
    shelf = Shelf()
    shelf.accepting = False

    with pytest.raises(RefusedError, match="try again later"):
        Recorder(shelf, GatewayMetrics()).admit()
