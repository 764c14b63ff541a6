"""Alerts: which stand (`rules`), which share a notice (`groups`), and how it gets to a person (`sender`)."""

from __future__ import annotations

from collections.abc import Callable

from monitors.alerts.channels import Channel
from monitors.alerts.email import email_channels
from monitors.settings import AlertSettings

CHANNELS: dict[str, Callable[[AlertSettings], list[Channel]]] = {
    "email": email_channels,
}


def build_channels(settings: AlertSettings) -> list[Channel]:
    """Every channel that the settings name, one for each recipient."""
    return [channel for build in CHANNELS.values() for channel in build(settings)]
