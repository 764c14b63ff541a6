"""The README tells the truth: its commands, settings, files and model description are the real ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml

from gateway.cli import app
from gateway.settings import Settings
from inference.manifest import ModelSpec
from monitors import MONITORS
from monitors.alerts import CHANNELS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_every_command_that_the_readme_names_exists() -> None:
    known = _paths(typer.main.get_command(app))

    named = set(re.findall(r"inferwatch ((?:[a-z]+)(?: (?:add|list|set|create|revoke|test)\b)?)", README))

    assert named
    assert named <= known


def test_every_setting_that_the_readme_names_exists() -> None:
    settings = Settings.model_json_schema()
    sections = {name: _fields(settings, name) for name in settings["properties"]}

    named = re.findall(r"`(" + "|".join(sections) + r")\.([a-z_]+)", README)

    assert named
    assert [f"{section}.{name}" for section, name in named if name not in sections[section]] == []


def test_every_file_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`((?:gateway|inference|monitors|storage|dashboard|tests)/[\w/.]*)`", README))

    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_monitor_is_in_the_readme() -> None:
    assert [name for name in MONITORS if f"| {name} |" not in README] == []


def test_every_channel_is_in_the_readme() -> None:
    assert [name for name in CHANNELS if f"| {name} |" not in README] == []


def test_the_model_description_in_the_readme_is_valid() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)

    spec = ModelSpec.model_validate(yaml.safe_load(block))

    assert spec.name == "car-loan"


@pytest.mark.parametrize("target", ["run", "test", "check", "bench"])
def test_every_make_target_that_the_readme_names_exists(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def _paths(group: object, before: str = "") -> set[str]:
    found = set()
    for name, command in getattr(group, "commands", {}).items():
        found |= {before + name} | _paths(command, f"{before}{name} ")
    return found


def _fields(schema: dict[str, object], section: str) -> set[str]:
    properties = schema["properties"]
    definitions = schema["$defs"]
    if not isinstance(properties, dict) or not isinstance(definitions, dict):
        return set()
    part = properties[section]
    reference = part.get("$ref") or part["allOf"][0]["$ref"]
    return set(definitions[reference.rsplit("/", 1)[1]]["properties"])
