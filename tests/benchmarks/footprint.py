"""What `inferwatch serve` costs while nobody asks: time to its first answer, memory, CPU when idle."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

from tests.benchmarks.serving import CLI, mlp_bodies, prepare, wait_for
from tests.benchmarks.tables import Table
from tests.helpers.models import mlp_folder

IDLE_SECONDS = 10.0
STARTS = 3


def footprint_tables() -> Iterator[Table]:
    """Start it some times, ask once, then leave it alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings, port, path = prepare(mlp_folder(folder / "mlp"), folder / "serve", capture=True)
        table = Table(
            title="`inferwatch serve` with the MLP",
            header=["start", "s to /livez", "s to the first answer", "MB resident", "CPU ms per idle second"],
        )
        for start in range(1, STARTS + 1):
            table.add(start, *_one_start(settings, port, path))
        yield table


def _one_start(settings: Path, port: int, path: str) -> tuple[float, float, float, float]:
    began = time.perf_counter()
    process = subprocess.Popen(
        [*CLI, "serve", "--config", str(settings)], stdout=subprocess.DEVNULL
    )  # our own module
    try:
        alive = wait_for(f"http://127.0.0.1:{port}/livez", process)
        wait_for(f"http://127.0.0.1:{port}/readyz", process)
        answer = httpx.post(f"http://127.0.0.1:{port}{path}", json=json.loads(mlp_bodies()[0]))
        answer.raise_for_status()
        answered = time.perf_counter() - began
        server = psutil.Process(process.pid)
        time.sleep(2)  # what a start leaves to do is not idling
        before = sum(server.cpu_times()[:2])
        time.sleep(IDLE_SECONDS)
        idle = (sum(server.cpu_times()[:2]) - before) / IDLE_SECONDS * 1e3
        return alive, answered, server.memory_info().rss / 1e6, idle
    finally:
        process.terminate()
        process.wait(timeout=30)
