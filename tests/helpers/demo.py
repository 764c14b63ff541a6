"""A demo at ports of its own, as a person would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import psutil

from gateway.demo.ports import DemoPorts
from gateway.supervisor import port_problem
from tests.helpers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def free_offset() -> int:
    """What to add to the usual ports of a demo, so that nobody listens on any."""
    while True:
        offset = free_port() - DemoPorts().gateway
        ports = asdict(DemoPorts.moved(offset)).values()
        if all(port_problem("any", "127.0.0.1", port) is None for port in ports):
            return offset


def demo_command(folder: Path, offset: int, *more: str) -> list[str]:
    """The command line."""
    start = [sys.executable, "-m", "gateway.cli", "demo"]
    return [*start, "--folder", str(folder), "--port-offset", str(offset), *more]


def environment() -> dict[str, str]:
    """For a start from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@contextmanager
def running(command: list[str], output: Path) -> Iterator[psutil.Process]:
    """A process that is interrupted at the end, as by Ctrl-C."""
    with output.open("ab") as file:
        started = subprocess.Popen(command, stdout=file, stderr=file, env=environment(), cwd=output.parent)
    try:
        yield psutil.Process(started.pid)
    finally:
        started.send_signal(signal.SIGINT)
        started.wait(60)
