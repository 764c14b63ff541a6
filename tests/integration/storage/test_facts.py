"""What the database says of itself, and who works on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from storage.database import Database
from storage.facts import all_leases, database_facts, expected_revision
from storage.leases import Leases
from storage.quarantine import Quarantined, add_quarantined, quarantined_by_monitor
from storage.records import EventId
from storage.segments import SegmentLog
from tests.helpers.events import START, an_event
from tests.integration.storage.test_segments import file_of


def test_a_new_database_holds_nothing_and_has_the_tables_of_this_release(database: Database) -> None:
    with database.read() as snapshot:
        facts = database_facts(snapshot)

    assert (facts.segments, facts.stored) == (0, 0)
    assert (facts.oldest_at, facts.newest_at, facts.kept_until) == (None, None, None)
    assert facts.revision == expected_revision()
    assert facts.kind in {"SQLite", "PostgreSQL"}
    assert facts.size_bytes > 0


def test_the_oldest_and_the_newest_event_are_those_of_all_partitions(database: Database) -> None:
    log = SegmentLog(database, clock=lambda: START + timedelta(days=1), retain_days=30)
    for number in range(1, 20):
        log.store("a", number, file_of(an_event(10 * number), an_event(10 * number + 5)))

    with database.read() as snapshot:
        facts = database_facts(snapshot)

    assert (facts.segments, facts.stored) == (19, 38)
    assert facts.oldest_at == START + timedelta(seconds=10)
    assert facts.newest_at == START + timedelta(seconds=195)
    assert facts.kept_until == START + timedelta(days=31)


def test_a_lease_is_held_until_it_is_given_back(database: Database) -> None:
    workers = Leases(database, owner="one")
    kept, given_back = workers.acquire("partition-10"), workers.acquire("partition-2")
    assert kept is not None
    assert given_back is not None
    workers.release(given_back)

    with database.read() as snapshot:
        found = [(each.name, each.owner, each.epoch, each.held) for each in all_leases(snapshot)]

    assert found == [("partition-2", "one", 1, False), ("partition-10", "one", 1, True)]


def test_what_was_set_aside_is_counted_by_monitor(database: Database) -> None:
    aside = Quarantined(
        event=EventId(producer="p", segment=1, offset=7), monitor="drift", partition=0, error="ValueError",
        event_at=START, stored_at=START,
    )  # fmt: skip
    other = replace(aside, event=EventId(producer="p", segment=1, offset=8))
    with database.write() as connection:
        add_quarantined(connection, [aside, other, replace(aside, monitor="quality")])

    with database.read() as snapshot:
        assert quarantined_by_monitor(snapshot) == {"drift": 2, "quality": 1}
