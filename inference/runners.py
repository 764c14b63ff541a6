"""Where batches run: on the event loop for the smallest models, else on the one thread of the device."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

from inference.batches import Batch, Outcome

if TYPE_CHECKING:
    from inference.queues import ModelQueue

log = logging.getLogger(__name__)


class Runner(Protocol):
    """Takes a batch and calls `done` of its queue on the event loop, once."""

    depth: int  # batches of one model in flight
    for_slower: Runner | None  # where a model goes that has become too slow for this one

    def put(self, owner: ModelQueue, batch: Batch) -> None:
        """Run the batch."""

    def refill(self, owner: ModelQueue) -> None:
        """A slot is free and work waits."""


class Inline:
    """Runs on the event loop, one batch a tick: a hand-over to a thread costs 38 us, a tiny forward less."""

    depth = 1

    def __init__(self, *, for_slower: Runner) -> None:
        self.for_slower: Runner | None = for_slower

    def put(self, owner: ModelQueue, batch: Batch) -> None:
        batch.launch()
        outcomes = batch.finish()
        batch.busy_s = batch.seconds
        owner.done(batch, outcomes)

    def refill(self, owner: ModelQueue) -> None:
        owner.schedule()  # in the next tick, so that requests are read in between


class DeviceThread:
    """The only thread that calls models on its device.

    Several models share it by measured busy seconds: of those that have a batch, the one that used the least
    goes first.
    """

    def __init__(self, name: str, *, depth: int) -> None:
        self.depth = depth
        self.for_slower: Runner | None = None
        self._loop = asyncio.get_running_loop()
        self._inbox: queue.SimpleQueue[tuple[ModelQueue, Batch] | None] = queue.SimpleQueue()
        self._pending: dict[ModelQueue, deque[Batch]] = {}  # this and what follows: the thread's own
        self._used_s: dict[ModelQueue, float] = {}
        self._floor_s = 0.0
        self._free_at = 0.0
        self._open = True
        self._thread = threading.Thread(target=self._run, name=f"engine-{name}", daemon=True)
        self._thread.start()

    def put(self, owner: ModelQueue, batch: Batch) -> None:
        self._inbox.put((owner, batch))

    def refill(self, owner: ModelQueue) -> None:
        owner.pump()

    def stop(self, timeout_s: float) -> bool:
        """Finish what was put, then end. False: a batch did not return in time; the thread is left behind."""
        self._inbox.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        launched: tuple[ModelQueue, Batch] | None = None
        while True:
            self._receive(wait=launched is None)
            following = self._next()
            if following is None and launched is None:
                if not self._open:
                    return
                continue
            if following is not None:
                following[1].launch()
            if launched is not None:
                self._finish(*launched)
            launched = following
            if launched is not None and self.depth == 1:
                self._finish(*launched)
                launched = None

    def _receive(self, *, wait: bool) -> None:
        """Sort what has come into lines by model; sleep for it only if there is nothing else to do."""
        wait = wait and not self._pending and self._open
        while True:
            try:
                item = self._inbox.get(block=wait)
            except queue.Empty:
                return
            wait = False
            if item is None:
                self._open = False
                continue
            owner, batch = item
            if owner not in self._pending:
                self._pending[owner] = deque()
                self._used_s[owner] = max(self._used_s.get(owner, 0.0), self._floor_s)
            self._pending[owner].append(batch)

    def _next(self) -> tuple[ModelQueue, Batch] | None:
        if not self._pending:
            return None
        owner = min(self._pending, key=self._used_s.__getitem__)
        self._floor_s = self._used_s[owner]
        batch = self._pending[owner].popleft()
        if not self._pending[owner]:
            del self._pending[owner]
        return owner, batch

    def _finish(self, owner: ModelQueue, batch: Batch) -> None:
        outcomes: list[Outcome] = batch.finish()
        ended = (batch.started or 0.0) + batch.seconds
        batch.busy_s = ended - max(batch.started or 0.0, self._free_at)
        self._free_at = ended
        self._used_s[owner] = self._used_s.get(owner, self._floor_s) + batch.busy_s
        if owner.closed:
            self._used_s.pop(owner, None)
        try:
            self._loop.call_soon_threadsafe(owner.done, batch, outcomes)
        except RuntimeError:  # the event loop is gone, and its waiters with it
            log.warning("answers came after the event loop ended", extra={"rows": batch.rows})
