"""A database of each kind, open to write, with its segment log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.database import Database, open_writer
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_writer(DatabaseSettings(url=database_url))
    yield opened
    opened.close()


@pytest.fixture
def log(database: Database) -> SegmentLog:
    return SegmentLog(database)
