"""Names in README and docs are real: commands, settings, monitors, channels, targets of make."""

from __future__ import annotations

import re

import pytest

from gateway.settings import Settings
from monitors import MONITORS
from monitors.alerts import CHANNELS
from tests.docs.commands_page import commands
from tests.docs.workshop import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
WRITTEN = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
_GROUPS = "models|reference|keys|alerts|silence|channels|rules"


def test_every_command_that_is_named_exists() -> None:
    known = {path.removeprefix("inferwatch ") for path, _ in commands()}

    named = set(re.findall(rf"[`$] ?inferwatch ((?:(?:{_GROUPS}) )?[a-z]+)", WRITTEN))

    assert named
    assert named <= known


def test_every_setting_that_is_named_exists() -> None:
    schema = Settings.model_json_schema()
    sections = {
        name: schema["$defs"][part["$ref"].rpartition("/")[2]]["properties"]
        for name, part in schema["properties"].items()
    }

    named = re.findall(r"`(" + "|".join(sections) + r")\.([a-z_]+)[`.:]", WRITTEN)

    assert named
    assert [f"{section}.{name}" for section, name in named if name not in {*sections[section], "yml"}] == []


def test_every_monitor_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [name for name in MONITORS if f"| {name} |" not in readme] == []


def test_every_channel_is_described() -> None:
    alerts = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")

    assert [name for name in CHANNELS if f"| `{name}` |" not in alerts] == []


@pytest.mark.parametrize("target", ["setup", "run", "test", "slow", "check", "fix", "bench"])
def test_every_make_target_that_is_named_exists(target: str) -> None:
    assert f"make {target}" in WRITTEN
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
