"""How near the engine comes to the raw forward, in rows per second at batch 1, 32 and 512.

Raw: collate, forward and copy back of one ready batch, again and again, on one thread.
Engine: the same rows as requests of one row, that many in flight, checked, queued, batched and answered.
Blocks: the same rows as one request. Runs on the GPU where there is one; the title names the device.
"""

from __future__ import annotations

import asyncio
import platform
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.backend import Payload
from inference.device import Device
from inference.served import Served
from inference.signature import Columns
from tests.benchmarks.tables import Table
from tests.helpers.engines import serving
from tests.helpers.models import WORDS, bert_folder, mlp_folder

BATCHES = (1, 32, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Rows per second at one batch size."""

    model: str
    batch: int
    raw: float
    engine: float
    blocks: float
    device: str


def mlp_row(rng: random.Random) -> Columns:
    return {f"x{place}": [rng.gauss(0, 1)] for place in range(30)}


def bert_row(rng: random.Random) -> Columns:
    return {"text": [" ".join(rng.choices(WORDS, k=rng.randint(4, 60)))]}


SECONDS = 2.0

MODELS: dict[str, tuple[Callable[..., Path], Callable[[random.Random], Columns]]] = {
    "mlp 30-64-64-2": (mlp_folder, mlp_row),
    "bert 2x64": (bert_folder, bert_row),
}


def engine_tables() -> Iterator[Table]:
    """Every model at every batch size."""
    with tempfile.TemporaryDirectory() as root:
        rates = asyncio.run(measure(Path(root), "auto", SECONDS))
    table = Table(
        title=f"Engine without HTTP, on {rates[0].device}",
        header=["model", "batch", "raw rows/s", "engine rows/s", "of raw", "as one block, rows/s", "of raw"],
        note="One-row requests, as many in flight as the batch; beside them the same rows as one request.",
    )
    for rate in rates:
        shares = (rate.engine / rate.raw, rate.blocks / rate.raw)
        table.add(rate.model, rate.batch, rate.raw, rate.engine, shares[0], rate.blocks, shares[1])
    yield table


async def measure(root: Path, device: str, seconds: float) -> list[Rate]:
    """Every model at every batch size."""
    rates = []
    for name, (make, row) in MODELS.items():
        place = root / name.split()[0]
        folder = make(place / "folder", limits={"max_waiting": 100_000, "deadline_s": 600})
        async with serving(place, folder, device=device) as engine:
            (state,) = engine.models()
            kind = Device(kind=state.device or "cpu")
            described = (
                kind.name if not kind.is_cpu else f"cpu ({platform.processor() or platform.machine()})"
            )
            served = engine.find(state.name)
            rng = random.Random(1)  # noqa: S311  the same rows in every run
            for batch in BATCHES:
                rows = [row(rng) for _ in range(batch)]
                block: Columns = {column: [one[column][0] for one in rows] for column in rows[0]}
                raw = await asyncio.to_thread(_raw, served, block, batch, seconds)
                single = await _engine(served, rows, seconds)
                blocks = await _blocks(served, block, batch, seconds)
                rates.append(
                    Rate(model=name, batch=batch, raw=raw, engine=single, blocks=blocks, device=described)
                )
    return rates


def _raw(served: Served, block: Columns, batch: int, seconds: float) -> float:
    model = served.model
    (payload,) = model.prepare([model.check(block, batch)])
    parts: list[Payload] = model.parts(payload)
    answered, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for part in parts:
            model.split(model.forward(model.collate([part])), [part])
        answered += batch
    return answered / (time.perf_counter() - started)


async def _engine(served: Served, rows: list[Columns], seconds: float) -> float:
    answered = 0
    started = time.perf_counter()

    async def client(columns: Columns) -> None:
        nonlocal answered
        while time.perf_counter() - started < seconds:
            await served.infer(columns, rows=1)
            answered += 1

    await asyncio.gather(*(client(columns) for columns in rows))
    return answered / (time.perf_counter() - started)


async def _blocks(served: Served, block: Columns, batch: int, seconds: float) -> float:
    answered, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        await served.infer(block, rows=batch)
        answered += batch
    return answered / (time.perf_counter() - started)
