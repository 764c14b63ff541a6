"""From an answer to its event in the journal: one write, before the answer leaves."""

from __future__ import annotations

import itertools
import logging
import secrets
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

    def record(self, event: InferenceEvent) -> str:
        """Keep the event and give its id. Raises `JournalFullError` where the policy is to refuse."""


class JournalCapture:
    """Appends to the journal."""

    def __init__(self, journal: Journal, policy: FullPolicy) -> None:
        self._journal = journal
        self._refuses = policy is FullPolicy.REFUSE

    @property
    def accepting(self) -> bool:
        """False once the journal is full and its policy is to refuse."""
        return not self._refuses or self._journal.accepting

    def record(self, event: InferenceEvent) -> str:
        """One `write(2)`.

        Counted as answered only once it is there: a crash between leaves no event that seems lost.
        """
        event_id = self._journal.append(event)
        self._journal.count_answered()
        return str(event_id)


class NoCapture:
    """Keeps nothing: to measure what capture costs."""

    accepting = True

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count()

    def record(self, event: InferenceEvent) -> str:
        """An id that nothing can be found by."""
        return f"{self._prefix}-0-{next(self._numbers):x}"


class Recorder:
    """Counts and keeps events, and says so in the gateway's own errors when it cannot."""

    def __init__(self, capture: Capture, metrics: GatewayMetrics) -> None:
        self._capture, self.metrics = capture, metrics

    def admit(self) -> None:
        """Raises `RefusedError` where an event could not be kept: ask before a request costs anything."""
        if not self._capture.accepting:
            raise journal_full(1.0)

    def record(self, event: InferenceEvent) -> str:
        """Its id. Raises `RefusedError` where it could not be kept and must be."""
        self.metrics.count(event)
        try:
            return self._capture.record(event)
        except JournalFullError as exc:
            raise journal_full(exc.retry_after_s) from exc
        except JournalError as exc:
            log.exception("the journal took no event")
            raise journal_full(1.0) from exc


def journal_full(retry_after_s: float) -> RefusedError:
    """503: under the policy "refuse" no request is answered whose event cannot be kept."""
    message = "events cannot be recorded now, and none may be lost; try again later"
    return RefusedError(503, message, reason="journal_full", retry_after_s=retry_after_s)
