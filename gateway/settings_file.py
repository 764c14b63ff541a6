"""Reads `inferwatch.yaml`: `${ENV}` references, and mistakes with their line and the nearest right name."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import SettingsError
from gateway.settings import Settings

_Model = TypeVar("_Model", bound=BaseModel)
Place = tuple[str | int, ...]
_REFERENCE = re.compile(r"\$(?:(\$\{)|\{([A-Za-z_]\w*)(?::-([^}]*))?\})")
_SQLITE = re.compile(r"^(sqlite(?:\+\w+)?:///)(?!/)(?!:memory:)(.+)$")


class _Loader(yaml.SafeLoader):
    """The safe loader, in which `true` and `false` alone are booleans: the keys `off` and `no` are words."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings, with relative paths made absolute from the file's folder. Raises `SettingsError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise SettingsError(
            [f"{path} does not exist; write one with `inferwatch init`, or name it with --config"]
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError([f"{path} cannot be read: {exc}"]) from exc
    return parse_settings(text, path, environment)


def parse_settings(text: str, path: Path, environment: Mapping[str, str]) -> Settings:
    """The same from a text that would stand in `path`."""
    lines = _lines(text, path)
    raw = _Loader(text).get_single_data()
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise SettingsError([f"{path}: sections such as `gateway:` are wanted, not {type(raw).__name__}"])
    problems: list[str] = []
    filled = _filled(
        {key: {} if value is None else value for key, value in raw.items()}, (), environment, problems
    )
    if problems:
        raise SettingsError([f"{path}{problem}" for problem in problems])
    try:
        settings = Settings.model_validate(filled)
    except ValidationError as exc:
        raise SettingsError(
            [_problem(error, path, lines) for error in exc.errors(include_url=False)]
        ) from exc
    return _with_code(_resolved(settings, path.resolve().parent), path.resolve().parent)


def _problem(error: ErrorDetails, path: Path, lines: Mapping[Place, int]) -> str:
    place = error["loc"]
    shown = ".".join(map(str, place))
    line = next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), 1)
    if error["type"] != "extra_forbidden":
        message = error["msg"].removeprefix("Value error, ")
        return f"{path}:{line}: {shown}: {message}"
    known = [field.alias or name for name, field in _section(place[:-1]).model_fields.items()]
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    advice = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
    return f"{path}:{line}: {shown} is not a setting; {advice}"


def _section(place: Place) -> type[BaseModel]:
    """The model that holds the keys at this place."""
    section: type[BaseModel] = Settings
    for name in place:
        field = section.model_fields.get(str(name))
        inner = next(models_in(field.annotation), None) if field else None
        section = inner or section
    return section


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The pydantic models that an annotation such as `EmailSettings | None` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, tuple):
        for part in get_args(annotation):
            yield from models_in(part)


def _filled(value: Any, place: Place, environment: Mapping[str, str], problems: list[str]) -> Any:
    """The value with its `${ENV}` references replaced."""
    if isinstance(value, dict):
        return {key: _filled(inner, (*place, key), environment, problems) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, (*place, n), environment, problems) for n, inner in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return "${"
        name: str = match[2]
        found: str | None = environment.get(name, match[3])
        if found is None:
            problems.append(
                f": {'.'.join(map(str, place))}: the environment has no {name}; set it, or write "
                f"${{{name}:-default}}"
            )
        return found or ""

    return _REFERENCE.sub(replace, value)


def _resolved(section: _Model, folder: Path) -> _Model:
    """The section with every relative path, and the one in a SQLite address, under `folder`."""
    changes: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            changes[name] = _resolved(value, folder)
        elif isinstance(value, Path):
            changes[name] = folder / value
        elif isinstance(value, tuple) and value and all(isinstance(item, Path) for item in value):
            changes[name] = tuple(folder / item for item in value)
        elif isinstance(value, str) and (found := _SQLITE.match(value)):
            changes[name] = f"{found[1]}{folder / found[2]}"
    return section.model_copy(update=changes)


def _with_code(settings: Settings, folder: Path) -> Settings:
    """Where no folder of code is named, the operator's modules lie beside the file."""
    if settings.engine.code:
        return settings
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"code": (folder,)})})


def _lines(text: str, path: Path) -> dict[Place, int]:
    """The line of every key.

    Refuses what is no YAML, and keys that are there twice (YAML would take the last).
    """
    try:
        root = _Loader(text).get_single_node()
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(exc, "problem", None) or "it cannot be read"
        raise SettingsError([f"{path}:{line}: not YAML: {problem}"]) from exc
    lines: dict[Place, int] = {}
    if root is not None:
        _walk(root, (), lines, path)
    return lines


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for number, entry in enumerate(node.value):
            lines[*place, number] = entry.start_mark.line + 1
            _walk(entry, (*place, number), lines, path)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        inner = (*place, key.value)
        line = key.start_mark.line + 1
        if inner in lines:
            raise SettingsError(
                [f"{path}:{line}: {'.'.join(map(str, inner))} is there twice (line {lines[inner]}); keep one"]
            )
        lines[inner] = line
        _walk(value, inner, lines, path)
