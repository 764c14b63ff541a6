"""`inferwatch up`: gateway, monitor and dashboard as children, started again when they die."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

from gateway.errors import StartError

log = logging.getLogger(__name__)

LONGEST_BACK_OFF_S = 30.0
STEADY_S = 60.0
"""A child that lived so long is started again at once when it dies."""

_FIRST_S = 5.0
_STOP_S = 30.0
_TICK_S = 0.2
_PR_SET_PDEATHSIG = 1
_OWN_MODULES = ("gateway.cli", "dashboard")  # as in `python -m dashboard`


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None  # a file that all it says is added to; None: it says it where we do


@dataclass(slots=True, kw_only=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    again_at: float | None = None  # when it is started again; None: it runs


class Supervisor:
    """Keeps children running until it is told to stop. SIGTERM and SIGINT tell it."""

    def __init__(self, children: Sequence[Child], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._children = children
        self._monotonic = monotonic
        self._running: list[_Running] = []
        self._stopping = False

    def run(self) -> None:
        """Until stopped. Raises `StartError` when a child ends before it ever ran well."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            self._running = [self._start(child) for child in self._children]
            while not self._stopping:
                for running in self._running:
                    self._look(running)
                time.sleep(_TICK_S)
        finally:
            self._end()

    def _look(self, running: _Running) -> None:
        """Notice an end, and start again when its time has come."""
        now = self._monotonic()
        if running.again_at is not None:
            if now >= running.again_at:
                running.process = self._start(running.child).process
                running.started, running.again_at = now, None
            return
        code = running.process.poll()
        if code is None:
            return
        lived_s = now - running.started
        if code in (1, 2) and lived_s < _FIRST_S and not running.failures:
            where = "above" if running.child.log is None else f"in {running.child.log}"
            raise StartError(
                f"{running.child.name} ended with code {code} at its start; its error is {where}"
            )
        running.failures = 1 if lived_s > STEADY_S else running.failures + 1
        wait_s = min(LONGEST_BACK_OFF_S, 0.5 * 2 ** (running.failures - 1))
        running.again_at = now + wait_s
        log.warning(
            "process ended; it is started again",
            extra={"child": running.child.name, "code": code, "in_s": wait_s},
        )

    def _start(self, child: Child) -> _Running:
        with contextlib.ExitStack() as stack:
            log_file = None if child.log is None else stack.enter_context(child.log.open("ab"))
            process = subprocess.Popen(  # noqa: S603  our own commands, made by `build.py`
                child.command,
                env={**os.environ, **child.environment},
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  no threads here
            )
        return _Running(child=child, process=process, started=self._monotonic())

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        """Ask all of them to end, then insist."""
        alive = [running.process for running in self._running if running.process.poll() is None]
        for process in alive:
            _signal_group(process.pid, signal.SIGTERM)
        give_up = self._monotonic() + _STOP_S
        for process in alive:
            try:
                process.wait(max(0.0, give_up - self._monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process.pid, signal.SIGKILL)
                process.wait()


def check_ports(wanted: Mapping[str, tuple[str, int]]) -> None:
    """Refuses a port that is taken, and says by whom. `wanted` maps a setting to its host and port."""
    for setting, (host, port) in wanted.items():
        problem = port_problem(setting, host, port)
        if problem is not None:
            raise StartError(problem)


def port_problem(setting: str, host: str, port: int, *, mend: str | None = None) -> str | None:
    """Why a port cannot be listened on, and how to mend it; None: it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            taken = f"{setting}: {host}:{port} cannot be listened on ({exc.strerror}){_holder(port)}"
            return f"{taken}; stop it, or {mend or f'change {setting} in the settings'}"
    return None


def is_ours(port: int) -> bool:
    """Whether an inferwatch that runs listens there, as far as we may know."""
    holder = _listener(port)
    try:
        command = [] if holder is None else holder.cmdline()
    except psutil.Error:
        return False
    return any(module in command for module in _OWN_MODULES)


def _holder(port: int) -> str:
    """Which process holds a port, as far as we may know."""
    holder = _listener(port)
    try:
        name = None if holder is None else holder.name()
    except psutil.Error:
        name = None
    if holder is None or name is None:
        return ": another process holds it"
    return f": {name} (process {holder.pid}) holds it"


def _listener(port: int) -> psutil.Process | None:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return None if connection.pid is None else psutil.Process(connection.pid)
    except psutil.Error:
        pass
    return None


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.killpg(pid, number)


def _die_with_parent() -> None:
    """In the child, before it becomes itself: when `up` is killed, its children end too."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
