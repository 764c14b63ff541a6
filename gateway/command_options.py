"""What commands share: where the settings are, and where the gateway answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CONFIG = Path("inferwatch.yaml")
Config = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="INFERWATCH_CONFIG", help="the settings; `inferwatch init` writes them"
    ),
]
Url = Annotated[str | None, typer.Option(help="the gateway; the one of the settings if not given")]
Key = Annotated[str | None, typer.Option(envvar="INFERWATCH_KEY", help="API key")]


def gateway_url(config: Path) -> str:
    """Where the settings say that the gateway is; its default where there are no settings here."""
    if not config.exists() and config == CONFIG:
        return "http://127.0.0.1:8080"
    from gateway.settings_file import load_settings  # noqa: PLC0415  takes as long as most commands

    settings = load_settings(config).gateway
    return url_of(settings.host, settings.port)


def url_of(host: str, port: int) -> str:
    """An address that a process listens on, as one asks it."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  shown, not bound
    return f"http://{name}:{port}"
