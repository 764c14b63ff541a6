"""All that differs between SQLite and PostgreSQL, so that no other file asks which one it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import NullPool, QueuePool

from storage.errors import DatabaseVersionError

try:
    from pysqlite3 import dbapi2 as _bundled
except ImportError:  # no wheel for this system: the one that came with Python is used, if its version is good
    _bundled = None

SQLITE: ModuleType = _bundled or sqlite3
"""The SQLite driver in use."""

_BUSY_MS = 10_000
_POOL_TIMEOUT_S = 30.0
_NOTICE_A_DEAD_SERVER = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # ms without an acknowledgement: a half-open connection would hold for hours
}
_ADVISORY_LOCK = 0x1AFE_57A7  # any fixed number: held while tables are made
_LABEL_LOCK = _ADVISORY_LOCK + 1  # held while labels are joined
_ACTION_LOCK = _ADVISORY_LOCK + 2  # held while actions are applied


def sqlite_writer(url: URL) -> Engine:
    """The one writing connection of a SQLite file; threads take turns."""
    require_safe_sqlite(SQLITE.sqlite_version_info)
    engine = sa.create_engine(
        url,
        module=SQLITE,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=_POOL_TIMEOUT_S,
        connect_args={"check_same_thread": False},
    )
    _on_connect(
        engine,
        "PRAGMA auto_vacuum = INCREMENTAL",  # works only before the first table, so it comes first
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",  # after COMMIT the journal's file is removed
        f"PRAGMA busy_timeout = {_BUSY_MS}",
        "PRAGMA foreign_keys = ON",
    )
    _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def sqlite_reader(url: URL) -> Engine:
    """Opens the file read-only for each question and closes it: a reader that stays keeps the WAL growing."""
    path = url.database or ""
    engine = sa.create_engine(
        url.set(database=f"file:{_quoted(path)}", query={"mode": "ro", "uri": "true"}),
        module=SQLITE,
        poolclass=NullPool,
        connect_args={"check_same_thread": False},
    )
    _on_connect(engine, f"PRAGMA busy_timeout = {_BUSY_MS}", "PRAGMA query_only = ON")
    _begin_with(engine, "BEGIN")
    return engine


def postgresql_writer(url: URL) -> Engine:
    """A pool for the threads of one process. A connection that died is noticed before it is used."""
    return sa.create_engine(
        url,
        pool_size=8,
        max_overflow=8,
        pool_timeout=_POOL_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args=_NOTICE_A_DEAD_SERVER,
    )


def postgresql_reader(engine: Engine) -> Engine:
    """The same pool with one snapshot a question, and no writing."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def require_safe_sqlite(version: tuple[int, ...]) -> None:
    """Refuse the versions whose WAL can lose committed rows (the WAL-reset bug, 3.7.0 to 3.51.2)."""
    if version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45):
        return
    shown = ".".join(str(part) for part in version)
    raise DatabaseVersionError(
        f"SQLite {shown} can lose committed rows (the WAL-reset bug). Install pysqlite3 0.6.1 or newer, "
        "or a SQLite of 3.51.3 or newer, 3.50.7 or 3.44.6; or use PostgreSQL"
    )


def lock_for_migration(connection: Connection) -> None:
    """Let one process make the tables while others wait. On SQLite the transaction itself is that lock."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))


def lock_for_labels(connection: Connection) -> None:
    """Let one worker join labels while others wait: two labels of one row may lie in two partitions."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LABEL_LOCK)))


def lock_for_actions(connection: Connection) -> None:
    """Let one worker write what people did while others wait: each row of its trail needs the one before."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ACTION_LOCK)))


def default_partitions(connection: Connection) -> int:
    """How many partitions a new database gets: one where one process writes, 16 where many may."""
    return 16 if connection.dialect.name == "postgresql" else 1


def now_us(connection: Connection) -> sa.ColumnElement[int]:
    """The database's own clock in microseconds: leases are timed by it, whatever the hosts' clocks say."""
    if connection.dialect.name == "postgresql":
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()) * 1_000_000, sa.BigInteger)
    return sa.cast(sa.func.unixepoch("subsec") * 1_000_000, sa.BigInteger)


def greatest(connection: Connection, first: sa.ColumnElement[int], second: object) -> sa.ColumnElement[int]:
    """The greater of two values of one row."""
    name = "greatest" if connection.dialect.name == "postgresql" else "max"
    return sa.Function(name, first, second, type_=first.type)


Insert = postgresql.Insert | sqlite.Insert
"""An insert that knows `on conflict`, of either dialect."""


def insert(connection: Connection, table: sa.Table) -> Insert:
    """An insert with `on_conflict_do_update` and `excluded`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def upsert(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, object]],
    *,
    key: Iterable[str],
    replaced: Iterable[str],
) -> None:
    """Insert rows; where a row with the same key exists, replace the named columns of it."""
    if not rows:
        return
    statement = insert(connection, table)
    statement = statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in replaced}
    )
    connection.execute(statement, [dict(row) for row in rows])


def insert_new(
    connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, object]], *, key: Iterable[str]
) -> None:
    """Insert rows; where a row with the same key exists, leave it."""
    if not rows:
        return
    statement = insert(connection, table).on_conflict_do_nothing(index_elements=list(key))
    connection.execute(statement, [dict(row) for row in rows])


def kind_and_version(connection: Connection) -> tuple[str, str]:
    """Which database it is, and of which version: of the library for SQLite, else of the server."""
    if connection.dialect.name == "postgresql":
        return "PostgreSQL", str(connection.scalar(sa.text("show server_version")))
    return "SQLite", str(connection.scalar(sa.select(sa.func.sqlite_version())))


def size_bytes(connection: Connection) -> int:
    """How much the database takes on its disk; of SQLite without its WAL."""
    if connection.dialect.name == "postgresql":
        return int(connection.scalar(sa.select(sa.func.pg_database_size(sa.func.current_database()))) or 0)
    pages = connection.scalar(sa.text("PRAGMA page_count")) or 0
    return int(pages) * int(connection.scalar(sa.text("PRAGMA page_size")) or 0)


def give_space_back(connection: Connection) -> None:
    """After deletions: return free pages to the disk. PostgreSQL's autovacuum needs no asking."""
    if connection.dialect.name == "sqlite":
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA incremental_vacuum(2000)")
        cursor.fetchall()  # one page is freed at each step
        cursor.close()


def _on_connect(engine: Engine, *statements: str) -> None:
    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction of its own: we say which kind
        for statement in statements:
            connection.execute(statement)


def _begin_with(engine: Engine, statement: str) -> None:
    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
