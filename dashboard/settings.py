"""What a page needs to know of its surroundings, from the environment of the process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from storage.settings import DatabaseSettings

DATABASE_URL = "INFERWATCH_DATABASE_URL"
"""Where the database is. A relative SQLite path begins in the folder that the dashboard runs in."""

GATEWAY_URL = "INFERWATCH_GATEWAY_URL"
"""Where the gateway answers, for what a person does on a page."""

KEYS_FILE = "INFERWATCH_KEYS_FILE"
"""The API keys that people log in with. A relative path begins in the folder that the dashboard runs in."""


def database_settings(environment: Mapping[str, str]) -> DatabaseSettings:
    """Where the database is; the default of `inferwatch.yaml` where the environment does not say."""
    url = environment.get(DATABASE_URL)
    return DatabaseSettings(url=url) if url else DatabaseSettings()


def gateway_url(environment: Mapping[str, str]) -> str:
    """Where the gateway is; the default of `inferwatch.yaml` where the environment does not say."""
    return environment.get(GATEWAY_URL) or "http://127.0.0.1:8080"


def keys_file(environment: Mapping[str, str]) -> Path:
    """Where the API keys are; the default of `inferwatch.yaml` where the environment does not say."""
    return Path(environment.get(KEYS_FILE) or ".inferwatch/keys.json")
