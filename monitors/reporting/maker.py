"""Makes the reports that wait, one after another, each in a child process: none slows the counting."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from monitors.process.tenure import Tenure
from monitors.reporting.child import Result, Task
from storage.clock import Clock
from storage.counting import Counting
from storage.database import Database
from storage.leases import Lease
from storage.records import ReportWish
from storage.reports import (
    Report,
    begin_report,
    fail_report,
    finish_report,
    next_report,
    put_off,
    put_progress,
)

log = logging.getLogger(__name__)

LEASE = "report"
MOST_TRIES = 3

_LOOK_S = 0.2
_COMMAND = (sys.executable, "-m", "monitors.reporting.child")
_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a report may take, and what runs it."""

    seconds: float = 300.0
    command: tuple[str, ...] = _COMMAND


class ReportMaker:
    """What the report thread does over and over. `stop` is set when the process is to end."""

    def __init__(  # noqa: PLR0913  # each is one fact, given by the composition root
        self,
        database: Database,
        counting: Counting,
        tenure: Tenure,
        *,
        url: str,
        limits: Limits,
        stop: threading.Event,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._counting, self._tenure = database, counting, tenure
        self._url, self._limits = url, limits
        self._stop = stop
        self._clock, self._monotonic = clock, monotonic

    def step(self) -> bool:
        """Make the next one, if there is one. Whether there was."""
        lease = self._tenure.lease(LEASE)
        if lease is None:
            return False
        with self._database.read() as connection:
            report = next_report(connection)
        if report is None:
            return False
        if report.tries >= MOST_TRIES:
            self._fail(lease, report, f"making it was cut off {report.tries} times; ask for a shorter window")
            return True
        with self._counting.transaction(lease) as write:
            begin_report(write.connection, report.id)
        self._make(lease, report)
        return not self._stop.is_set()

    def _make(self, lease: Lease, report: Report) -> None:
        with tempfile.TemporaryDirectory(prefix="inferwatch-report-") as folder:
            result = Path(folder) / "result"
            with _child(self._limits.command, _task(report, self._url, result)) as child:
                ended = self._watch(lease, report, child)
            if ended:
                self._keep(lease, report, result)

    def _watch(self, lease: Lease, report: Report, child: subprocess.Popen[bytes]) -> bool:
        """Wait for its end, and note how far it is. False: it was ended, and what became of it is noted."""
        until, noted = self._monotonic() + self._limits.seconds, 0.0
        while child.poll() is None:
            if self._stop.wait(_LOOK_S):
                with self._counting.transaction(lease) as write:
                    put_off(write.connection, report.id)
                return False
            if self._monotonic() > until:
                longest = f"{self._limits.seconds:g} s (monitor.report_s)"
                self._fail(lease, report, f"it took longer than {longest}; ask for a shorter window")
                return False
            if self._tenure.lease(LEASE) is None:
                return False  # another process makes it now
            told = _told(child)
            if told is not None and told > noted:
                noted = told
                with self._counting.transaction(lease) as write:
                    put_progress(write.connection, report.id, told)
        return True

    def _keep(self, lease: Lease, report: Report, path: Path) -> None:
        """Store what was made, or why nothing was. What ended without a word is tried again."""
        try:
            result = msgspec.msgpack.decode(path.read_bytes(), type=Result)
        except FileNotFoundError:
            log.warning("report cut off", extra={"report": report.id, "tries": report.tries + 1})
            return
        if result.made is None:
            self._fail(lease, report, result.failed or "it failed, and did not say why")
            return
        with self._counting.transaction(lease) as write:
            finish_report(write.connection, report.id, result.made, made_at=self._clock())
        log.info("report made", extra={"report": report.id, "kind": report.kind.value})

    def _fail(self, lease: Lease, report: Report, words: str) -> None:
        with self._counting.transaction(lease) as write:
            fail_report(write.connection, report.id, words, made_at=self._clock())
        log.info("report failed", extra={"report": report.id, "kind": report.kind.value})


def _task(report: Report, url: str, result: Path) -> Task:
    scope, window = report.scope, report.window
    wish = ReportWish(
        kind=report.kind,
        model=scope.model,
        version=scope.version,
        arm=scope.arm,
        slice=scope.slice,
        start=window.start,
        end=window.end,
    )
    return Task(wish=wish, url=url, result=str(result))


@contextlib.contextmanager
def _child(command: tuple[str, ...], task: Task) -> Iterator[subprocess.Popen[bytes]]:
    """It, at work. It is gone at the end, whatever happens."""
    child = subprocess.Popen(  # noqa: S603  the command is ours
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # libraries may write values of columns there
        env={**os.environ, **_THREADS},
    )
    try:
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("a child with pipes has them")
        os.set_blocking(child.stdout.fileno(), False)
        with contextlib.suppress(BrokenPipeError):  # it ended at once: that is seen soon enough
            child.stdin.write(msgspec.json.encode(task) + b"\n")
            child.stdin.flush()
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _told(child: subprocess.Popen[bytes]) -> float | None:
    """How far it says that it is; None: nothing new."""
    written = b"" if child.stdout is None else child.stdout.read() or b""
    lines = written.splitlines()
    try:
        return float(lines[-1]) if lines else None
    except ValueError:
        return None  # half of a line
