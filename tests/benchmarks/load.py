"""A closed-loop HTTP load: so many connections, each sending its next request when its answer is there.

Runs as a process of its own (`python -m tests.benchmarks.load`), to loopback only, for a bounded time, and
prints one line of JSON. It parses no more of an answer than its length, so that the client is not what is
measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import uvloop


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What a load saw. Latencies in milliseconds."""

    requests: int
    failures: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


class _Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, load: _Load) -> None:
        self.load = load
        self.buffer = b""
        self.sent_at = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream transport, by the way it was opened
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lowered = self.buffer[:head].lower()
        at = lowered.find(b"content-length:")
        end = lowered.find(b"\r\n", at)
        length = int(lowered[at + 15 : end if end > 0 else head])
        if len(self.buffer) < head + 4 + length:
            return
        self.load.answered(time.perf_counter() - self.sent_at, self.buffer[9:12] == b"200")
        self.buffer = b""
        if self.load.running:
            self._ask()
            return
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.closed()

    def _ask(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(next(self.load.requests))


class _Load:
    def __init__(self, requests: list[bytes], connections: int) -> None:
        self.requests = cycle(requests)
        self.running = True
        self.latencies: list[float] = []
        self.failures = 0
        self.open = connections
        self.done = asyncio.Event()

    def answered(self, seconds: float, good: bool) -> None:
        self.latencies.append(seconds)
        self.failures += not good

    def closed(self) -> None:
        self.open -= 1
        if self.open == 0:
            self.done.set()


async def run_load(port: int, requests: list[bytes], connections: int, seconds: float) -> LoadResult:
    """Load `127.0.0.1:port` for `seconds` with prepared requests."""
    load = _Load(requests, connections)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: _Client(load), "127.0.0.1", port)
    await asyncio.sleep(seconds)
    load.running = False
    elapsed = time.perf_counter() - started
    answered = len(load.latencies)
    await asyncio.wait_for(load.done.wait(), 60)
    p50, p99 = np.quantile(load.latencies[:answered] or [float("nan")], [0.5, 0.99]) * 1e3
    return LoadResult(
        requests=answered, failures=load.failures, seconds=elapsed, p50_ms=float(p50), p99_ms=float(p99)
    )


def http_request(path: str, body: bytes) -> bytes:
    """The bytes of a POST of JSON over a connection that stays open."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main() -> None:
    """Read one JSON body a line from a file, send them round and round, print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--bodies", type=Path, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    requests = [http_request(options.path, body) for body in options.bodies.read_bytes().splitlines()]
    result = uvloop.run(run_load(options.port, requests, options.connections, options.seconds))
    sys.stdout.write(json.dumps(asdict(result)) + "\n")


if __name__ == "__main__":
    main()
