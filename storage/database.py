"""The way to SQL: one transaction at a time, to write or to read.

One process writes a SQLite file, through one connection; on PostgreSQL many may. The dashboard and `GET
/api/*` read only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from storage import dialects
from storage.errors import DatabaseError, DatabaseUnavailableError
from storage.settings import DatabaseSettings


class Database:
    """Gives connections, each inside one transaction that commits at the end or not at all."""

    def __init__(self, *, writer: Engine | None, reader: Engine) -> None:
        self._writer = writer
        self._reader = reader

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write. Raises `DatabaseUnavailableError` when trying again may help."""
        if self._writer is None:
            raise DatabaseError(
                "this database was opened read-only: use open_writer, in the monitor process alone"
            )
        with _named_errors(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot: all that is asked inside belongs to one moment."""
        with _named_errors(), self._reader.begin() as connection:
            yield connection

    def ping(self) -> None:
        """Ask it something. Raises `DatabaseUnavailableError` where it does not answer."""
        with self.read() as connection:
            connection.execute(sa.text("select count(*) from lease"))

    def close(self) -> None:
        """Close all connections."""
        if self._writer is not None:
            self._writer.dispose()
        self._reader.dispose()


def open_writer(settings: DatabaseSettings) -> Database:
    """Open to write. At the first start, and after an upgrade, it makes the tables."""
    # Alembic takes longer to import than all the rest of storage, and who only reads does not need it.
    from storage.migrate import migrate  # noqa: PLC0415

    url = _url(settings)
    with _named_errors():
        if url.get_backend_name() == "sqlite":
            _make_folder(url)
            writer = dialects.sqlite_writer(url)
            reader = dialects.sqlite_reader(url)
        else:
            writer = dialects.postgresql_writer(url)
            reader = dialects.postgresql_reader(writer)
        try:
            with writer.begin() as connection:
                migrate(connection, partitions=settings.partitions)
        except BaseException:
            writer.dispose()
            raise
    return Database(writer=writer, reader=reader)


def open_reader(settings: DatabaseSettings) -> Database:
    """Open to read. Works before the database exists: questions then raise `DatabaseUnavailableError`."""
    url = _url(settings)
    if url.get_backend_name() == "sqlite":
        return Database(writer=None, reader=dialects.sqlite_reader(url))
    return Database(writer=None, reader=dialects.postgresql_reader(dialects.postgresql_writer(url)))


def _url(settings: DatabaseSettings) -> URL:
    try:
        url = make_url(settings.url)
    except sa.exc.ArgumentError as exc:
        raise DatabaseError(
            "database.url is not a URL; write sqlite:///path or postgresql://user@host/name"
        ) from exc
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise DatabaseError(
                "database.url names no file: several processes share it, so write sqlite:///path"
            )
        return url
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseError(
        f"database.url begins with '{url.drivername}'; write sqlite:///path or postgresql://user@host/name"
    )


def _make_folder(url: URL) -> None:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DatabaseUnavailableError(
            f"cannot make the database's folder '{folder}': {exc.strerror}"
        ) from exc


@contextmanager
def _named_errors() -> Iterator[None]:
    """Say in our own words what the driver raised; no caller outside storage imports SQLAlchemy."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as exc:
        raise DatabaseUnavailableError(_advice(exc)) from exc
    except sa.exc.DBAPIError as exc:
        if exc.connection_invalidated or "UndefinedTable" in type(exc.orig).__name__:
            raise DatabaseUnavailableError(_advice(exc)) from exc
        raise DatabaseError(f"the database refused a statement: {_first_line(exc)}") from exc
    except sa.exc.SQLAlchemyError as exc:
        raise DatabaseError(f"the database refused a statement: {_first_line(exc)}") from exc


def _advice(exc: sa.exc.SQLAlchemyError) -> str:
    reason = _first_line(exc)
    if "unable to open database file" in reason or "no such table" in reason or "UndefinedTable" in reason:
        return (
            "the database is not there yet; `inferwatch monitor` (or `inferwatch up`) makes it at its start"
        )
    return f"the database cannot be used now: {reason}"


def _first_line(exc: sa.exc.SQLAlchemyError) -> str:
    origin = getattr(exc, "orig", None) or exc
    lines = str(origin).strip().splitlines()
    return f"{type(origin).__name__}: {lines[0] if lines else ''}"
