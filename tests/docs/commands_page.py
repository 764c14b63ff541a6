"""Every command with its options, as `--help` has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from gateway.cli import app
from tests.docs.tables import code, table

_HEAD = """\
# Commands

All take `--help`, and `--config` (or `INFERWATCH_CONFIG`): `inferwatch.yaml` in this folder unless given.
"""
_SHARED = frozenset({"help", "config"})


def commands_page() -> str:
    """The page."""
    return _HEAD + "".join(f"\n{_section(path, command)}" for path, command in commands())


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its full name."""
    yield from _commands(typer.main.get_command(app), "inferwatch")


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, each in inner.items():
        yield from _commands(each, f"{path} {name}")


def _section(path: str, command: Any) -> str:
    arguments = " ".join(
        str(each.metavar or each.name or "").upper()
        for each in command.params
        if each.param_type_name == "argument"
    )
    rows = [
        (_names(each), str(getattr(each, "help", None) or ""))
        for each in command.params
        if each.name not in _SHARED
    ]
    body = f"\n{table(('', ''), rows)}" if rows else ""
    return f"## {' '.join(filter(None, (path, arguments)))}\n\n{(command.help or '').strip()}\n{body}"


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(str(parameter.metavar or parameter.name or "").upper())
    return ", ".join(code(name) for name in parameter.opts)
