"""How near the engine comes to the raw forward, in rows per second at batch 1, 32 and 512.

    python -m tests.benchmarks.engine_rates [--device cuda] [--seconds 2] [--json FILE]

Raw: collate, forward and copy back of one ready batch, again and again, on one thread.
Engine: the same rows as requests of one row, that many in flight, checked, queued, batched and answered.
Blocks: the same rows as one request. The table is headed by the device's name.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from inference.backend import Payload
from inference.device import Device
from inference.served import Served
from inference.signature import Columns
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


MODELS: dict[str, tuple[Callable[..., Path], Callable[[random.Random], Columns]]] = {
    "mlp 30-64-64-2": (mlp_folder, mlp_row),
    "bert 2x64": (bert_folder, bert_row),
}


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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        rates = asyncio.run(measure(Path(root), chosen.device, chosen.seconds))
    out = sys.stdout.write
    out(f"device: {rates[0].device}\n")
    heads = ("batch", "raw rows/s", "engine", "of raw", "as blocks", "of raw")
    out(f"{'model':<16}" + "".join(f"{head:>12}" for head in heads) + "\n")
    for rate in rates:
        out(f"{rate.model:<16}{rate.batch:>12}{rate.raw:>12,.0f}{rate.engine:>12,.0f}")
        out(f"{rate.engine / rate.raw:>12.2f}{rate.blocks:>12,.0f}{rate.blocks / rate.raw:>12.2f}\n")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(rate) for rate in rates], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
