"""`inferwatch keys`: who may ask the gateway, and for what."""

# ruff: noqa: PLC0415
# Imports inside of commands: they take longer than `--help`.
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from gateway.command_options import CONFIG, Config

keys_app = typer.Typer(
    help="API keys. Once one exists, every route and page but the health probes needs one.",
    no_args_is_help=True,
)


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="whose key it is; recorded with every request")],
    right: Annotated[
        list[str] | None,
        typer.Option(
            help="infer, label (and ask for samples), read (the dashboard too) or act (silence, "
            "acknowledge); all if not given"
        ),
    ] = None,
    days: Annotated[
        float | None, typer.Option(help="days until it expires; never if not given", min=0)
    ] = None,
    config: Config = CONFIG,
) -> None:
    """Make an API key and show it, this once."""
    from gateway.settings_file import load_settings
    from storage.keys import KeyFile, rights_of

    now = datetime.now(UTC)
    expires_at = None if days is None else now + timedelta(days=days)
    file = KeyFile(load_settings(config).gateway.keys_file)
    typer.echo(file.create(name, rights_of(right or []), now, expires_at))


@keys_app.command("list")
def keys_list(config: Config = CONFIG) -> None:
    """Every key: name, first characters, rights, and whether it can be used."""
    from gateway.settings_file import load_settings
    from storage.keys import KeyFile

    now = datetime.now(UTC)
    for key in KeyFile(load_settings(config).gateway.keys_file).read():
        state = "revoked" if key.revoked_at else "usable" if key.usable(now) else "expired"
        until = f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "no expiry"
        typer.echo(f"{key.name}\t{key.prefix}…\t{','.join(sorted(key.rights))}\t{state}\t{until}")


@keys_app.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="as `keys list` shows it")], config: Config = CONFIG
) -> None:
    """Refuse a key from now on. A running gateway sees it within a second."""
    from gateway.settings_file import load_settings
    from storage.keys import KeyFile

    KeyFile(load_settings(config).gateway.keys_file).revoke(name, datetime.now(UTC))
    typer.echo(f"{name} revoked")
