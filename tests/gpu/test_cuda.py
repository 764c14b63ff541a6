"""The engine on CUDA gives the CPU's answers, under load. Needs no package beyond torch and transformers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.bundled import BUNDLED_TOXICITY
from inference.signature import Columns
from inference.work import Inference
from tests.helpers.engines import serving
from tests.helpers.models import WORDS, bert_folder, mixed_folder

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]

TOLERANCE = 1e-4
REQUESTS = 400
CONCURRENCY = 64


def mixed_rows(rng: random.Random) -> Columns:
    return {
        "age": [rng.uniform(18, 90)],
        "income": [rng.uniform(0, 90_000)],
        "city": [rng.choice(["Berlin", "Paris", "Rome", "Oslo"])],
        "owner": [rng.random() < 0.5],
    }


def texts(rng: random.Random) -> Columns:
    return {"text": [" ".join(rng.choices(WORDS, k=rng.choice((2, 10, 60, 200))))]}


CASES: dict[str, tuple[Callable[..., Path], Callable[[random.Random], Columns]]] = {
    "mixed": (mixed_folder, mixed_rows),
    "bert": (bert_folder, texts),
    "bundled": (lambda _: BUNDLED_TOXICITY, texts),
}


async def answers(place: Path, folder: Path, device: str, requests: list[Columns]) -> list[Inference]:
    """Every request answered by an engine on the device, many at a time."""
    gate = asyncio.Semaphore(CONCURRENCY)
    async with serving(place, folder, device=device) as engine:
        (state,) = engine.models()
        assert state.device == device
        served = engine.find(state.name)

        async def one(columns: Columns) -> Inference:
            async with gate:
                return await served.infer(columns, rows=1)

        return await asyncio.gather(*(one(columns) for columns in requests))


@pytest.mark.parametrize("name", sorted(CASES))
def test_cuda_gives_the_answers_of_the_cpu_under_load(name: str, tmp_path: Path) -> None:
    make, row = CASES[name]
    folder = make(tmp_path / "folder")
    rng = random.Random(5)  # noqa: S311  the same in every run
    requests = [row(rng) for _ in range(REQUESTS)]

    on_cpu = asyncio.run(answers(tmp_path / "cpu", folder, "cpu", requests))
    on_cuda = asyncio.run(answers(tmp_path / "cuda", folder, "cuda", requests))

    expected = [answer.outputs["score"][0] for answer in on_cpu]
    assert [answer.outputs["score"][0] for answer in on_cuda] == pytest.approx(expected, abs=TOLERANCE)
    assert max(answer.batch_rows for answer in on_cuda) > 1


@pytest.mark.parametrize("name", sorted(CASES))
def test_loads_and_unloads_give_the_device_its_memory_back(name: str, tmp_path: Path) -> None:
    make = CASES[name][0]

    async def scenario() -> tuple[int, int]:
        async with serving(tmp_path, make(tmp_path / "folder"), device="cuda") as engine:
            (state,) = engine.models()
            await engine.unload(state.name, state.version)
            before = torch.cuda.memory_allocated()
            for _ in range(20):
                await engine.load(state.name, state.version)
                await engine.unload(state.name, state.version)
            return before, torch.cuda.memory_allocated()

    before, after = asyncio.run(scenario())

    assert after <= before
