"""Which SQLite may be used."""

from __future__ import annotations

import pytest

from storage import dialects
from storage.errors import DatabaseVersionError


@pytest.mark.parametrize("version", [(3, 51, 3), (3, 53, 4), (3, 50, 7), (3, 50, 8), (3, 44, 6), (4, 0, 0)])
def test_a_sqlite_without_the_wal_reset_bug_is_taken(version: tuple[int, ...]) -> None:
    dialects.require_safe_sqlite(version)


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 0), (3, 51, 2)])
def test_a_sqlite_with_the_wal_reset_bug_is_refused_with_advice(version: tuple[int, ...]) -> None:
    with pytest.raises(DatabaseVersionError, match="Install pysqlite3"):
        dialects.require_safe_sqlite(version)


def test_the_sqlite_of_this_environment_is_one_without_the_bug() -> None:
    dialects.require_safe_sqlite(dialects.SQLITE.sqlite_version_info)
