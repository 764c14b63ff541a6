"""The settings file: what it takes, what it refuses and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings import Settings
from gateway.settings_file import load_settings, parse_settings
from gateway.settings_text import settings_text

FILE = Path("/somewhere/inferwatch.yaml")


def read(text: str, **environment: str) -> Settings:
    return parse_settings(text, FILE, environment)


def uncommented(text: str) -> str:
    return "\n".join(line.removeprefix("#") for line in text.splitlines())


def test_the_file_that_init_writes_sets_nothing() -> None:
    assert read(settings_text()) == read("")


def test_the_file_that_init_writes_is_valid_and_equal_to_the_defaults_when_uncommented() -> None:
    assert read(uncommented(settings_text())) == read("")


def test_every_setting_is_in_the_file_that_init_writes() -> None:
    text = settings_text()

    for name, field in Settings.model_fields.items():
        assert f"\n#{name}:" in text
        for setting in field.default.model_fields_set | set(type(field.default).model_fields):
            assert f"\n#  {setting}: " in text


def test_relative_paths_begin_at_the_files_folder() -> None:
    settings = read("journal: {folder: j}\ngateway: {keys_file: /elsewhere/keys.json}")

    assert settings.journal.folder == Path("/somewhere/j")
    assert settings.gateway.keys_file == Path("/elsewhere/keys.json")
    assert settings.database.url == "sqlite:////somewhere/.inferwatch/inferwatch.db"
    assert settings.engine.code == (Path("/somewhere"),)


def test_other_databases_keep_their_address() -> None:
    assert read("database: {url: 'postgresql://u:p@h/name'}").database.url == "postgresql://u:p@h/name"


def test_references_take_values_from_the_environment() -> None:
    settings = read("gateway: {port: '${PORT}', host: '${HOST:-127.0.0.2}'}", PORT="9000")

    assert (settings.gateway.port, settings.gateway.host) == (9000, "127.0.0.2")


def test_a_doubled_dollar_is_a_dollar() -> None:
    assert read("database: {url: 'postgresql://u:$${p}@h/n'}").database.url == "postgresql://u:${p}@h/n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gateway: {prot: 1}", "inferwatch.yaml:1: gateway.prot is not a setting; did you mean 'port'?"),
        ("\ngatway: {}", "inferwatch.yaml:2: gatway is not a setting; did you mean 'gateway'?"),
        ("engine:\n  zzz: 1", "inferwatch.yaml:2: engine.zzz is not a setting; there are repository"),
        (
            "alerts:\n  email: {host: h, sendr: a@b.c, sender: a@b.c, to: [a@b.c]}",
            "inferwatch.yaml:2: alerts.email.sendr is not a setting; did you mean 'sender'?",
        ),
        ("gateway:\n  port: 99999", "inferwatch.yaml:2: gateway.port: "),
        ("gateway:\n  port: http", "inferwatch.yaml:2: gateway.port: "),
        ("gateway: 5", "inferwatch.yaml:1: gateway: "),
        (
            "gateway: {port: '${NONE}'}",
            "gateway.port: the environment has no NONE; set it, or write ${NONE:-default}",
        ),
        ("gateway:\n  port: 1\n  port: 2", "inferwatch.yaml:3: gateway.port is there twice (line 2)"),
        ("gateway: [", "inferwatch.yaml:1: not YAML"),
        ("- 1", "sections such as `gateway:` are wanted"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_cure(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(text)

    assert said in caught.value.problems[0]


def test_every_mistake_is_listed() -> None:
    with pytest.raises(SettingsError, match=r"and 1 more") as caught:
        read("gateway: {prot: 1, hots: x}")

    assert len(caught.value.problems) == 2


def test_a_file_that_is_not_there_says_how_to_make_one() -> None:
    with pytest.raises(SettingsError, match="inferwatch init"):
        load_settings(Path("/nowhere/inferwatch.yaml"))
