"""A database of an earlier release goes on with this one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from storage import dialects, migrate
from storage.database import open_writer
from storage.labels import labels_of
from storage.records import EventId
from storage.settings import DatabaseSettings
from storage.settling import Label, settle
from storage.telling import alerts_to_tell

EVENT = EventId(producer="p", segment=1, offset=0)

_TEXTS = ("rule", "model", "version", "slice", "monitor", "metric", "column", "summary")
_TIMES = ("starts_at", "updated_at", "stored_at")


def made_by_release(revision: str, url: str, fill: Callable[[Connection], None]) -> None:
    """The tables as they were, and what lay in them."""
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
        fill(connection)
    engine.dispose()


def test_alerts_that_were_told_before_an_upgrade_are_not_told_again(database_url: str) -> None:
    made_by_release("0002", database_url, _add_alerts)

    database = open_writer(DatabaseSettings(url=database_url))

    with database.read() as connection:
        found = [(each.alert.fingerprint, each.told) for each in alerts_to_tell(connection)]
    database.close()
    assert found == [("f1", "firing")]


def _add_alerts(connection: Connection) -> None:
    """One of each status."""
    for place, status in enumerate(("pending", "firing", "resolved")):
        row: dict[str, object] = dict.fromkeys(_TEXTS, "x") | dict.fromkeys(_TIMES, 1_000_000)
        row |= {"fingerprint": f"f{place}", "status": status, "replay": False}
        row |= {"severity": "warning", "arm": "stable"}
        table = sa.table("alert", *(sa.column(name) for name in row))
        connection.execute(sa.insert(table).values(row))


def test_labels_of_before_an_upgrade_hold_and_can_be_taken_back(database_url: str) -> None:
    made_by_release("0003", database_url, _add_labels)

    database = open_writer(DatabaseSettings(url=database_url))

    with database.read() as connection:
        held = labels_of(connection, [EVENT])
    database.close()
    back = [settle(held[EVENT, row], _taken_back(row)) for row in (0, 1)]
    assert [(held[EVENT, row].value, held[EVENT, row].conflict) for row in (0, 1)] == [
        ("1", False),
        ("1", True),
    ]
    assert [(each.before, each.after, each.conflict_over) for each in back] == [
        ("1", None, False),
        ("1", None, True),
    ]
    assert back[0].labelled_at == held[EVENT, 0].labelled_at  # its delay is taken out as it was counted


def _add_labels(connection: Connection) -> None:
    for row, conflict in enumerate((False, True)):
        label: dict[str, object] = {"event": str(EVENT), "row": row, "value": msgspec.msgpack.encode("1")}
        label |= {"place": "p-2-0", "conflict": conflict, "labelled_at": 1_000_000, "stored_at": 1_000_000}
        table = sa.table("label", *(sa.column(name) for name in label))
        connection.execute(sa.insert(table).values(label))


def _taken_back(row: int) -> Label:
    place = EventId(producer="p", segment=3, offset=0)
    return Label(event=EVENT, row=row, said=None, labelled_at=datetime(2026, 3, 2, tzinfo=UTC), place=place)
