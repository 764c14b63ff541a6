"""Every setting of `inferwatch.yaml`, from the models that read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.settings import Settings
from gateway.settings_file import models_in
from monitors.rule_settings import duration_text
from tests.docs.tables import code, table

_HEAD = """\
# Settings

`inferwatch init` writes them all into `inferwatch.yaml`, as comments with their defaults. `${NAME}` and
`${NAME:-default}` take a value from the environment; relative paths begin at the file's folder; an unknown
name is refused. `inferwatch check` says what is wrong.
"""


def settings_page() -> str:
    """The page."""
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        (section,) = models_in(field.annotation)
        parts += [f"\n## {name}\n\n{_sentences(section)}\n\n", _settings(section)]
        parts += [
            f"\n### {name}.{path}\n\n{_sentences(part)}\n\n{_settings(part)}"
            for path, part in _parts(section)
        ]
    return "".join(parts)


def undescribed() -> list[str]:
    """Settings of which nothing is said, but which are not plain from their name."""
    found = []
    for name, field in Settings.model_fields.items():
        (section,) = models_in(field.annotation)
        for path, part in [("", section), *_parts(section)]:
            found += [
                ".".join(filter(None, (name, path, inner)))
                for inner, each in part.model_fields.items()
                if not each.description and not list(models_in(each.annotation))
            ]
    return found


def _settings(section: type[BaseModel]) -> str:
    rows = [
        (code(field.alias or name), _default(field), field.description or _part_words(field))
        for name, field in section.model_fields.items()
    ]
    return table(("setting", "default", "what it is"), rows)


def _parts(section: type[BaseModel], before: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in section.model_fields.items():
        for inner in models_in(field.annotation):
            mark = "[]" if get_origin(field.annotation) is tuple else ""
            path = f"{before}{field.alias or name}{mark}"
            yield path, inner
            yield from _parts(inner, f"{path}.")


def _part_words(field: FieldInfo) -> str:
    return " ".join(_first_line(inner) for inner in models_in(field.annotation))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    return code(_written(field.get_default(call_default_factory=True)))


def _written(value: Any) -> str:
    match value:
        case None | () | [] | "" | BaseModel() | dict():
            return ""
        case bool():
            return str(value).lower()
        case timedelta():
            return duration_text(value)
        case tuple() | list() | frozenset():
            return ", ".join(_written(each) for each in value)
        case _:
            return str(value)


def _sentences(section: type[BaseModel]) -> str:
    return re.sub(r"\s+", " ", (section.__doc__ or "").strip())


def _first_line(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]
