"""What a person sees of a replay: a progress bar on stderr."""

from __future__ import annotations

import asyncio

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.replay import ReplayReport, ReplaySettings, load, replay
from gateway.server import loop_name


def show_replay(settings: ReplaySettings) -> ReplayReport:
    """Replay, and show how far it is."""
    table = load(settings)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} rows/s, {task.fields[errors]} errors"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(settings.model, total=len(table), rate=0.0, errors=0)

        def watch(report: ReplayReport) -> None:
            rate = report.rows / report.seconds if report.seconds else 0.0
            progress.update(task, completed=report.rows, rate=rate, errors=report.errors)

        with asyncio.Runner(loop_factory=_loop) as runner:
            return runner.run(replay(settings, table, watch))


def _loop() -> asyncio.AbstractEventLoop:
    if loop_name() == "uvloop":
        import uvloop  # noqa: PLC0415  not on every system

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()
