"""One model's queue: admission, fair order, deadlines, delivery.

Lives on the event loop, so it needs no locks.

Work-conserving: when the runner has a free slot and anything waits, a batch leaves. There is no timer that
waits for more; batches grow by themselves while the device is busy.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from inference.backend import Model
from inference.batches import Batch, Outcome
from inference.bucketing import Room, choose
from inference.cost import Cost
from inference.errors import DeadlineError, EngineError, InferenceError, ModelNotReadyError, OverloadedError
from inference.lanes import Lanes
from inference.manifest import Limits
from inference.runners import Runner
from inference.work import Counts, Inference, Work

_WINDOW = 4  # times the largest batch: what length bucketing looks through
_STUCK_TIMES_USUAL = 20
_SHORTEST_SWEEP_S = 0.01
_SMALL_ROWS = 32
_COMPARED = 64


class ModelQueue:
    """Work of one model version that waits or runs."""

    def __init__(
        self,
        model: Model,
        limits: Limits,
        runner: Runner,
        *,
        now: Callable[[], float],
        stuck_s: float = 60.0,
    ) -> None:
        self.runner = runner
        self.counts = Counts()
        self.cost = Cost()
        self.rows = 0  # waiting
        self.stuck = False  # a batch ran beyond all measure: nothing is admitted until it returns
        self.closed = False
        self._model = model
        self._max_waiting = limits.max_waiting
        self._room = Room(rows=limits.max_batch, tokens=limits.token_budget, padding=limits.max_padding)
        self._units_per_batch = limits.token_budget if model.bucketed else limits.max_batch
        self._lanes = Lanes(quantum=max(1, self._units_per_batch // 16))
        self._now = now
        self._stuck_s = stuck_s
        self._slow_s = 2e-6 * limits.inline_below_us
        self._small: list[float] = []  # seconds of small batches, while the runner is for fast models
        self._loop = asyncio.get_running_loop()
        self._units = 0  # waiting
        self._dead = 0  # done, but still in the lanes
        self._running: list[Batch] = []
        self._scheduled = False
        self._durations: deque[float] = deque(maxlen=128)
        self._sweep_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def in_flight(self) -> int:
        """Batches that run now."""
        return len(self._running)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing runs."""
        return not self.rows and not self._running

    def eta_s(self) -> float:
        """How long a request that came now would wait."""
        units = self._units
        for batch in self._running:
            units += batch.units
        return self.cost.seconds(units, 1 + units // self._units_per_batch) if units else 0.0

    def submit(self, work: Work) -> asyncio.Future[Inference]:
        """Take it in, or refuse at once. An idle model never refuses for lack of room or time."""
        if self.closed:
            raise ModelNotReadyError("the model was unloaded; ask again for the version that replaced it")
        if self.stuck:
            raise ModelNotReadyError("the model is unhealthy: a batch does not return")
        if self.rows or self._running:
            self._admit(work)
        self._lanes.append(work)
        work.waiting = True
        self.rows += work.payload.rows
        self._units += work.payload.units
        self.schedule()
        at = min(work.deadline, work.arrived + self._stuck_s)
        if self._sweep_at is None or at < self._sweep_at:
            self._arm(at)
        return work.future

    def forget(self, work: Work) -> None:
        """Its client has gone: free its place. It leaves the lanes when it is met there."""
        self.counts.cancelled += 1
        self._leave(work)

    def schedule(self) -> None:
        """Pump once, in the next tick, so that what comes in this one runs together."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._pump_now)

    def pump(self) -> None:
        """Fill the free slots. Level-triggered: harmless to call at any time."""
        while self.rows and len(self._running) < self.runner.depth and not self._scheduled:
            works = self._pick()
            if not works:
                continue  # all it met had expired, and were counted out
            batch = Batch(self._model, works)
            self._running.append(batch)
            self.runner.put(self, batch)

    def done(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """A batch came back: feed the device first, then wake the waiters."""
        self._running.remove(batch)
        self.stuck = False
        if self.rows:
            self.runner.refill(self)
        self._count(batch)
        for work, outcome in zip(batch.works, outcomes, strict=True):
            self._deliver(work, outcome, batch)

    def sweep(self) -> None:
        """Fail what is past its deadline, waiting or running, and look for a batch that does not return."""
        now = self._now()
        self._sweep_at = self._timer = None
        following = [self._expire_or_deadline(work, now, computing=False) for work in self._lanes]
        for batch in self._running:
            following += [self._expire_or_deadline(work, now, computing=True) for work in batch.works]
            following.append(self._watch(batch, now))
        times = [at for at in following if at is not None]
        if times:
            self._arm(min(times))

    def close(self, error: InferenceError) -> None:
        """Admit nothing more, and fail every waiter."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        for work in [*self._lanes, *(work for batch in self._running for work in batch.works)]:
            self._leave(work)
            self._fail(work, error)
        self._lanes.drop_done()

    def _admit(self, work: Work) -> None:
        eta_s = self.eta_s()
        if self.rows + work.payload.rows > self._max_waiting:
            self.counts.refused += 1
            raise OverloadedError(
                f"{self.rows} rows wait and {self._max_waiting} may; try again in {eta_s:.1f} s",
                retry_after_s=eta_s,
            )
        if self._now() + eta_s > work.deadline:
            self.counts.refused += 1
            raise OverloadedError(
                f"what waits takes {eta_s:.1f} s, past the request's deadline", retry_after_s=eta_s
            )

    def _pump_now(self) -> None:
        self._scheduled = False
        self.pump()

    def _pick(self) -> list[Work]:
        """The next batch: in fair order, and for texts the neighbours in length of whose turn it is."""
        window = self._lanes.take(self._room.rows * (_WINDOW if self._model.bucketed else 1))
        if not window:  # nothing waits after all: the gauges must not say otherwise
            self.rows = self._units = 0
            return []
        now = self._now()
        works = [work for work in window if work.deadline > now]
        for work in window if len(works) < len(window) else ():
            self._expire_or_deadline(work, now, computing=False)
        if self._model.bucketed and works:
            chosen = set(choose([work.payload for work in works], self._room))
            self._lanes.put_back(work for place, work in enumerate(works) if place not in chosen)
            works = [work for place, work in enumerate(works) if place in chosen]
        for work in works:
            work.waiting = False
            self.rows -= work.payload.rows
            self._units -= work.payload.units
        return works

    def _expire_or_deadline(self, work: Work, now: float, *, computing: bool) -> float | None:
        """When it expires; None where that has happened, or it is done."""
        if work.future.done():
            return None
        if work.deadline > now:
            return work.deadline
        self.counts.expired += 1
        self._leave(work)
        where = "while it ran" if computing else "while it waited"
        self._fail(work, DeadlineError(f"the deadline passed {where}", computing=computing))
        return None

    def _leave(self, work: Work) -> None:
        if not work.waiting:
            return
        work.waiting = False
        self.rows -= work.payload.rows
        self._units -= work.payload.units
        self._dead += 1
        if self._dead > 64 + self.rows:
            self._dead = 0
            self._loop.call_soon(self._lanes.drop_done)

    def _deliver(self, work: Work, outcome: Outcome, batch: Batch) -> None:
        if work.future.done():
            return
        if isinstance(outcome, InferenceError):
            self.counts.failed += 1
            self._fail(work, outcome)
            return
        payload = work.payload
        answer = Inference(
            outputs=outcome,
            queue_s=(batch.started or work.arrived) - work.arrived,
            compute_s=batch.seconds,
            batch_rows=batch.rows,
            tokens=payload.units if self._model.bucketed else None,
            cut=payload.cut,
        )
        try:
            work.future.set_result(answer)
        except RuntimeError:  # its event loop has ended: the others still get theirs
            self.counts.undeliverable += 1
            return
        self.counts.answered += 1

    def _fail(self, work: Work, error: InferenceError) -> None:
        if work.future.done():
            return
        try:
            work.future.set_exception(error)
        except RuntimeError:  # as in `_deliver`
            self.counts.undeliverable += 1

    def _count(self, batch: Batch) -> None:
        self.counts.batches += 1
        self.counts.rows += batch.rows
        self.counts.busy_s += batch.busy_s
        self.counts.retried += batch.retried
        self._durations.append(batch.seconds)
        self.cost.fit(batch.units, batch.busy_s)
        if self.runner.for_slower is not None and batch.rows <= _SMALL_ROWS:
            self._compare(self.runner.for_slower, batch.seconds)

    def _compare(self, for_slower: Runner, seconds: float) -> None:
        """Leave the event loop when the median forward has become twice as slow as a model there may be."""
        self._small.append(seconds)
        if len(self._small) < _COMPARED:
            return
        if sorted(self._small)[_COMPARED // 2] > self._slow_s:
            self.runner = for_slower
        self._small.clear()

    def _watch(self, batch: Batch, now: float) -> float | None:
        """When a batch counts as stuck; None once it does, and its waiters were told."""
        usual_s = max(self._durations, default=0.0)
        allowed_s = max(self._stuck_s, _STUCK_TIMES_USUAL * usual_s)
        if batch.started is None:
            return now + allowed_s
        if batch.started + allowed_s > now:
            return batch.started + allowed_s
        self.stuck = True
        error = EngineError(
            f"the batch did not return within {allowed_s:.0f} s; the model is marked unhealthy"
        )
        for work in [*batch.works, *self._lanes]:
            self._leave(work)
            self._fail(work, error)
        return None

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._sweep_at = at
        self._timer = self._loop.call_later(max(at - self._now(), _SHORTEST_SWEEP_S), self.sweep)
