"""Requests per second and CPU per request, beside a plain FastAPI + torch app, all within one run.

Four servers stay up at once and take turns under the same load, so that a machine that slows down slows all
of them: the baseline in its two forms, inferwatch, and inferwatch with capture off. The client is a process
of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
import yaml

from tests.benchmarks.load import LoadResult
from tests.benchmarks.tables import Table
from tests.helpers.models import bert_folder, mlp_folder
from tests.helpers.ports import free_port

HEADER = (
    "server", "connections", "requests/s", "x def", "x async",
    "CPU us/request", "per CPU-s, x def", "x async", "p50 ms", "p99 ms",
)  # fmt: skip
CONNECTIONS = (1, 32, 128)
REPEATS = 3
SECONDS = 4.0
WARM_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server under load."""

    name: str
    port: int
    path: str
    process: psutil.Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One load on one server."""

    rate: float
    cpu_us: float  # of the server, per request
    p50_ms: float
    p99_ms: float


def serving_tables() -> Iterator[Table]:
    """One table a model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield compare(
            "MLP 30-64-64-2, one row a request", mlp_folder(folder / "mlp"), mlp_bodies(), "mlp", folder
        )
        yield compare(
            "BERT of 2 layers, 128 wide: one text of 4 to 120 words a request",
            bert_folder(folder / "bert", hidden=128),
            text_bodies(),
            "bert",
            folder,
        )


def compare(title: str, model: Path, bodies: Sequence[bytes], kind: str, folder: Path) -> Table:
    """Load the three servers in turn and set their medians side by side."""
    body_file = folder / f"{kind}.jsonl"
    body_file.write_bytes(b"\n".join(bodies))
    table = Table(
        title=title,
        header=HEADER,
        note=f"Medians of {REPEATS} turns of {SECONDS:g} s. The client shares the machine's cores.",
    )
    with ExitStack() as stack:
        servers = [
            stack.enter_context(baseline(kind, "def", model)),
            stack.enter_context(baseline(kind, "async", model)),
            stack.enter_context(inferwatch("inferwatch", model, folder / f"{kind}-on", capture=True)),
            stack.enter_context(
                inferwatch("inferwatch, capture off", model, folder / f"{kind}-off", capture=False)
            ),
        ]
        for connections in CONNECTIONS:
            samples = take_turns(servers, body_file, connections)
            threaded, on_loop = (samples[server.name] for server in servers[:2])
            for server in servers:
                one = samples[server.name]
                table.add(
                    server.name, connections, one.rate, one.rate / threaded.rate, one.rate / on_loop.rate,
                    one.cpu_us, threaded.cpu_us / one.cpu_us, on_loop.cpu_us / one.cpu_us,
                    one.p50_ms, one.p99_ms,
                )  # fmt: skip
    return table


def take_turns(servers: Sequence[Server], bodies: Path, connections: int) -> dict[str, Sample]:
    """The median sample of each server."""
    turns: dict[str, list[Sample]] = {server.name: [] for server in servers}
    for server in servers:
        load(server, bodies, connections, WARM_UP_SECONDS)
    for _ in range(REPEATS):
        for server in servers:
            turns[server.name].append(load(server, bodies, connections, SECONDS))
    return {name: _median(samples) for name, samples in turns.items()}


def load(server: Server, bodies: Path, connections: int, seconds: float) -> Sample:
    """One load on one server. Raises RuntimeError when anything but 200 came back."""
    before = _cpu_seconds(server.process)
    ran = subprocess.run(  # our own module
        [
            sys.executable, "-m", "tests.benchmarks.load", "--port", str(server.port), "--path", server.path,
            "--bodies", str(bodies), "--connections", str(connections), "--seconds", str(seconds),
        ],
        check=True, capture_output=True, text=True, timeout=seconds + 90,
    )  # fmt: skip
    used = _cpu_seconds(server.process) - before
    result = LoadResult(**json.loads(ran.stdout))
    if result.failures:
        raise RuntimeError(f"{server.name}: {result.failures} of {result.requests} answers were not 200")
    return Sample(
        rate=result.rate, cpu_us=used / result.requests * 1e6, p50_ms=result.p50_ms, p99_ms=result.p99_ms
    )


@contextmanager
def baseline(kind: str, endpoint: str, model: Path) -> Iterator[Server]:
    """The plain app, as a process."""
    port = free_port()
    command = [
        sys.executable, "-m", "tests.benchmarks.baseline", "--model", kind, "--endpoint", endpoint,
        "--folder", str(model), "--port", str(port),
    ]  # fmt: skip
    with _running(command, f"http://127.0.0.1:{port}/openapi.json") as process:
        yield Server(name=f"FastAPI + torch, {endpoint}", port=port, path="/predict", process=process)


@contextmanager
def inferwatch(name: str, model: Path, folder: Path, *, capture: bool) -> Iterator[Server]:
    """`inferwatch serve` with one model, as a process."""
    settings, port, path = prepare(model, folder, capture=capture)
    with _running([*CLI, "serve", "--config", str(settings)], f"http://127.0.0.1:{port}/readyz") as process:
        yield Server(name=name, port=port, path=path, process=process)


CLI = (sys.executable, "-m", "gateway.cli")


def prepare(model: Path, folder: Path, *, capture: bool) -> tuple[Path, int, str]:
    """A configuration with one model in its repository: the file, the port, and the path to ask."""
    folder.mkdir()
    port = free_port()
    settings = folder / "inferwatch.yaml"
    settings.write_text(yaml.safe_dump({"gateway": {"port": port, "capture": capture}}))
    subprocess.run(
        [*CLI, "models", "add", str(model), "--config", str(settings)], check=True, capture_output=True
    )  # our own module
    name = yaml.safe_load((model / "model.yaml").read_text())["name"]
    return settings, port, f"/v1/models/{name}:predict"


def mlp_bodies() -> list[bytes]:
    """Sixty-four rows of thirty numbers."""
    rows = np.random.default_rng(1).normal(size=(64, 30)).round(4)
    return [json.dumps({"instances": [row.tolist()]}).encode() for row in rows]


def text_bodies() -> list[bytes]:
    """A hundred and twenty-eight texts, short ones more often than long ones."""
    rng = np.random.default_rng(2)
    words = [
        "delivery",
        "was",
        "late",
        "but",
        "the",
        "driver",
        "kind",
        "and",
        "food",
        "still",
        "warm",
        "price",
        "fair",
    ]
    lengths = np.clip(rng.lognormal(3.0, 0.8, size=128).astype(int), 4, 120)
    return [
        json.dumps({"instances": [" ".join(rng.choice(words, size=length))]}).encode() for length in lengths
    ]


@contextmanager
def _running(command: Sequence[str], url: str) -> Iterator[psutil.Process]:
    """The command as a process, from when `url` answers 200 to when it is told to stop."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # our own modules
    try:
        wait_for(url, process)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 60.0) -> float:
    """How long it took until `url` answered 200.

    Raises RuntimeError when the process ends or time runs out.
    """
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            if httpx.get(url).status_code == 200:
                return time.perf_counter() - started
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"{url} did not answer within {seconds:g} s")


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _median(samples: Sequence[Sample]) -> Sample:
    return Sample(
        rate=statistics.median(s.rate for s in samples),
        cpu_us=statistics.median(s.cpu_us for s in samples),
        p50_ms=statistics.median(s.p50_ms for s in samples),
        p99_ms=statistics.median(s.p99_ms for s in samples),
    )
