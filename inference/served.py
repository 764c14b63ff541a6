"""A model version that serves: what the gateway holds while it answers a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from inference.backend import Model, Outputs, Payload
from inference.errors import InferenceError, OverloadedError
from inference.manifest import Manifest
from inference.preparing import Preparing
from inference.queues import ModelQueue
from inference.signature import Columns
from inference.work import Inference, Work


class Served:
    """Answers requests for one version. Event-loop thread only."""

    def __init__(
        self, manifest: Manifest, model: Model, queue: ModelQueue, *, now: Callable[[], float]
    ) -> None:
        self.manifest = manifest
        self.queue = queue
        self.model = model
        self._now = now
        self._deadline_s = manifest.limits.deadline_s
        self._max_waiting = manifest.limits.max_waiting
        self._preparing = Preparing(model) if model.prepares else None
        self._loop = asyncio.get_running_loop()

    @property
    def waiting_rows(self) -> int:
        """Rows that wait for a batch or are being tokenised."""
        return self.queue.rows + (self._preparing.rows if self._preparing is not None else 0)

    def check(self, columns: Columns, rows: int) -> Payload:
        """Compare a request with the signature. Raises `InvalidInputError`, which names column and row."""
        return self.model.check(columns, rows)

    async def infer(
        self,
        columns: Columns,
        *,
        rows: int,
        key: str | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
    ) -> Inference:
        """Check and answer. Lower priorities go first.

        `deadline_s` counts from now and can only shorten the model's own. Cancelling the awaiting task frees
        the place in the queue.
        """
        return await self.run(
            self.model.check(columns, rows), key=key, priority=priority, deadline_s=deadline_s
        )

    async def run(
        self, payload: Payload, *, key: str | None = None, priority: int = 0, deadline_s: float | None = None
    ) -> Inference:
        """Answer what `check` returned."""
        arrived = self._now()
        deadline = arrived + (self._deadline_s if deadline_s is None else min(deadline_s, self._deadline_s))
        if self._preparing is not None:
            payload = await self._prepared(self._preparing, payload)
        works = [
            Work(
                payload=part,
                future=self._loop.create_future(),
                arrived=arrived,
                deadline=deadline,
                key=key,
                priority=priority,
            )
            for part in self.model.parts(payload)
        ]
        if len(works) > 1:
            return await self._joined(works, payload)
        try:
            return await self.queue.submit(works[0])
        except asyncio.CancelledError:
            self.queue.forget(works[0])
            raise

    @property
    def idle(self) -> bool:
        """Nobody waits for an answer."""
        return not self.waiting_rows and self.queue.idle

    def close(self, error: InferenceError) -> None:
        """Fail whoever waits, and give the memory back."""
        if self._preparing is not None:
            self._preparing.close(error)
        self.queue.close(error)
        self.model.close()

    async def _prepared(self, preparing: Preparing, payload: Payload) -> Payload:
        waiting = self.waiting_rows
        if waiting and waiting + payload.rows > self._max_waiting:
            self.queue.counts.refused += 1
            eta_s = self.queue.eta_s()
            raise OverloadedError(
                f"{waiting} rows wait and {self._max_waiting} may; try again in {eta_s:.1f} s",
                retry_after_s=eta_s,
            )
        return await preparing.prepare(payload)

    async def _joined(self, works: Sequence[Work], payload: Payload) -> Inference:
        """The answer to a request that was cut into parts.

        Fails with the first that does; the rest is taken back.
        """
        try:
            for work in works:
                self.queue.submit(work)
            answers = await asyncio.gather(*(work.future for work in works))
        except BaseException:  # cancellation too: the other parts must not run for nobody
            for work in works:
                if work.future.done() and not work.future.cancelled():
                    work.future.exception()  # seen: asyncio would report it as never retrieved
                    continue
                work.future.cancel()
                self.queue.forget(work)
            raise
        outputs: Outputs = {name: [None] * payload.rows for name in answers[0].outputs}
        for work, answer in zip(works, answers, strict=True):
            for name, values in answer.outputs.items():
                column = outputs[name]
                for place, value in zip(work.payload.places or range(payload.rows), values, strict=True):
                    column[place] = value
        return Inference(
            outputs=outputs,
            queue_s=min(answer.queue_s for answer in answers),
            compute_s=sum(answer.compute_s for answer in answers),
            batch_rows=max(answer.batch_rows for answer in answers),
            tokens=payload.units if self.model.bucketed else None,
            cut=payload.cut,
        )
