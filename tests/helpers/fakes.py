"""Doubles for the engine's tests: a model that is told what to do, and a runner that waits to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.backend import Inspected, Outputs, Payload, Source
from inference.batches import Batch
from inference.errors import InferenceError
from inference.manifest import Limits, ModelSpec
from inference.queues import ModelQueue
from inference.runners import Runner
from inference.work import Inference, Work


@dataclass
class FakeModel:
    """Answers each payload with its own data; `forward_hook` sees the data of a batch and may raise."""

    bucketed: bool = False
    prepares: bool = False
    memory_bytes: int = 0
    forward_hook: Callable[[list[Any]], None] = lambda data: None
    batches: list[list[Any]] = field(default_factory=list)

    @classmethod
    def inspect(cls, spec: ModelSpec, folder: Path) -> Inspected:
        return Inspected(spec=spec, files=())

    @classmethod
    def load(cls, source: Source) -> FakeModel:
        return cls()

    def check(self, columns: Any, rows: int) -> Payload:
        return Payload(data=columns, rows=rows, units=rows)

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    def parts(self, payload: Payload) -> list[Payload]:
        return [payload]

    def collate(self, payloads: Sequence[Payload]) -> list[Any]:
        return [payload.data for payload in payloads]

    def forward(self, batch: list[Any]) -> list[Any]:
        self.forward_hook(batch)
        self.batches.append(batch)
        return batch

    def split(self, answer: list[Any], payloads: Sequence[Payload]) -> list[Outputs | InferenceError]:
        return [{"value": [data] * payload.rows} for data, payload in zip(answer, payloads, strict=True)]

    def examples(self) -> list[Payload]:
        return [Payload(data=0, rows=1, units=1)]

    def close(self) -> None:
        """Nothing is held."""


class ManualRunner:
    """Holds batches until a test lets them run."""

    def __init__(self, *, depth: int = 1) -> None:
        self.depth = depth
        self.for_slower: Runner | None = None
        self.held: list[tuple[ModelQueue, Batch]] = []

    def put(self, owner: ModelQueue, batch: Batch) -> None:
        self.held.append((owner, batch))

    def refill(self, owner: ModelQueue) -> None:
        owner.pump()

    def run_next(self) -> Batch:
        """Run the oldest held batch to its end."""
        owner, batch = self.held.pop(0)
        batch.launch()
        outcomes = batch.finish()
        batch.busy_s = batch.seconds
        owner.done(batch, outcomes)
        return batch


class FakeClock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Bench:
    """A queue with fakes all around it. Make one inside a running event loop."""

    def __init__(self, *, model: FakeModel | None = None, depth: int = 1, **limits: Any) -> None:
        self.model = model or FakeModel()
        self.clock = FakeClock()
        self.runner = ManualRunner(depth=depth)
        self.queue = ModelQueue(self.model, Limits(**limits), self.runner, now=self.clock)

    def work(self, data: Any, *, rows: int = 1, deadline_s: float = 30.0, **fields: Any) -> Work:
        """Work that answers with `data`. `length` and `units` are those of its payload."""
        payload = Payload(
            data=data, rows=rows, units=fields.pop("units", rows), length=fields.pop("length", 1)
        )
        now = self.clock()
        future: asyncio.Future[Inference] = asyncio.get_running_loop().create_future()
        return Work(payload=payload, future=future, arrived=now, deadline=now + deadline_s, **fields)

    def submit(self, data: Any, **fields: Any) -> Work:
        """Make work and submit it."""
        work = self.work(data, **fields)
        self.queue.submit(work)
        return work

    async def drain(self) -> None:
        """Let everything run that can."""
        await tick()
        while self.runner.held:
            self.runner.run_next()
            await tick()


async def tick() -> None:
    """Let the event loop run what is scheduled, and what that schedules."""
    for _ in range(3):
        await asyncio.sleep(0)


def value(work: Work) -> Any:
    """What a piece of work was answered with."""
    return work.future.result().outputs["value"][0]
