"""Alerts: which stand (`rules`), which share a notice (`groups`), and how it gets to a person (`sender`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import cast

from monitors.alerts.channels import Channel
from monitors.settings import AlertSettings

CHANNELS = {
    "email": "monitors.alerts.email:email_channels",
    "webhook": "monitors.alerts.webhook:webhook_channels",
    "slack": "monitors.alerts.slack:slack_channels",
    "pagerduty": "monitors.alerts.pagerduty:pagerduty_channels",
}
"""Every way to tell people, by the section of its settings. A new one is one file and one line here."""


def build_channels(settings: AlertSettings) -> list[Channel]:
    """Every channel that the settings name, one for each recipient."""
    return [channel for name in CHANNELS for channel in _builder(name)(settings)]


@cache
def _builder(name: str) -> Callable[[AlertSettings], list[Channel]]:
    module, _, function = CHANNELS[name].partition(":")
    return cast("Callable[[AlertSettings], list[Channel]]", getattr(import_module(module), function))
