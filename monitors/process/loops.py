"""Runs a step again and again in a thread, and goes on whatever happens to one step."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from storage.errors import DatabaseUnavailableError

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class Loop:
    """One thread of the monitor process. `step` says whether there may be more to do at once."""

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        *,
        stop: threading.Event,
        poll_s: float,
        after_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.failures = 0  # steps that failed, since the process began
        self._step = step
        self._stop = stop
        self._poll_s = poll_s
        self._after_failure = after_failure
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for its end. False: it is still at work."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        in_a_row = 0
        while not self._stop.is_set():
            try:
                more = self._step()
            except Exception as exc:  # noqa: BLE001  # the edge of a thread: the log tells, and the next try may do
                in_a_row += 1
                self._note(exc, in_a_row)
                self._stop.wait(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(in_a_row, 10)))
                continue
            if in_a_row:
                log.info("loop goes on", extra={"loop": self.name, "failures": in_a_row})
                in_a_row = 0
            if not more:
                self._stop.wait(self._poll_s)

    def _note(self, exc: Exception, in_a_row: int) -> None:
        self.failures += 1
        about = {"loop": self.name, "failures": in_a_row}
        if isinstance(exc, DatabaseUnavailableError):
            log.warning("database away", extra=about | {"error": str(exc)})
        else:
            log.error("loop failed", exc_info=exc, extra=about)
        self._after_failure()
