"""The reference says what the code does: every setting, metric, route, command and plug-in is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest

from inference.backend import BACKENDS
from monitors import kinds
from tests.docs import settings_page, words
from tests.docs.commands_page import commands
from tests.docs.http_page import document
from tests.docs.measured import measured
from tests.docs.metrics_page import gateway_families, monitor_families
from tests.docs.pages import FOLDER, PAGES


@pytest.mark.parametrize(("name", "page"), PAGES.items(), ids=list(PAGES))
def test_a_page_of_the_reference_is_as_the_code_has_it(name: str, page: Callable[[], str]) -> None:
    assert (FOLDER / name).read_text() == page(), "write it anew: python -m tests.docs"


def test_every_setting_is_described() -> None:
    assert settings_page.undescribed() == []


def test_every_command_and_option_is_described() -> None:
    silent = [
        f"{path} {option.name}"
        for path, command in commands()
        for option in command.params
        if not getattr(option, "help", None)
    ]

    assert [path for path, command in commands() if not command.help] == []
    assert silent == []


def test_every_metric_is_described() -> None:
    families = [*gateway_families(), *monitor_families()]

    assert [
        each.name for each in families if not each.documentation or not each.name.startswith("inferwatch_")
    ] == []


def test_every_route_is_described() -> None:
    silent = [
        f"{method} {path}"
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if not (operation.get("description") or "").split("A key needs")[0].strip()
    ]

    assert silent == []


def test_every_number_that_a_monitor_gives_is_described() -> None:
    assert {kind: set(given) for kind, given in measured().items()} == {
        kind: set(said) for kind, said in words.METRICS.items()
    }


def test_every_setting_of_a_monitor_is_described() -> None:
    assert {kind: list(said) for kind, said in words.SETTINGS.items()} == {
        kind: [each.name for each in fields(type_) if each.name != "model"]  # type: ignore[arg-type]  # all are dataclasses
        for kind, type_ in kinds().items()
    }


def test_every_backend_is_described() -> None:
    assert list(words.BACKENDS) == list(BACKENDS)
