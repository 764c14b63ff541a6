"""A real inferwatch on loopback: its processes, its configuration, and a way to ask it things."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.helpers.ports import free_port

CLI = (sys.executable, "-m", "gateway.cli")
START_S = 60.0


@dataclass(slots=True)
class Deployment:
    """The processes of one configuration, which tests start, stop and kill by name ("serve", "monitor",
    "up")."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    dashboard_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        defaults: dict[str, Any] = {
            "gateway": {"port": self.port},
            "dashboard": {"port": self.dashboard_port},
            "monitor": {"metrics_port": self.metrics_port},
        }
        for section, values in self.settings.items():
            defaults[section] = {**defaults.get(section, {}), **values}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump(defaults))

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "inferwatch.yaml"

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def dashboard_url(self) -> str:
        """Where the dashboard answers."""
        return f"http://127.0.0.1:{self.dashboard_port}"

    def cli(self, *arguments: str, timeout_s: float = 300) -> str:
        """Run one command to its end and return what it printed. Raises CalledProcessError when it fails."""
        ran = subprocess.run(  # our own command line
            [*CLI, *arguments, "--config", str(self.config)],
            check=False, capture_output=True, text=True, timeout=timeout_s, env=_environment(),
        )  # fmt: skip
        if ran.returncode != 0:
            raise RuntimeError(
                f"inferwatch {' '.join(arguments)} ended with {ran.returncode}: {ran.stderr[-2000:]}"
            )
        return ran.stdout

    def start(self, command: str, *, ready: bool = True) -> None:
        """Start `serve`, `monitor`, `dashboard` or `up`, and wait until it is ready unless told not to."""
        with (self.folder / f"{command}.log").open("ab") as log:
            self.running[command] = subprocess.Popen(  # our own command line
                [*CLI, command, "--config", str(self.config)], stdout=log, stderr=log, env=_environment()
            )
        if ready:
            self.wait_ready(command)

    def wait_ready(self, command: str) -> None:
        """Wait until the gateway answers as ready, or the monitor serves its metrics."""
        path = "/metrics" if command == "monitor" else "/readyz"
        port = self.metrics_port if command == "monitor" else self.port
        wait_until(lambda: answers(f"http://127.0.0.1:{port}{path}"), f"{command} to be ready", START_S)

    def kill(self, command: str) -> None:
        """`kill -9`, by the process id, and wait until the process is gone."""
        process = self.running.pop(command)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)

    def stop(self, command: str) -> None:
        """Ask one process to end, and wait for it."""
        process = self.running.pop(command)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)

    def stop_all(self) -> None:
        """Ask every process to end."""
        for command in list(self.running):
            self.stop(command)

    def get(self, path: str) -> Any:
        """The JSON of a page of the API. Raises httpx.HTTPStatusError when it is not 200."""
        answer = httpx.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return json.loads(answer.content)

    def pages(self, path: str, member: str) -> list[dict[str, Any]]:
        """All rows of a list that comes in pages."""
        rows: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.get(path + (f"&cursor={cursor}" if cursor else ""))
            rows += page[member]
            cursor = page["next"]
            if cursor is None:
                return rows

    def wait_counted(self, timeout_s: float = 120) -> dict[str, int]:
        """Wait until no event waits any more, and return the accounting."""
        wait_until(
            lambda: self.get("/api/accounting")["waiting"] == 0, "every event to be counted", timeout_s
        )
        accounting: dict[str, int] = self.get("/api/accounting")
        return accounting


@contextmanager
def deployed(folder: Path, settings: dict[str, Any] | None = None) -> Iterator[Deployment]:
    """A deployment whose processes are stopped at the end, whatever happened."""
    deployment = Deployment(folder=folder, settings=settings or {})
    try:
        yield deployment
    finally:
        deployment.stop_all()


def wait_until(true: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Look ten times a second until `true()`. Raises TimeoutError that says what never came."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if true():
            return
        time.sleep(0.1)
    raise TimeoutError(f"waited {timeout_s:g} s for {what}")


def answers(url: str) -> bool:
    """Whether the page is there and well."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
