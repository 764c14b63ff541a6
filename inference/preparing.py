"""Tokenising off the event loop: two side threads, each of which takes all texts that have come meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from inference.backend import Model, Payload
from inference.errors import EngineError, InferenceError

_THREADS = 2
_JOB_ROWS = 256
_Job = asyncio.Future[list[Payload | InferenceError]]


class Preparing:
    """Payloads of one model on their way through `Model.prepare`. Event-loop thread only."""

    def __init__(self, model: Model) -> None:
        self.rows = 0  # waiting or being prepared
        self._model = model
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Payload, asyncio.Future[Payload]]] = deque()
        self._jobs = 0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="prepare")

    async def prepare(self, payload: Payload) -> Payload:
        """The payload, ready for the queue."""
        future: asyncio.Future[Payload] = self._loop.create_future()
        self.rows += payload.rows
        self._waiting.append((payload, future))
        self._loop.call_soon(self._pump)  # in the next tick, so that what comes in this one is one job
        try:
            return await future
        finally:
            self.rows -= payload.rows

    def close(self, error: InferenceError) -> None:
        """Fail what waits."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()

    def _pump(self) -> None:
        while self._waiting and self._jobs < _THREADS:
            job = self._next_job()
            if not job:
                return
            self._jobs += 1
            payloads = [payload for payload, _ in job]
            futures = [future for _, future in job]
            running = self._loop.run_in_executor(self._threads, self._run, payloads)
            running.add_done_callback(partial(self._done, futures))

    def _next_job(self) -> list[tuple[Payload, asyncio.Future[Payload]]]:
        job: list[tuple[Payload, asyncio.Future[Payload]]] = []
        rows = 0
        while self._waiting and rows < _JOB_ROWS:
            payload, future = self._waiting.popleft()
            if future.done():
                continue  # its client has gone
            job.append((payload, future))
            rows += payload.rows
        return job

    def _run(self, payloads: list[Payload]) -> list[Payload | InferenceError]:
        """On a side thread. What fails together is tried one by one, so that a bad text fails alone."""
        try:
            return [*self._model.prepare(payloads)]
        except Exception as exc:  # noqa: BLE001  each waiter learns of it
            if len(payloads) == 1:
                return [EngineError(f"the text cannot be tokenised: {type(exc).__name__}")]
        return [outcome for payload in payloads for outcome in self._run([payload])]

    def _done(self, futures: list[asyncio.Future[Payload]], done: _Job) -> None:
        self._jobs -= 1
        self._pump()
        outcomes = [EngineError("the engine stopped")] * len(futures) if done.cancelled() else done.result()
        for future, outcome in zip(futures, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, InferenceError):
                future.set_exception(outcome)
                continue
            future.set_result(outcome)
