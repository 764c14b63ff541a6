"""Brings a database to the tables of this release, by itself, at the start of the process that writes."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from storage import dialects
from storage.tables import head

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, *, partitions: int | None) -> None:
    """Make or upgrade the tables in this connection's transaction. The number of partitions is fixed once."""
    dialects.lock_for_migration(connection)
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.scalar(sa.select(sa.func.count()).select_from(head)):
        return
    count = partitions or dialects.default_partitions(connection)
    connection.execute(
        sa.insert(head), [{"partition": number, "seq": 0, "stored": 0} for number in range(count)]
    )
