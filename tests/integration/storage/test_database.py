"""Opening, migrating and reading, on both databases."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection

from storage import dialects
from storage.database import Database, open_reader, open_writer
from storage.errors import DatabaseError, DatabaseUnavailableError
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings
from storage.tables import head, metadata, producer


def test_the_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    with database.write() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )

        assert compare_metadata(context, metadata) == []


def test_a_second_start_changes_nothing(database: Database, database_url: str) -> None:
    SegmentLog(database).store("a", 1, b"")
    database.close()

    again = open_writer(DatabaseSettings(url=database_url, partitions=7))

    with again.read() as connection:
        partitions = connection.scalar(sa.select(sa.func.count()).select_from(head))
    assert partitions == (16 if database_url.startswith("postgresql") else 1)
    again.close()


def test_the_number_of_partitions_can_be_chosen_at_the_first_start(database_url: str) -> None:
    database = open_writer(DatabaseSettings(url=database_url, partitions=3))

    assert SegmentLog(database).partitions == (0, 1, 2)
    database.close()


def test_processes_that_start_at_once_make_the_tables_once(postgres_url: str) -> None:
    failures: list[Exception] = []

    def start() -> None:
        try:
            open_writer(DatabaseSettings(url=postgres_url)).close()
        except DatabaseError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_before_the_first_start_a_reader_says_what_to_do(database_url: str) -> None:
    reader = open_reader(DatabaseSettings(url=database_url))

    with pytest.raises(DatabaseUnavailableError, match="inferwatch monitor"), reader.read() as connection:
        connection.execute(sa.select(head))

    reader.close()


def test_a_reader_that_came_first_sees_the_database_once_it_is_there(database_url: str) -> None:
    reader = open_reader(DatabaseSettings(url=database_url))
    writer = open_writer(DatabaseSettings(url=database_url))

    with reader.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(producer)) == 0

    writer.close()
    with reader.read() as connection:  # and after the writer has gone
        assert connection.scalar(sa.select(sa.func.count()).select_from(producer)) == 0
    reader.close()


def test_a_reader_cannot_write(database: Database, database_url: str) -> None:
    reader = open_reader(DatabaseSettings(url=database_url))

    with pytest.raises(DatabaseError), reader.read() as connection:
        connection.execute(sa.delete(head))
    with pytest.raises(DatabaseError, match="read-only"), reader.write():
        pass

    reader.close()


def test_a_failed_transaction_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(DatabaseError), database.write() as connection:
        _write_and_fail(connection)

    with database.read() as connection:
        assert set(connection.scalars(sa.select(head.c.seq))) == {0}


def test_a_server_that_is_away_is_named_as_such() -> None:
    settings = DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(DatabaseUnavailableError, match="cannot be used now"):
        open_writer(settings)


def test_a_connection_that_breaks_is_named_as_such_and_the_next_one_works(postgres_url: str) -> None:
    database = open_writer(DatabaseSettings(url=postgres_url))

    with pytest.raises(DatabaseUnavailableError), database.write() as connection:
        _break(connection, postgres_url)

    with database.write() as connection:
        assert connection.scalar(sa.text("select 1")) == 1
    database.close()


@pytest.mark.parametrize("url", ["mysql://a/b", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_work_is_refused_with_what_would(url: str) -> None:
    with pytest.raises(DatabaseError, match="sqlite:///path"):
        open_writer(DatabaseSettings(url=url))


def test_sqlite_is_set_up_to_keep_what_it_commits(sqlite_url: str) -> None:
    database = open_writer(DatabaseSettings(url=sqlite_url))

    with database.write() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "auto_vacuum", "busy_timeout")
        }

    assert values == {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2, "busy_timeout": 10_000}
    database.close()


def test_a_reader_leaves_no_connection_behind(sqlite_url: str, tmp_path: Path) -> None:
    writer = open_writer(DatabaseSettings(url=sqlite_url))
    reader = open_reader(DatabaseSettings(url=sqlite_url))
    with reader.read() as connection:
        connection.execute(sa.select(head)).all()

    writer.close()

    assert not (tmp_path / "inferwatch.db-wal").exists()  # the last connection takes it away
    reader.close()


def test_deleted_pages_go_back_to_the_disk(sqlite_url: str, tmp_path: Path) -> None:
    database = open_writer(DatabaseSettings(url=sqlite_url))
    with database.write() as connection:
        connection.exec_driver_sql("create table big (body blob)")
        connection.exec_driver_sql("insert into big values (zeroblob(2000000))")
    with database.write() as connection:
        connection.exec_driver_sql("delete from big")

    with database.write() as connection:
        dialects.give_space_back(connection)

    database.close()
    assert (tmp_path / "inferwatch.db").stat().st_size < 1_000_000


def _break(connection: Connection, url: str) -> None:
    pid = connection.scalar(sa.select(sa.func.pg_backend_pid()))
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s)", [pid])
    connection.execute(sa.text("select 1"))


def _write_and_fail(connection: Connection) -> None:
    connection.execute(sa.update(head).values(seq=99))
    connection.execute(sa.text("select nothing from nowhere"))
