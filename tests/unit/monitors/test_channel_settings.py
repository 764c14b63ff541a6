"""Settings of channels: what cannot work is refused, and what is secret shows nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings_file import parse_settings
from gateway.settings_text import settings_text
from monitors.alerts import CHANNELS, build_channels
from monitors.alerts.webhook import key_of
from monitors.settings import AlertSettings

TOKEN = "T0K3N"  # noqa: S105  # it is looked for wherever it must not be
FULL = {
    "email": {
        "host": "h", "sender": "a@b.c", "to": ["d@e.f", "g@h.i", "d@e.f"], "username": "u", "password": TOKEN,
    },
    "webhook": {"url": f"https://example.org/{TOKEN}", "secret": TOKEN, "bearer": TOKEN},
    "slack": {"url": f"https://hooks.slack.com/services/{TOKEN}", "name": "#ops"},
    "pagerduty": {"routing_key": TOKEN},
}  # fmt: skip


def test_every_channel_of_the_settings_is_built_once_for_each_recipient() -> None:
    channels = build_channels(AlertSettings.model_validate(FULL))

    assert [(each.name, each.recipient) for each in channels] == [
        ("email", "d@e.f"), ("email", "g@h.i"), ("webhook", "inferwatch"), ("slack", "#ops"),
        ("pagerduty", "inferwatch"),
    ]  # fmt: skip


def test_no_secret_shows_in_dumps() -> None:
    settings = AlertSettings.model_validate(FULL)

    assert TOKEN not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("channel", "change", "word"),
    [
        ("webhook", {"url": f"ftp://example.org/{TOKEN}"}, "https://host/path"),
        ("webhook", {"url": f"https://user:{TOKEN}@example.org/"}, "https://host/path"),
        ("webhook", {"url": f"http://example.org/{TOKEN}"}, "unencrypted"),
        ("webhook", {"bearer": f"{TOKEN}\r\nX-Evil: 1"}, "bearer"),
        ("slack", {"name": "a\r\nb"}, "name"),
        ("slack", {"min_severity": "mild"}, "min_severity"),
        ("pagerduty", {"routing": TOKEN}, "routing"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_quoting_secrets(
    channel: str, change: dict[str, str], word: str
) -> None:
    section = FULL[channel] | change  # type: ignore[operator]  # all of them are mappings

    with pytest.raises(ValidationError, match=word):
        AlertSettings.model_validate({channel: section})
    with pytest.raises(SettingsError) as caught:
        parse_settings(yaml.safe_dump({"alerts": {channel: section}}), Path("inferwatch.yaml"), {})
    assert TOKEN not in str(caught.value)


def test_a_private_receiver_may_be_asked_without_encryption() -> None:
    section = {"url": "http://alerts.internal:9094/hook", "private": True}

    assert AlertSettings.model_validate({"webhook": section}).webhook is not None


def test_a_secret_of_standard_webhooks_is_read_as_base64_and_any_other_as_it_is() -> None:
    assert key_of("whsec_aGVsbG8=") == b"hello"
    assert key_of("hello") == b"hello"
    assert key_of("whsec_no base64!") == b"whsec_no base64!"


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_every_channel_is_explained_where_settings_are_written(name: str) -> None:
    assert f"#  # {name}:\n" in settings_text()
