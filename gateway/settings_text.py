"""What `inferwatch init` writes: every setting with its default, as a comment, made from the models."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.settings import Settings
from gateway.settings_file import models_in
from monitors.rule_settings import duration_text

_HEAD = """\
## Settings of inferwatch. Every line shows a default: to change it, take its first '#' away, and that of
## its section.
## ${NAME} and ${NAME:-default} take a value from the environment. Relative paths begin at this file's folder.
## `inferwatch check` says what is wrong here, and how to mend it.
"""


def settings_text() -> str:
    """A file in which nothing is set."""
    lines = [_HEAD]
    for name, field in Settings.model_fields.items():
        section = next(models_in(field.annotation))
        lines += [f"## {_first_line(section)}", f"#{name}:", *_settings(section, "  "), ""]
    return "\n".join(lines)


def _settings(section: type[BaseModel], indent: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if field.description:
            yield f"#{indent}# {field.description}"
        yield f"#{indent}{name}: {_flow(field.get_default(call_default_factory=True))}"
        for inner in models_in(field.annotation):
            yield from _example(name, inner, indent, listed=get_origin(field.annotation) is tuple)


def _example(name: str, section: type[BaseModel], indent: str, *, listed: bool) -> Iterator[str]:
    """A part that is absent by default: its settings, as a comment within the comment."""
    yield f"#{indent}# {_first_line(section)} For example:"
    yield f"#{indent}# {name}:"
    for place, (inner, field) in enumerate(section.model_fields.items()):
        value = (
            _stand_in(inner, field)
            if field.is_required()
            else _flow(field.get_default(call_default_factory=True))
        )
        remark = f"  # {field.description}" if field.description else ""
        dash = ("- " if place == 0 else "  ") if listed else ""
        yield f"#{indent}#   {dash}{field.alias or inner}: {value}{remark}"


def _stand_in(name: str, field: FieldInfo) -> str:
    examples = {
        "host": "smtp.example.org", "sender": "inferwatch@example.org", "to": "[oncall@example.org]",
        "url": "${ALERTS_URL}", "routing_key": "${PAGERDUTY_KEY}", "name": "drift",
        "source": "[rule=no_data]", "target": "[monitor!=traffic]",
    }  # fmt: skip
    return examples.get(name, f"<{field.annotation}>")


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    return (
        yaml.safe_dump(_plain(value), default_flow_style=True, allow_unicode=True, width=10_000)
        .removesuffix("...\n")
        .strip()
    )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    match value:
        case Path():
            return str(value)
        case timedelta():
            return duration_text(value)
        case tuple():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case SecretStr():  # a default: public, though what takes its place may not be
            return value.get_secret_value()
        case _:
            return getattr(value, "value", value)  # a member of an Enum is its value


def _first_line(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]
