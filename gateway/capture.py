"""From an answer to its event in the journal: one write, before the answer leaves."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Sequence
from typing import Protocol

from gateway.errors import RefusedError
from gateway.metrics import GatewayMetrics
from storage.errors import JournalError, JournalFullError
from storage.journal import Journal
from storage.records import InferenceEvent
from storage.settings import FullPolicy

log = logging.getLogger(__name__)


class Capture(Protocol):
    """Where events go."""

    @property
    def accepting(self) -> bool:
        """Whether an event would be taken now. False: refuse the request before it costs anything."""

    def record(self, events: Sequence[InferenceEvent]) -> list[str]:
        """Keep all of them, or none, and give their ids. Raises `JournalError`."""


class JournalCapture:
    """Appends to the journal."""

    def __init__(self, journal: Journal, policy: FullPolicy) -> None:
        self._journal = journal
        self._refuses = policy is FullPolicy.REFUSE

    @property
    def accepting(self) -> bool:
        """False once the journal is full and its policy is to refuse."""
        return not self._refuses or self._journal.accepting

    def record(self, events: Sequence[InferenceEvent]) -> list[str]:
        """One `write(2)`.

        They count as answered only once they are there: a crash between leaves none that seems lost.
        """
        ids = self._journal.append_many(events)
        self._journal.count_answered(len(events))
        return [str(event_id) for event_id in ids]


class NoCapture:
    """Keeps nothing: to measure what capture costs."""

    accepting = True

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count()

    def record(self, events: Sequence[InferenceEvent]) -> list[str]:
        """Ids that nothing can be found by."""
        return [f"{self._prefix}-0-{next(self._numbers):x}" for _ in events]


class Recorder:
    """Counts and keeps events, and says so in the gateway's own errors when it cannot.

    Answers of one batch become ready in one tick of the event loop, and their events share one write: what
    capture costs most is that a write gives the interpreter's lock away while the engine's thread wants it.
    """

    def __init__(self, capture: Capture, metrics: GatewayMetrics) -> None:
        self._capture, self.metrics = capture, metrics
        self._waiting: list[tuple[InferenceEvent, asyncio.Future[str]]] = []

    def admit(self) -> None:
        """Raises `RefusedError` where an event could not be kept: ask before a request costs anything."""
        if not self._capture.accepting:
            raise journal_full(1.0)

    async def record(self, event: InferenceEvent) -> str:
        """Its id, once it is kept. Raises `RefusedError` where it could not be and must."""
        if len(self.metrics.in_flight) == 1:  # alone: nothing to share with
            return self.record_now(event)
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[str] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((event, kept))
        return await kept

    def record_now(self, event: InferenceEvent) -> str:
        """The same, at once: for the end of a request that cannot wait any more."""
        self.metrics.count(event)
        try:
            return self._capture.record((event,))[0]
        except JournalFullError as exc:
            raise journal_full(exc.retry_after_s) from exc
        except (JournalError, OSError) as exc:
            log.exception("the journal took no event")
            raise journal_full(1.0) from exc

    def _flush(self) -> None:
        """Everything that came in this tick."""
        waiting, self._waiting = self._waiting, []
        try:
            ids = self._capture.record([event for event, _ in waiting])
        except (JournalError, OSError):  # not all of them: one by one, each hears of its own
            self._flush_each(waiting)
            return
        for (event, kept), event_id in zip(waiting, ids, strict=True):
            self.metrics.count(event)
            if not kept.done():
                kept.set_result(event_id)

    def _flush_each(self, waiting: list[tuple[InferenceEvent, asyncio.Future[str]]]) -> None:
        for event, kept in waiting:
            try:
                event_id = self.record_now(event)
            except RefusedError as exc:
                if not kept.done():
                    kept.set_exception(exc)
                continue
            if not kept.done():
                kept.set_result(event_id)


def journal_full(retry_after_s: float) -> RefusedError:
    """503: under the policy "refuse" no request is answered whose event cannot be kept."""
    message = "events cannot be recorded now, and none may be lost; try again later"
    return RefusedError(503, message, reason="journal_full", retry_after_s=retry_after_s)
