"""The command `inferwatch`.

Each command imports what it needs when it runs, so that `--help` is there at once.
"""

# ruff: noqa: PLC0415
# Imports inside of commands: torch, pandas and SQLAlchemy take seconds, and most commands need none of them.
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.alert_commands import alerts_app, audit, silence_app
from gateway.channel_commands import channels_app
from gateway.command_options import CONFIG, Config, Key, Url, gateway_url, url_of
from gateway.key_commands import keys_app
from gateway.model_commands import models_app, reference_app
from gateway.report_command import report
from gateway.rule_commands import rules_app

app = typer.Typer(
    help="Serves torch models and watches what goes in and out: drift, quality, accuracy, toxicity, bias.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(models_app, name="models")
app.add_typer(reference_app, name="reference")
app.add_typer(keys_app, name="keys")
app.add_typer(alerts_app, name="alerts")
app.add_typer(silence_app, name="silence")
app.command()(audit)
app.command()(report)
app.add_typer(channels_app, name="channels")
app.add_typer(rules_app, name="rules")

_BASES = ("GatewayError", "InferenceError", "StorageError", "MonitorError", "DashboardError")


def main() -> None:
    """Run a command. What a person can mend is one line; a fault of ours is a stack trace."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as exc:  # the outermost edge: the person at the terminal learns of it
        if not any(kind.__name__ in _BASES for kind in type(exc).__mro__):
            raise
        _fail(str(exc))


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="where to write")] = CONFIG,
) -> None:
    """Write inferwatch.yaml, with every default as a comment."""
    from gateway.settings_text import settings_text

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(settings_text())
    except FileExistsError:
        _fail(f"{path} exists; it is left as it is")
    except OSError as exc:
        _fail(f"{path} cannot be written ({exc.strerror}); name another place")
    typer.echo(f"{path} written. Next: inferwatch models add FOLDER, then inferwatch up")


@app.command()
def check(config: Config = CONFIG) -> None:
    """Say what is wrong with the settings, models, database, mail server and ports, and how to mend it."""
    from gateway.checks import findings
    from gateway.errors import SettingsError
    from gateway.settings_file import load_settings

    try:
        settings = load_settings(config)
    except SettingsError as exc:
        for problem in exc.problems:
            typer.echo(f"wrong  settings: {problem}", err=True)
        raise typer.Exit(1) from exc
    typer.echo(f"well   settings: {config}")
    wrong = 0
    for finding in findings(settings):
        wrong += not finding.well
        typer.echo(
            f"{'well ' if finding.well else 'wrong'}  {finding.what}: {finding.words}", err=not finding.well
        )
    if wrong:
        raise typer.Exit(1)


@app.command()
def up(config: Config = CONFIG) -> None:
    """Run gateway, monitor and dashboard on this machine, until Ctrl-C."""
    from gateway.build import supervise
    from gateway.settings_file import load_settings

    settings = load_settings(config)
    typer.echo(f"gateway    {url_of(settings.gateway.host, settings.gateway.port)}  (documents under /docs)")
    supervise(settings, config)  # the dashboard tells its address itself


@app.command()
def serve(config: Config = CONFIG) -> None:
    """Run the gateway, with the engine inside it."""
    from gateway.build import serve as run
    from gateway.settings_file import load_settings

    run(load_settings(config))


@app.command()
def monitor(config: Config = CONFIG) -> None:
    """Ship the journal to SQL, run the monitors, judge, and send alerts."""
    from gateway.build import monitor as run
    from gateway.settings_file import load_settings

    run(load_settings(config))


@app.command()
def dashboard(config: Config = CONFIG) -> None:
    """Run the dashboard."""
    from gateway.settings_file import load_settings
    from gateway.supervisor import check_ports

    settings = load_settings(config)
    check_ports({"dashboard.port": (settings.dashboard.host, settings.dashboard.port)})
    typer.echo(f"dashboard  {url_of(settings.dashboard.host, settings.dashboard.port)}")
    sys.stdout.flush()  # it would be lost with this process
    command = [sys.executable, "-m", "dashboard"]
    command += ["--host", settings.dashboard.host, "--port", str(settings.dashboard.port)]
    for name in settings.dashboard.allowed_hosts:
        command += ["--allowed-host", name]
    environment = {
        **os.environ,
        "INFERWATCH_DATABASE_URL": settings.database.url,
        "INFERWATCH_KEYS_FILE": str(settings.gateway.keys_file),
        "INFERWATCH_GATEWAY_URL": url_of(settings.gateway.host, settings.gateway.port),
    }
    os.execve(command[0], command, environment)  # noqa: S606  the same process goes on as the dashboard


@app.command()
def replay(  # noqa: PLR0913, PLR0917  each is an option
    file: Annotated[Path, typer.Argument(help="CSV (gzip too) or Parquet, one row a request")],
    model: Annotated[str, typer.Option(help="name of the model")],
    label: Annotated[str | None, typer.Option(help="column with the truth, sent after the answers")] = None,
    time: Annotated[
        str | None, typer.Option(help="column with the time of each row; rows are sent in its order")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="column sent along for monitoring only; may be repeated")
    ] = None,
    id: Annotated[str | None, typer.Option(help="column with the app's own id of each row")] = None,
    rate: Annotated[
        float | None, typer.Option(help="rows a second; as fast as it goes if not given", min=0.001)
    ] = None,
    concurrency: Annotated[int, typer.Option(help="requests at a time", min=1, max=1024)] = 16,
    batch: Annotated[
        int, typer.Option(help="rows in a request; they share the time of the first", min=1)
    ] = 1,
    version: Annotated[str | None, typer.Option(help="the one that serves, if not given")] = None,
    url: Url = None,
    key: Key = None,
    config: Config = CONFIG,
) -> None:
    """Send a file through a running gateway as an app would, with a progress bar."""
    from gateway.replay import ReplaySettings
    from gateway.replay_screen import show_replay

    settings = ReplaySettings(
        file=file, model=model, version=version, label=label, time=time, tags=tuple(tag or ()), id=id,
        rate=rate, concurrency=concurrency, batch=batch, url=url or gateway_url(config), key=key,
    )  # fmt: skip
    report = show_replay(settings)
    typer.echo(report.line())
    if report.errors:
        raise typer.Exit(1)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="where the demo keeps its things")] = Path(".inferwatch/demo"),
    keep: Annotated[
        bool, typer.Option("--keep", help="go on with what a demo left there, instead of starting afresh")
    ] = False,
    port_offset: Annotated[
        int, typer.Option(help="added to every port of a demo that starts afresh", min=0, max=50_000)
    ] = 0,
) -> None:
    """Serve two small models made on the spot, with simulated traffic that goes wrong, and a mail catcher."""
    from gateway.demo.command import run_demo

    run_demo(folder, keep=keep, port_offset=port_offset)


def _fail(message: str) -> NoReturn:
    typer.echo(f"inferwatch: {' '.join(message.split())}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
