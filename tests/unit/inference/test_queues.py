"""The queue: admission, order, deadlines, cancellation, delivery."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from inference.errors import DeadlineError, EngineError, ModelNotReadyError, OverloadedError
from tests.helpers.fakes import Bench, FakeModel, tick, value


def in_loop(scenario: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Run an async test in an event loop of its own."""

    @wraps(scenario)
    def run() -> None:
        asyncio.run(scenario())

    return run


@in_loop
async def test_work_that_comes_in_one_tick_runs_as_one_batch() -> None:
    bench = Bench()

    works = [bench.submit(place) for place in range(5)]
    await bench.drain()

    assert bench.model.batches == [[0, 1, 2, 3, 4]]
    assert [value(work) for work in works] == [0, 1, 2, 3, 4]


@in_loop
async def test_batches_grow_while_the_device_is_busy() -> None:
    bench = Bench()
    bench.submit("first")
    await tick()

    for place in range(3):
        bench.submit(place)
        await tick()
    await bench.drain()

    assert bench.model.batches == [["first"], [0, 1, 2]]


@in_loop
async def test_a_batch_holds_no_more_rows_than_allowed() -> None:
    bench = Bench(max_batch=4)

    for place in range(5):
        bench.submit(place, rows=2)
    await bench.drain()

    assert bench.model.batches == [[0, 1], [2, 3], [4]]


@in_loop
async def test_depth_two_has_two_batches_in_flight() -> None:
    bench = Bench(depth=2, max_batch=1)

    for place in range(3):
        bench.submit(place)
    await tick()

    assert bench.queue.in_flight == 2
    assert bench.queue.rows == 1


@in_loop
async def test_more_than_may_wait_is_refused_at_once() -> None:
    bench = Bench(max_waiting=3)
    bench.submit("running")
    await tick()
    for place in range(3):
        bench.submit(place)

    with pytest.raises(OverloadedError) as refusal:
        bench.submit("too much")

    assert refusal.value.retry_after_s >= 0
    assert bench.queue.counts.refused == 1
    assert bench.queue.rows == 3


@in_loop
async def test_an_idle_model_takes_a_request_larger_than_what_may_wait() -> None:
    bench = Bench(max_waiting=3)

    work = bench.submit("large", rows=10)
    await bench.drain()

    assert value(work) == "large"


@in_loop
async def test_a_request_that_would_come_too_late_is_refused_at_once() -> None:
    bench = Bench(max_batch=1)
    bench.queue.cost.fit(1, 1.0)  # a batch of one row takes a second
    for place in range(10):
        bench.submit(place)

    with pytest.raises(OverloadedError) as refusal:
        bench.submit("hurried", deadline_s=5.0)

    assert refusal.value.retry_after_s == pytest.approx(10.0, rel=0.2)


@in_loop
async def test_work_past_its_deadline_is_not_run() -> None:
    bench = Bench()
    bench.submit("running")
    await tick()
    late = bench.submit("late", deadline_s=1.0)
    bench.clock.seconds += 2.0

    await bench.drain()

    assert isinstance(late.future.exception(), DeadlineError)
    assert bench.model.batches == [["running"]]
    assert bench.queue.rows == 0
    assert bench.queue.counts.expired == 1


@in_loop
async def test_a_waiter_is_told_at_its_deadline_while_the_device_is_busy() -> None:
    bench = Bench()
    running = bench.submit("running", deadline_s=1.0)
    await tick()
    waiting = bench.submit("waiting", deadline_s=1.0)
    bench.clock.seconds += 2.0

    bench.queue.sweep()

    errors = [running.future.exception(), waiting.future.exception()]
    assert [error.computing for error in errors if isinstance(error, DeadlineError)] == [True, False]


@in_loop
async def test_an_answer_after_the_deadline_disturbs_nobody() -> None:
    bench = Bench()
    slow = bench.submit("slow", deadline_s=1.0)
    patient = bench.submit("patient")
    await tick()
    bench.clock.seconds += 2.0
    bench.queue.sweep()

    await bench.drain()

    assert isinstance(slow.future.exception(), DeadlineError)
    assert value(patient) == "patient"


@in_loop
async def test_the_urgent_go_first() -> None:
    bench = Bench(max_batch=1)
    bench.submit("running")
    await tick()

    bench.submit("shadow", priority=2)
    bench.submit("normal", priority=1)
    bench.submit("urgent", priority=0)
    await bench.drain()

    assert bench.model.batches == [["running"], ["urgent"], ["normal"], ["shadow"]]


@in_loop
async def test_a_key_with_large_blocks_gets_no_more_rows_than_one_with_single_rows() -> None:
    bench = Bench(max_batch=64)
    bench.submit("running")
    await tick()
    for _ in range(40):
        bench.submit("greedy", rows=16, key="greedy")
    for _ in range(640):
        bench.submit("modest", rows=1, key="modest")
    await tick()

    rows = {"greedy": 0, "modest": 0}
    bench.runner.run_next()
    for _ in range(10):
        batch = bench.runner.run_next()
        for work in batch.works:
            rows[str(work.key)] += work.payload.rows

    assert sum(rows.values()) >= 600
    assert abs(rows["greedy"] - rows["modest"]) <= 64
    bench.queue.close(EngineError("the test is over"))
    assert bench.queue.rows == 0
    await tick()


@in_loop
async def test_a_thousand_random_cancellations_leave_every_gauge_at_its_start() -> None:
    rng = random.Random(7)  # noqa: S311  the same in every run
    bench = Bench(max_batch=16, max_waiting=100_000)
    works = []
    for _ in range(2000):
        works.append(
            bench.submit("x", rows=rng.randint(1, 4), key=rng.choice("abc"), priority=rng.randint(0, 1))
        )
        if rng.random() < 0.3:
            await tick()
        if rng.random() < 0.2 and bench.runner.held:
            bench.runner.run_next()
    for work in rng.sample(works, 1000):
        if not work.future.done():
            work.future.cancel()
            bench.queue.forget(work)
        if rng.random() < 0.1 and bench.runner.held:
            bench.runner.run_next()

    await bench.drain()

    assert (bench.queue.rows, bench.queue.in_flight, bench.queue.eta_s()) == (0, 0, 0.0)
    assert bench.queue.idle
    assert list(bench.queue._lanes) == []
    assert bench.queue.counts.answered + bench.queue.counts.cancelled >= 2000


@in_loop
async def test_a_small_failing_batch_is_run_again_one_by_one() -> None:
    def refuse_bad(data: list[Any]) -> None:
        if "bad" in data:
            raise ValueError("bad")

    bench = Bench(model=FakeModel(forward_hook=refuse_bad))

    works = [bench.submit(data) for data in ("good", "bad", "fine")]
    await bench.drain()

    assert isinstance(works[1].future.exception(), EngineError)
    assert [value(works[0]), value(works[2])] == ["good", "fine"]
    assert bench.queue.counts.retried == 1


@in_loop
async def test_a_large_failing_batch_fails_as_a_whole_and_the_next_one_runs() -> None:
    def refuse_bad(data: list[Any]) -> None:
        if "bad" in data:
            raise ValueError("bad")

    bench = Bench(model=FakeModel(forward_hook=refuse_bad), max_batch=9)
    works = [bench.submit("bad" if place == 3 else place) for place in range(9)]
    after = bench.submit("after")

    await bench.drain()

    assert all(isinstance(work.future.exception(), EngineError) for work in works)
    assert value(after) == "after"


@in_loop
async def test_a_backend_that_returns_too_few_answers_is_not_believed() -> None:
    class Forgetful(FakeModel):
        def split(self, answer: Any, payloads: Any) -> Any:
            return super().split(answer, payloads)[: -1 if len(payloads) > 8 else None]

    bench = Bench(model=Forgetful())

    works = [bench.submit(place) for place in range(9)]
    await bench.drain()

    assert all(isinstance(work.future.exception(), EngineError) for work in works)


@in_loop
async def test_one_waiter_that_cannot_be_told_does_not_stop_the_others() -> None:
    bench = Bench()
    other_loop = asyncio.new_event_loop()
    gone = bench.work("gone")
    gone.future = other_loop.create_future()
    gone.future.add_done_callback(lambda _: None)  # to be called by a loop that has ended
    other_loop.close()
    bench.queue.submit(gone)
    here = bench.submit("here")

    await bench.drain()

    assert value(here) == "here"
    assert bench.queue.counts.undeliverable == 1


@in_loop
async def test_a_batch_that_does_not_return_marks_the_model_unhealthy() -> None:
    bench = Bench(deadline_s=3600)
    stuck = bench.submit("stuck", deadline_s=3600.0)
    await tick()
    bench.runner.held[0][1].started = bench.clock()
    waiting = bench.submit("waiting", deadline_s=3600.0)
    bench.clock.seconds += 61.0

    bench.queue.sweep()

    assert isinstance(stuck.future.exception(), EngineError)
    assert isinstance(waiting.future.exception(), EngineError)
    with pytest.raises(ModelNotReadyError, match="unhealthy"):
        bench.submit("next")


@in_loop
async def test_a_model_is_healthy_again_once_its_stuck_batch_returns() -> None:
    bench = Bench()
    stuck = bench.submit("stuck", deadline_s=3600.0)
    await tick()
    bench.runner.held[0][1].started = bench.clock()
    bench.clock.seconds += 61.0
    bench.queue.sweep()
    assert isinstance(stuck.future.exception(), EngineError)

    bench.runner.run_next()
    after = bench.submit("after")
    await bench.drain()

    assert value(after) == "after"


@in_loop
async def test_close_fails_every_waiter() -> None:
    bench = Bench()
    running = bench.submit("running")
    await tick()
    waiting = bench.submit("waiting")

    bench.queue.close(EngineError("the engine stopped"))

    assert isinstance(running.future.exception(), EngineError)
    assert isinstance(waiting.future.exception(), EngineError)
    with pytest.raises(ModelNotReadyError):
        bench.submit("late")


@in_loop
async def test_texts_of_near_length_run_together_and_the_oldest_is_always_in() -> None:
    bench = Bench(model=FakeModel(bucketed=True), max_batch=4)
    bench.submit("running")
    await tick()
    for data, length in (("long", 100), ("short", 5), ("brief", 6), ("lengthy", 80), ("tiny", 4)):
        bench.submit(data, length=length, units=length)

    await bench.drain()

    assert bench.model.batches == [["running"], ["long", "lengthy"], ["short", "brief", "tiny"]]
