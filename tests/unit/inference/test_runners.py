"""Where batches run, and whose turn the device is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from inference.errors import EngineError
from inference.manifest import Limits
from inference.queues import ModelQueue
from inference.runners import DeviceThread, Inline, Runner
from tests.helpers.fakes import Bench, FakeModel, ManualRunner, tick, value


def test_an_inline_model_runs_one_batch_a_tick() -> None:
    async def scenario() -> None:
        bench = Bench(max_batch=2)
        bench.queue.runner = Inline(for_slower=bench.runner)

        works = [bench.submit(place) for place in range(5)]
        await asyncio.sleep(0)
        first = len(bench.model.batches)
        await tick()

        assert first == 1
        assert bench.model.batches == [[0, 1], [2, 3], [4]]
        assert [value(work) for work in works] == [0, 1, 2, 3, 4]

    asyncio.run(scenario())


def test_a_model_that_became_slow_leaves_the_event_loop() -> None:
    async def scenario() -> None:
        bench = Bench(inline_below_us=0.001)  # nothing is that fast
        bench.queue.runner = Inline(for_slower=bench.runner)

        for place in range(64):
            bench.submit(place)
            await tick()

        assert isinstance(bench.queue.runner, ManualRunner)
        work = bench.submit("after")
        await bench.drain()
        assert value(work) == "after"

    asyncio.run(scenario())


def test_a_model_that_stays_fast_stays_on_the_event_loop() -> None:
    async def scenario() -> None:
        bench = Bench(inline_below_us=1e9)
        bench.queue.runner = Inline(for_slower=bench.runner)

        for place in range(200):
            bench.submit(place)
            await tick()

        assert isinstance(bench.queue.runner, Inline)

    asyncio.run(scenario())


def test_the_device_goes_to_the_model_that_used_it_least() -> None:
    order: list[str] = []
    gate = threading.Event()

    def spend(data: list[Any]) -> None:
        gate.wait(10)
        order.append(str(data[0]))
        for _ in range(1_000_000 if data[0] == "heavy" else 1):
            pass

    async def scenario() -> None:
        thread = DeviceThread("test", depth=1)
        heavy, light = (Bench(model=FakeModel(forward_hook=spend), max_batch=1) for _ in range(2))
        heavy.queue.runner = light.queue.runner = _FiveDeep(thread)
        works = [heavy.submit("heavy") for _ in range(5)] + [light.submit("light") for _ in range(5)]
        await tick()
        gate.set()
        await asyncio.gather(*(work.future for work in works))
        thread.stop(5)

    asyncio.run(scenario())

    # After one turn each, the light one has all its turns before the heavy one has its third.
    assert order.index("heavy") <= 1
    assert [place for place, name in enumerate(order) if name == "light"][-1] <= 7


class _FiveDeep:
    """A device thread that is given all batches at once, so that their order is its choice alone."""

    depth = 5
    for_slower: Runner | None = None

    def __init__(self, thread: DeviceThread) -> None:
        self.put = thread.put
        self.refill = thread.refill


def test_depth_two_answers_everything_in_order() -> None:
    async def scenario() -> None:
        model = FakeModel()
        thread = DeviceThread("test", depth=2)
        bench = Bench()
        queue = ModelQueue(model, Limits(max_batch=4), thread, now=bench.clock)
        works = [bench.work(place) for place in range(50)]
        for work in works:
            queue.submit(work)

        answers = await asyncio.gather(*(work.future for work in works))
        thread.stop(5)

        assert [answer.outputs["value"] for answer in answers] == [[place] for place in range(50)]
        assert queue.idle
        queue.close(EngineError("the test is over"))

    asyncio.run(scenario())


def test_a_thread_that_hangs_is_left_behind() -> None:
    gate = threading.Event()

    def hang(data: list[Any]) -> None:
        gate.wait(10)

    async def scenario() -> bool:
        thread = DeviceThread("test", depth=1)
        bench = Bench(model=FakeModel(forward_hook=hang))
        bench.queue.runner = thread
        bench.submit("hanging")
        await tick()
        stopped = thread.stop(0.05)
        bench.queue.close(EngineError("the engine stopped"))
        gate.set()
        thread.stop(5)
        return stopped

    assert asyncio.run(scenario()) is False
