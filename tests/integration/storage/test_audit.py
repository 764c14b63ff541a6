"""The trail of what people did: nothing in it can be changed or taken out unseen."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from storage.audit import add_actions, broken_at, entries
from storage.database import Database
from storage.records import ActionEvent, EventId
from storage.tables import audit
from tests.helpers.acting import a_silencing, an_acknowledging, an_unsilencing

Deed = tuple[EventId, ActionEvent]


def deeds(n: int) -> list[Deed]:
    kinds = (a_silencing(key="app"), an_unsilencing("p-1-0"), an_acknowledging(author="ann\0 \u00e9"))
    return [(EventId(producer="p", segment=1, offset=place), kinds[place % 3]) for place in range(n)]


@pytest.fixture
def kept(database: Database) -> Database:
    """A database with five deeds."""
    with database.write() as connection:
        assert add_actions(connection, deeds(5)) == 5
    return database


def test_a_deed_is_kept_in_full_and_once(kept: Database) -> None:
    with kept.write() as connection:
        assert add_actions(connection, [*deeds(7), *deeds(7)]) == 2
        assert add_actions(connection, []) == 0

        found = entries(connection, limit=100)
        assert [(each.number, each.place) for each in found] == [
            (number, f"p-1-{number - 1:x}") for number in range(1, 8)
        ]
        assert [each.action for each in found] == [action for _, action in deeds(7)]
        assert entries(connection, limit=2) == found[-2:]
        assert broken_at(connection) is None


def test_an_empty_trail_is_whole(database: Database) -> None:
    with database.read() as connection:
        assert broken_at(connection) is None


def test_a_long_trail_is_checked_to_its_end(database: Database) -> None:
    with database.write() as connection:
        add_actions(connection, deeds(1001))
        assert broken_at(connection) is None

        connection.execute(sa.update(audit).where(audit.c.number == 1001).values(hash="0"))
        assert broken_at(connection) == 1001


@pytest.mark.parametrize("column", ["place", "body", "hash"])
def test_a_row_that_was_changed_is_found(kept: Database, column: str) -> None:
    with kept.write() as connection:
        old = connection.scalars(sa.select(audit.c[column]).where(audit.c.number == 3)).one()
        connection.execute(sa.update(audit).where(audit.c.number == 3).values({column: old + " "}))

        assert broken_at(connection) == 3


@pytest.mark.parametrize("number", [1, 3, 4])
def test_a_row_that_was_taken_out_is_found(kept: Database, number: int) -> None:
    with kept.write() as connection:
        connection.execute(sa.delete(audit).where(audit.c.number == number))

        assert broken_at(connection) == number


def test_a_row_that_was_written_anew_with_its_own_hash_breaks_the_next(kept: Database) -> None:
    with kept.write() as connection:
        connection.execute(sa.delete(audit).where(audit.c.number >= 3))
        add_actions(connection, [(EventId(producer="p", segment=9, offset=9), an_acknowledging("f9"))])
        forged = connection.execute(sa.select(audit).where(audit.c.number == 3)).one()._asdict()
        connection.execute(sa.delete(audit))
        add_actions(connection, deeds(5))
        connection.execute(sa.update(audit).where(audit.c.number == 3).values(forged))

        assert broken_at(connection) == 4
