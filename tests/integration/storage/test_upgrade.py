"""A database of an earlier release goes on with this one."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from storage import dialects, migrate
from storage.database import open_writer
from storage.settings import DatabaseSettings
from storage.telling import alerts_to_tell

_TEXTS = ("rule", "model", "version", "slice", "monitor", "metric", "column", "summary")
_TIMES = ("starts_at", "updated_at", "stored_at")


def made_by_release(revision: str, url: str) -> None:
    """The tables as they were, with an alert of each status."""
    address = sa.make_url(url)
    sqlite = address.get_backend_name() == "sqlite"
    engine = (
        dialects.sqlite_writer(address)
        if sqlite
        else dialects.postgresql_writer(address.set(drivername="postgresql+psycopg"))
    )
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for place, status in enumerate(("pending", "firing", "resolved")):
            row: dict[str, object] = dict.fromkeys(_TEXTS, "x") | dict.fromkeys(_TIMES, 1_000_000)
            row |= {"fingerprint": f"f{place}", "status": status, "replay": False}
            row |= {"severity": "warning", "arm": "stable"}
            table = sa.table("alert", *(sa.column(name) for name in row))
            connection.execute(sa.insert(table).values(row))
    engine.dispose()


def test_alerts_that_were_told_before_an_upgrade_are_not_told_again(database_url: str) -> None:
    made_by_release("0002", database_url)

    database = open_writer(DatabaseSettings(url=database_url))

    with database.read() as connection:
        found = [(each.alert.fingerprint, each.told) for each in alerts_to_tell(connection)]
    database.close()
    assert found == [("f1", "firing")]
