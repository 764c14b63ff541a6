"""`inferwatch alerts`, `silence` and `audit`: what a person at a terminal does and asks about alerts."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.command_options import CONFIG, Config, Key, Url, gateway_url
from gateway.errors import AskError

alerts_app = typer.Typer(help="What a person should hear about.", no_args_is_help=True)
silence_app = typer.Typer(help="Alerts that nobody is to be told of for a while.", no_args_is_help=True)

Author = Annotated[str | None, typer.Option(help="the key's name, or yours on this machine, if not given")]
Comment = Annotated[str, typer.Option(help="why; others will read it")]


@alerts_app.command("list")
def alerts_list(
    model: Annotated[str | None, typer.Option(help="of one model")] = None,
    every: Annotated[bool, typer.Option("--all", help="also those that are over")] = False,
    url: Url = None,
    key: Key = None,
    config: Config = CONFIG,
) -> None:
    """The open alerts, those that fire first: fingerprint, state, what is wrong, and who looks after it."""
    for status in (None,) if every else ("firing", "pending"):
        query = {"model": model, "status": status, "limit": 1000, "cursor": None}
        more = True
        while more:
            given = {name: value for name, value in query.items() if value is not None}
            page = _asked("GET", "/api/alerts", url, key, config, query=given)
            for alert in page["alerts"]:
                where = f"{alert['model']} {alert['version']}"
                _line(alert["fingerprint"], alert["status"], where, alert["summary"], _seen(alert))
            query["cursor"] = page["next"]
            more = page["next"] is not None


@alerts_app.command("acknowledge")
def alerts_acknowledge(  # noqa: PLR0913, PLR0917  each is an option
    fingerprint: Annotated[str, typer.Argument(help="as `alerts list` shows it")],
    comment: Comment = "",
    author: Author = None,
    url: Url = None,
    key: Key = None,
    config: Config = CONFIG,
) -> None:
    """Tell the others that you look after an open alert."""
    body = {"author": _author(author, key), "comment": comment}
    path = f"/api/alerts/{quote(fingerprint, safe='')}/acknowledge"
    done = _asked("POST", path, url, key, config, body=body)
    _line(done["fingerprint"], f"acknowledged by {done['author']}")


@silence_app.command("add")
def silence_add(  # noqa: PLR0913, PLR0917  each is an option
    matchers: Annotated[list[str], typer.Argument(help="""such as 'model="churn"' 'column=~"age|plan"'""")],
    duration: Annotated[str | None, typer.Option("--for", help="30m, 4h, 1d")] = None,
    until: Annotated[str | None, typer.Option(help="a time, in place of --for")] = None,
    start: Annotated[str | None, typer.Option("--from", help="a time; now if not given")] = None,
    comment: Comment = "",
    author: Author = None,
    url: Url = None,
    key: Key = None,
    config: Config = CONFIG,
) -> None:
    """Tell nobody of some alerts for a while. Shows the id, and the open alerts that this hits."""
    body = {
        "matchers": matchers, "duration": duration, "ends_at": until, "starts_at": start,
        "author": _author(author, key), "comment": comment,
    }  # fmt: skip
    made = _asked("POST", "/api/silences", url, key, config, body=body)
    _line(made["id"], f"until {made['ends_at']}")
    hits = made["hits"]
    if hits is None:
        typer.echo("the database is away: which alerts it hits is unknown", err=True)
    elif not hits:
        typer.echo("it hits no alert that is open now", err=True)
    for hit in hits or ():
        _line(hit["fingerprint"], hit["status"], hit["summary"])


@silence_app.command("list")
def silence_list(
    expired: Annotated[bool, typer.Option(help="also those that are over")] = False,
    url: Url = None,
    key: Key = None,
    config: Config = CONFIG,
) -> None:
    """The silences in force and to come: id, state, end, matchers, author and comment."""
    query = {"expired": "true"} if expired else {}
    for each in _asked("GET", "/api/silences", url, key, config, query=query)["silences"]:
        matchers = " ".join(f'{one["label"]}{one["operator"]}"{one["value"]}"' for one in each["matchers"])
        until = f"until {each['ends_at']}" + (f", ended by {each['ended_by']}" if each["ended_by"] else "")
        _line(each["id"], each["state"], until, matchers, each["author"], each["comment"])


@silence_app.command("end")
def silence_end(
    id: Annotated[str, typer.Argument(help="as `silence list` shows it")],
    author: Author = None,
    url: Url = None,
    key: Key = None,
    config: Config = CONFIG,
) -> None:
    """End a silence before its time."""
    name = _author(author, key)
    query = {} if name is None else {"author": name}
    done = _asked("DELETE", f"/api/silences/{quote(id, safe='')}", url, key, config, query=query)
    _line(done["id"], f"over since {done['ends_at']}")


def audit(
    last: Annotated[int, typer.Option(help="how many of the newest deeds are shown", min=0)] = 20,
    config: Config = CONFIG,
) -> None:
    """What people did about alerts, and whether the trail of it is as it was written."""
    from gateway.settings_file import load_settings  # noqa: PLC0415  takes as long as most commands
    from storage.audit import broken_at, entries  # noqa: PLC0415  as SQLAlchemy does
    from storage.database import open_reader  # noqa: PLC0415

    with open_reader(load_settings(config).database).read() as connection:
        broken = broken_at(connection)
        if broken is not None:
            raise AskError(
                f"row {broken} of the trail was changed or is missing; compare table audit with a backup"
            )
        for each in entries(connection, limit=last):
            deed = each.action
            about = deed.silence or deed.fingerprint or each.place
            who = deed.author if deed.key in {None, deed.author} else f"{deed.author} (key {deed.key})"
            _line(str(each.number), f"{deed.at:%Y-%m-%dT%H:%M:%SZ}", deed.action, about, who, deed.comment)
    typer.echo("the trail is whole", err=True)


def _asked(  # noqa: PLR0913  # what a request is made of
    method: str,
    path: str,
    url: str | None,
    key: str | None,
    config: Path,
    *,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Any:
    """What the gateway answers. Raises `AskError`."""
    import httpx  # noqa: PLC0415  takes longer than `--help`

    at = (url or gateway_url(config)).rstrip("/")
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    try:
        answer = httpx.request(method, at + path, params=query, json=body, headers=headers, timeout=30)
        found = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        raise AskError(f"no gateway answers at {at} ({exc}); start it, or name another with --url") from exc
    if not answer.is_success:
        raise AskError(_plain(str(found.get("error", f"the gateway answered {answer.status_code}"))))
    return found


def _author(given: str | None, key: str | None) -> str | None:
    """Who does it: a key has a name of its own."""
    if given is not None or key is not None:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def _seen(alert: Mapping[str, Any]) -> str:
    parts = [f"silenced by {id_}" for id_ in alert["silenced"]]
    if alert["acknowledged"]:
        parts.append(f"acknowledged by {alert['acknowledged']['author']}")
    return ", ".join(parts)


def _line(*cells: str) -> None:
    typer.echo("\t".join(_plain(cell) for cell in cells if cell))


def _plain(text: str) -> str:
    """On one line, and without what a terminal would take for a command."""
    line = " ".join(text.split())
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)
