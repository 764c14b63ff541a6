"""What a page needs to know to open the database, from the environment of the process."""

from __future__ import annotations

from collections.abc import Mapping

from storage.settings import DatabaseSettings

DATABASE_URL = "INFERWATCH_DATABASE_URL"
"""Where the database is. A relative SQLite path begins in the folder that the dashboard runs in."""


def database_settings(environment: Mapping[str, str]) -> DatabaseSettings:
    """Where the database is; the default of `inferwatch.yaml` where the environment does not say."""
    url = environment.get(DATABASE_URL)
    return DatabaseSettings(url=url) if url else DatabaseSettings()
