"""`inferwatch demo`: makes the folder, then keeps gateway, monitor, dashboard, catcher and story running."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import typer

from gateway.build import children_of
from gateway.demo.folder import DemoFolder
from gateway.demo.ports import DemoPorts
from gateway.logs import Lines
from gateway.settings_file import load_settings
from gateway.supervisor import Child, Supervisor

_MOVE = "move all ports of the demo: --port-offset 100"


def run_demo(path: Path, *, keep: bool, port_offset: int) -> None:
    """Until Ctrl-C or SIGTERM. Raises `StartError` before anything was touched, where it cannot run."""
    folder = DemoFolder(path=path.resolve())
    with folder.held():
        going_on = keep and folder.config.exists()
        ports = DemoPorts.of(load_settings(folder.config)) if going_on else DemoPorts.moved(port_offset)
        ports.check(mend=f"change it in {folder.config}" if going_on else _MOVE)
        if going_on:
            typer.echo(f"Going on with what the demo left in {folder.path}.")
        else:
            _start_afresh(folder)
        typer.echo("Making two small models and what their traffic is compared with ...")
        from gateway.demo.prepare import prepare  # noqa: PLC0415  torch: a busy port is told without

        prepare(folder, ports)
        _log_into(folder.logs / "demo.log")
        Supervisor(_children(folder, ports)).run()
    typer.echo(f"The demo has ended, and all its processes. Mails, logs and settings stay in {folder.path}")


def _start_afresh(folder: DemoFolder) -> None:
    if not folder.used:
        return
    edited = folder.clear()
    typer.echo(f"Starting afresh: what the last demo made in {folder.path} is gone (--keep goes on with it).")
    if edited is not None:
        typer.echo(f"Its settings had been edited; they are kept as {edited.name}.")


def _children(folder: DemoFolder, ports: DemoPorts) -> list[Child]:
    python, logs = [sys.executable, "-m"], folder.logs
    return [
        Child(
            name="catcher",
            command=[*python, "gateway.demo.catcher", str(folder.mails), str(ports.smtp), str(ports.inbox)],
            log=logs / "catcher.log",
        ),
        *children_of(folder.config, logs),
        Child(name="story", command=[*python, "gateway.demo.tell", str(folder.path)]),
    ]


def _log_into(file: Path) -> None:
    """Restarts of processes are told there: the terminal belongs to the story."""
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(Lines("demo"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
