"""`inferwatch report`: an Evidently report of a window, made from the database alone."""

# ruff: noqa: PLC0415
# Imports inside of the command: SQLAlchemy, pandas and Evidently take seconds; `--help` needs none of them.
from __future__ import annotations

import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.command_options import CONFIG, Config
from gateway.errors import AskError
from storage.records import ALL, Arm, ReportKind

_BAR = 30


def report(  # noqa: PLR0913, PLR0917  each is an option
    model: Annotated[str, typer.Argument(help="name of the model")],
    kind: Annotated[ReportKind, typer.Option(help="what it shows")] = ReportKind.DATA_DRIFT,
    version: Annotated[str | None, typer.Option(help="the newest, if not given")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="a time; the newest judged window, if not given")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="a time; given with --from")] = None,
    slice: Annotated[str, typer.Option(help="such as country=DE")] = ALL,
    arm: Annotated[Arm, typer.Option(help="whose answers")] = Arm.STABLE,
    out: Annotated[
        Path | None, typer.Option(help="the file to write; named after the window if not given")
    ] = None,
    config: Config = CONFIG,
) -> None:
    """Compare the rows of a window with the reference, as a page of HTML. It needs the database alone."""
    from gateway.settings_file import load_settings
    from monitors.report import make_report
    from storage.database import open_reader
    from storage.wishing import Asked, wish_of

    asked = Asked(
        kind=kind, model=model, version=version, arm=arm, slice=slice,
        start=_time(start, "--from"), end=_time(end, "--to"),
    )  # fmt: skip
    database = open_reader(load_settings(config).database)
    try:
        with database.read() as connection:
            wish = wish_of(connection, asked)
        made = make_report(database, wish, progress=_show)
    finally:
        database.close()
        _end_of_bar()
    path = out or Path(_named(f"{wish.model}-{wish.version}-{kind.value}-{wish.start:%Y%m%dT%H%M}.html"))
    try:
        path.write_text(made.html, encoding="utf-8")
    except OSError as exc:
        raise AskError(f"{path} cannot be written ({exc.strerror}); name another place with --out") from exc
    typer.echo(f"{wish.start:%Y-%m-%dT%H:%M:%SZ} to {wish.end:%Y-%m-%dT%H:%M:%SZ}: {made.words}", err=True)
    typer.echo(f"{path.resolve()}")


def _time(given: str | None, option: str) -> datetime | None:
    from gateway.errors import RefusedError
    from gateway.question import read_at

    try:
        return read_at(given, option)
    except RefusedError as exc:
        raise AskError(exc.message) from exc


def _named(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)


def _show(progress: float) -> None:
    """A bar, where somebody looks."""
    if sys.stderr.isatty():
        full = round(_BAR * progress)
        sys.stderr.write(f"\rmaking the report  {'█' * full}{'░' * (_BAR - full)} {progress:4.0%}")
        sys.stderr.flush()


def _end_of_bar() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\n")
