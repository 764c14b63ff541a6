"""The engine from the repository to the answer."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from inference.backends.echo import EchoModel
from inference.engine import Engine, State
from inference.errors import (
    DeadlineError,
    EngineError,
    InvalidInputError,
    ModelNotReadyError,
    OverloadedError,
    UnknownModelError,
)
from inference.repository import Repository
from inference.settings import EngineSettings
from inference.signature import Columns
from tests.helpers.engines import AT, serving
from tests.helpers.models import CODE, WORDS, bert_folder, echo_folder, mixed_folder, mlp_folder

ROW = {"a": [1.0], "b": [-3.0]}
SCORE = 0.11920292202211755  # sigmoid(2 * -2 - 1 * -2) = sigmoid(-2)


class Gated(EchoModel):
    """An echo whose batches wait for a test's word."""

    gate = threading.Event()
    entered = threading.Event()

    def forward(self, batch: Any) -> Any:
        if len(batch) > 0 and float(batch[0]) != 0.0:  # warm-up sends zeros
            Gated.entered.set()
            Gated.gate.wait(10)
        return super().forward(batch)


GATED: dict[str, Any] = {
    "backend": "tests.integration.inference.test_engine:Gated",
    "limits": {"inline_below_us": 0},
}


@pytest.fixture
def gate() -> threading.Event:
    Gated.gate.clear()
    Gated.entered.clear()
    return Gated.gate


def states(engine: Engine) -> dict[tuple[str, str], State]:
    return {(one.name, one.version): one.state for one in engine.models()}


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  what is waited for has no event of its own
        await asyncio.sleep(0.01)


def test_every_model_of_the_repository_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        folders = (echo_folder(tmp_path / "e"), mixed_folder(tmp_path / "m"), bert_folder(tmp_path / "b"))
        async with serving(tmp_path, *folders) as engine:
            echo = await engine.find("echo").infer(ROW, rows=1)
            columns: Columns = {"age": [30, 40], "city": ["Rome", "Oslo"], "owner": [True, False]}
            mixed = await engine.find("mixed", "1").infer(columns, rows=2)
            bert = await engine.find("bert").infer({"text": ["so long " * 200, "you"]}, rows=2)

        assert echo.outputs == {"class": ["no"], "score": [pytest.approx(SCORE)]}
        assert len(mixed.outputs["score"]) == 2
        assert (
            bert.tokens == 256 + 3
        )  # one was cut to the model's 256 positions, the other is [CLS] you [SEP]
        assert bert.cut == 1
        assert bert.joules is None

    asyncio.run(scenario())


@pytest.mark.parametrize("inline_below_us", [0, 1e9])
def test_answers_are_the_same_on_the_loop_and_on_the_engine_thread(
    tmp_path: Path, inline_below_us: float
) -> None:
    async def scenario() -> None:
        folder = echo_folder(tmp_path / "echo", limits={"inline_below_us": inline_below_us, "max_batch": 8})
        async with serving(tmp_path, folder) as engine:
            served = engine.find("echo")
            answers = await asyncio.gather(
                *(served.infer({"a": [n / 50], "b": [0]}, rows=1) for n in range(100))
            )
            (state,) = engine.models()

        assert state.inline is (inline_below_us > 0)
        scores = [answer.outputs["score"][0] for answer in answers]
        assert scores == sorted(scores, key=lambda score: float(str(score)))
        assert len(set(scores)) == 100
        assert state.counts.answered == 100
        assert max(answer.batch_rows for answer in answers) == 8

    asyncio.run(scenario())


def test_a_request_larger_than_a_batch_comes_back_whole_and_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        folder = echo_folder(tmp_path / "echo", limits={"max_batch": 16})
        async with serving(tmp_path, folder) as engine:
            columns: Columns = {"a": [n / 100 for n in range(100)], "b": [0] * 100}
            answer = await engine.find("echo").infer(columns, rows=100)

        assert answer.outputs["score"] == sorted(answer.outputs["score"], key=lambda score: float(str(score)))
        assert len(set(map(str, answer.outputs["score"]))) == 100
        assert answer.batch_rows == 16

    asyncio.run(scenario())


def test_texts_of_mixed_lengths_come_back_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        rng = random.Random(3)  # noqa: S311  the same in every run
        texts = [" ".join(rng.choices(WORDS, k=rng.choice((2, 30, 120)))) for _ in range(40)]
        async with serving(tmp_path, bert_folder(tmp_path / "bert")) as engine:
            served = engine.find("bert")
            together = await served.infer({"text": texts}, rows=40)
            alone = [await served.infer({"text": [text]}, rows=1) for text in texts]

        expected = [answer.outputs["score"][0] for answer in alone]
        assert together.outputs["score"] == pytest.approx(expected, abs=1e-5)
        assert together.tokens == sum(answer.tokens or 0 for answer in alone)

    asyncio.run(scenario())


def test_a_row_out_of_the_models_range_fails_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, mlp_folder(tmp_path / "mlp")) as engine:
            served = engine.find("mlp")
            fine: dict[str, Sequence[float]] = {f"x{place}": [0.5] for place in range(30)}
            huge = {name: [3e38] for name in fine}
            results = await asyncio.gather(
                served.infer(fine, rows=1), served.infer(huge, rows=1), return_exceptions=True
            )

        assert not isinstance(results[0], BaseException)
        assert isinstance(results[1], InvalidInputError)

    asyncio.run(scenario())


def test_what_is_not_served_is_explained(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, echo_folder(tmp_path / "echo")) as engine:
            with pytest.raises(UnknownModelError, match="'ecco' does not exist; there are echo"):
                engine.find("ecco")
            with pytest.raises(UnknownModelError, match="has no version '7'; there are 1"):
                engine.find("echo", "7")
            await engine.unload("echo", "1")
            with pytest.raises(ModelNotReadyError, match="version 1 is unloaded: it was unloaded"):
                engine.find("echo")

    asyncio.run(scenario())


def test_a_new_version_takes_over_and_the_old_one_finishes_what_it_has(
    tmp_path: Path, gate: threading.Event
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, echo_folder(tmp_path / "1", **GATED)) as engine:
            waiting = asyncio.create_task(engine.find("echo").infer(ROW, rows=1))
            await asyncio.to_thread(Gated.entered.wait, 10)
            engine_repository = Repository(tmp_path / "models")
            engine_repository.add(echo_folder(tmp_path / "2", version="2"))

            await engine.refresh()
            await engine.settled()
            await asyncio.sleep(0)
            assert states(engine) == {("echo", "1"): State.DRAINING, ("echo", "2"): State.READY}
            assert engine.find("echo").manifest.version == "2"
            gate.set()

            assert (await waiting).outputs["class"] == ["no"]
            await until(lambda: states(engine)["echo", "1"] is State.UNLOADED)

    asyncio.run(scenario())


def test_a_version_that_fails_to_load_leaves_the_old_one_serving(tmp_path: Path) -> None:
    async def scenario() -> None:
        repository = Repository(tmp_path / "models")
        async with serving(tmp_path, mlp_folder(tmp_path / "1")) as engine:
            repository.add(mlp_folder(tmp_path / "2", version="2"), [CODE])
            weights = repository.folder("mlp", "2") / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:-1] + b"!")

            await engine.refresh()
            await engine.settled()

            old, new = engine.models()
            assert engine.find("mlp").manifest.version == "1"
            assert (old.state, old.current) == (State.READY, True)
            assert new.state is State.FAILED
            assert "is not the file that was added" in str(new.reason)

    asyncio.run(scenario())


def test_a_damaged_manifest_is_a_failed_version_and_stops_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        repository = Repository(tmp_path / "models")
        repository.add(echo_folder(tmp_path / "0", name="other"))
        (repository.folder("other", "1") / "manifest.json").write_text("nonsense")
        async with serving(tmp_path, echo_folder(tmp_path / "1")) as engine:
            assert states(engine) == {("echo", "1"): State.READY, ("other", "1"): State.FAILED}

    asyncio.run(scenario())


def test_a_model_beyond_the_memory_budget_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, mlp_folder(tmp_path / "mlp"), memory_bytes=1000) as engine:
            (state,) = engine.models()

        assert state.state is State.FAILED
        assert "raise engine.memory_bytes" in str(state.reason)

    asyncio.run(scenario())


def test_only_the_newest_version_is_loaded_unless_another_is_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        folders = [echo_folder(tmp_path / version, version=version) for version in ("2", "10")]
        async with serving(tmp_path, *folders) as engine:
            assert states(engine) == {("echo", "2"): State.UNLOADED, ("echo", "10"): State.READY}

            older = await engine.load("echo", "2")

            assert older.manifest.version == "2"
            assert engine.find("echo").manifest.version == "10"
            assert (await engine.find("echo", "2").infer(ROW, rows=1)).batch_rows == 1

    asyncio.run(scenario())


def test_loads_and_unloads_come_back_to_no_memory_held(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, mlp_folder(tmp_path / "mlp")) as engine:
            threads = threading.active_count()
            for _ in range(50):
                await engine.unload("mlp", "1")
                assert engine._held_bytes() == 0
                await asyncio.gather(engine.load("mlp", "1"), engine.load("mlp", "1"))
            assert threading.active_count() == threads
            assert engine._held_bytes() == 25096  # (30*64+64 + 64*64+64 + 64*2+2) * 4 bytes

    asyncio.run(scenario())


def test_a_deadline_is_kept_while_a_batch_runs(tmp_path: Path, gate: threading.Event) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, echo_folder(tmp_path / "echo", **GATED)) as engine:
            served = engine.find("echo")
            running = asyncio.create_task(served.infer(ROW, rows=1, deadline_s=0.05))
            await asyncio.to_thread(Gated.entered.wait, 10)
            waiting = asyncio.create_task(served.infer(ROW, rows=1, deadline_s=0.05))
            errors = await asyncio.gather(running, waiting, return_exceptions=True)
            gate.set()

        assert [error.computing for error in errors if isinstance(error, DeadlineError)] == [True, False]

    asyncio.run(scenario())


def test_a_full_queue_refuses_at_once_and_recovers(tmp_path: Path, gate: threading.Event) -> None:
    async def scenario() -> None:
        limits = {"inline_below_us": 0, "max_waiting": 4}
        async with serving(tmp_path, echo_folder(tmp_path / "echo", **{**GATED, "limits": limits})) as engine:
            served = engine.find("echo")
            running = asyncio.create_task(served.infer(ROW, rows=1))
            await asyncio.to_thread(Gated.entered.wait, 10)
            results = asyncio.gather(*(served.infer(ROW, rows=1) for _ in range(10)), return_exceptions=True)
            await asyncio.sleep(0)
            gate.set()
            refused = [result for result in await results if isinstance(result, OverloadedError)]
            await running

            assert len(refused) == 6
            assert (await served.infer(ROW, rows=1)).batch_rows == 1

    asyncio.run(scenario())


def test_cancelled_requests_free_their_places(tmp_path: Path) -> None:
    async def scenario() -> None:
        rng = random.Random(11)  # noqa: S311  the same in every run
        folders = (echo_folder(tmp_path / "e", limits={"inline_below_us": 0}), bert_folder(tmp_path / "b"))
        async with serving(tmp_path, *folders) as engine:
            echo, bert = engine.find("echo"), engine.find("bert")
            tasks = []
            for _ in range(1000):
                row: dict[str, list[Any]] = {"text": [" ".join(rng.choices(WORDS, k=3))]}
                request = echo.infer(ROW, rows=1) if rng.random() < 0.9 else bert.infer(row, rows=1)
                tasks.append(asyncio.create_task(request))
                if rng.random() < 0.2:
                    await asyncio.sleep(0)
                rng.choice(tasks).cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await until(lambda: echo.idle and bert.idle)

            assert any(isinstance(result, asyncio.CancelledError) for result in results)
            assert any(not isinstance(result, BaseException) for result in results)
            assert [(one.waiting_rows, one.in_flight, one.eta_s) for one in engine.models()] == [
                (0, 0, 0.0)
            ] * 2
            assert (await echo.infer(ROW, rows=1)).outputs["score"] == [pytest.approx(SCORE)]

    asyncio.run(scenario())


def test_closing_fails_whoever_still_waits(tmp_path: Path, gate: threading.Event) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, echo_folder(tmp_path / "echo", **GATED), drain_s=0.05) as engine:
            served = engine.find("echo")
            running = asyncio.create_task(served.infer(ROW, rows=1))
            await asyncio.to_thread(Gated.entered.wait, 10)
            waiting = asyncio.create_task(served.infer(ROW, rows=1))
            await asyncio.sleep(0)
            opener = asyncio.get_running_loop().call_later(0.2, gate.set)
            await engine.close()
            opener.cancel()
            errors = await asyncio.gather(running, waiting, return_exceptions=True)

        assert all(isinstance(error, EngineError) for error in errors)

    asyncio.run(scenario())


def test_two_models_share_the_device_by_busy_seconds(tmp_path: Path) -> None:
    async def scenario() -> None:
        folders = (
            bert_folder(tmp_path / "slow", name="slow", limits={"max_batch": 5}),  # 60 batches
            mlp_folder(tmp_path / "fast", name="fast", limits={"inline_below_us": 0}),
        )
        async with serving(tmp_path, *folders) as engine:
            slow, fast = engine.find("slow"), engine.find("fast")
            row = {f"x{place}": [0.5] for place in range(30)}
            flood = [asyncio.create_task(slow.infer({"text": ["word " * 200]}, rows=1)) for _ in range(300)]
            for _ in range(20):
                await fast.infer(row, rows=1)
            unfinished = sum(not task.done() for task in flood)
            await asyncio.gather(*flood)

        assert unfinished > 0  # the fast model did not wait for the other's queue to empty

    asyncio.run(scenario())


def test_an_engine_for_one_version_knows_no_other(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "models")
    repository.root.mkdir()
    for name, version in (("one", "1"), ("one", "2"), ("other", "1")):
        repository.add(echo_folder(tmp_path / f"{name}{version}", name=name, version=version), [CODE])

    async def known() -> list[tuple[str, str, State]]:
        settings = EngineSettings(device="cpu", drain_s=0)
        engine = Engine(repository, settings, clock=lambda: AT, only=("one", "1"))
        await engine.start()
        try:
            await engine.settled()
            return [(state.name, state.version, state.state) for state in engine.models()]
        finally:
            await engine.close()

    assert asyncio.run(known()) == [("one", "1", State.READY)]
