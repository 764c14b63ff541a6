"""`inferwatch channels`: whom alerts reach, and whether they do."""

# ruff: noqa: PLC0415
# Imports inside of commands: they take longer than `--help`.
from __future__ import annotations

from typing import Annotated

import typer

from gateway.command_options import CONFIG, Config

channels_app = typer.Typer(help="Whom alerts reach.", no_args_is_help=True)


@channels_app.command("list")
def channels_list(config: Config = CONFIG) -> None:
    """Every recipient of the settings, with the lightest severity that is told there."""
    from gateway.settings_file import load_settings
    from monitors.alerts import build_channels

    for channel in build_channels(load_settings(config).alerts):
        typer.echo(f"{channel.name}\t{channel.recipient}\tfrom {channel.min_severity.value} up")


@channels_app.command("test")
def channels_test(
    name: Annotated[str | None, typer.Argument(help="such as slack; all if not given")] = None,
    config: Config = CONFIG,
) -> None:
    """Send a notice that says it is a test to every recipient, at once, and then that it is over."""
    from gateway.settings_file import load_settings
    from monitors.alerts import build_channels
    from monitors.alerts.trial import tried
    from storage.clock import utc_now

    channels = [
        each for each in build_channels(load_settings(config).alerts) if name is None or each.name == name
    ]
    if not channels:
        typer.echo("no such channel is in the settings; see `alerts` in inferwatch.yaml", err=True)
        raise typer.Exit(1)
    failed = 0
    for channel in channels:
        error = tried(channel, utc_now())
        failed += error is not None
        words = "took the test" if error is None else f"did not take it: {error}"
        typer.echo(f"{channel.name}\t{channel.recipient}\t{words}", err=error is not None)
    if failed:
        raise typer.Exit(1)
