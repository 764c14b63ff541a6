"""Events are found in the log: the newest that fit, exactly, and how far back was looked."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from storage.database import Database
from storage.framing import Tally, encode, encode_tally
from storage.labels import remember_app_ids
from storage.passage import Step, passage
from storage.quarantine import Quarantined, add_quarantined
from storage.records import EventId, InferenceEvent, Outcome
from storage.searching import EventFilter, Found, events_named, search_events
from storage.segments import SegmentLog
from tests.helpers.events import START

MINUTE = timedelta(minutes=1)


def happened(minute: int, **more: object) -> InferenceEvent:
    plain = InferenceEvent(
        at=START + minute * MINUTE, protocol="v1", total_s=0.01, model="churn", version="1", rows=1,
        outcome=Outcome.OK, outputs={"score": [0.5]},
    )  # fmt: skip
    return msgspec.structs.replace(plain, **more)


def store(log: SegmentLog, number: int, *events: InferenceEvent, producer: str = "a") -> None:
    raw = encode_tally(Tally(), START) + b"".join(encode(event) for event in events)
    log.store(producer, number, raw)


def found(database: Database, asked: EventFilter, *, limit: int = 10, most: int = 1000) -> Found:
    with database.read() as connection:
        return search_events(connection, asked, limit=limit, most=most)


def minutes(answer: Found) -> list[int]:
    return [(each.event.at - START) // MINUTE for each in answer.events]


def test_the_newest_come_first_whichever_segment_they_lie_in(log: SegmentLog, database: Database) -> None:
    store(log, 1, happened(0), happened(9))
    store(log, 2, happened(5), happened(7))
    store(log, 3, happened(8), producer="b")

    answer = found(database, EventFilter(), limit=3)

    assert minutes(answer) == [9, 8, 7]
    assert answer.back_to == START + 7 * MINUTE


def test_what_was_found_can_be_opened_by_its_id(log: SegmentLog, database: Database) -> None:
    store(log, 1, happened(0), happened(1))

    answer = found(database, EventFilter())

    assert [log.event(each.id) for each in answer.events] == [each.event for each in answer.events]
    assert answer.back_to is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (EventFilter(model="churn"), [4, 3, 1, 0]),
        (EventFilter(model="price"), [2]),
        (EventFilter(outcome=Outcome.ERROR), [3]),
        (EventFilter(version="2"), [4]),
        (EventFilter(start=START + MINUTE, end=START + 3 * MINUTE), [2, 1]),
        (EventFilter(tags={"country": "DE"}), [1]),
        (EventFilter(tags={"country": "DE", "sex": "f"}), []),
        (EventFilter(score=(0.8, None)), [2, 0]),
        (EventFilter(score=(None, 0.2)), [1]),
        (EventFilter(score=(0.9, 0.9)), [0]),
    ],
)
def test_only_what_fits_is_found(
    log: SegmentLog, database: Database, asked: EventFilter, expected: list[int]
) -> None:
    store(
        log,
        1,
        happened(0, outputs={"class": ["1"], "score": [0.9]}),
        happened(1, rows=2, outputs={"score": [0.2, 0.3]}, tags={"country": ["DE", "FR"], "sex": ["m", "f"]}),
        happened(2, model="price", outputs={"price": [12.5]}),
        happened(3, outcome=Outcome.ERROR, outputs={}, rows=0),
        happened(4, version="2"),
    )

    assert minutes(found(database, asked)) == expected


def test_a_search_that_may_read_no_more_says_how_far_back_it_came(
    log: SegmentLog, database: Database
) -> None:
    for number in range(1, 6):
        store(log, number, *(happened(10 * number + each) for each in range(3)))

    answer = found(database, EventFilter(version="none"), most=6)

    assert answer.events == ()
    assert answer.read == 6
    assert answer.back_to == START + 32 * MINUTE


def test_where_nothing_is_stored_nothing_is_found(database: Database) -> None:
    assert found(database, EventFilter()) == Found(events=(), read=0, back_to=None)


def test_the_passage_of_an_event_names_what_set_it_aside(log: SegmentLog, database: Database) -> None:
    store(log, 1, happened(0))
    (event,) = found(database, EventFilter()).events
    aside = Quarantined(
        event=event.id, monitor="drift", partition=0, error="boom", event_at=START, stored_at=START
    )
    with database.write() as connection:
        add_quarantined(connection, [aside])
        way = passage(connection, event.id)

    assert way is not None
    assert way.monitors["drift"] is Step.QUARANTINED
    assert way.seq == 1


def test_of_events_of_one_moment_each_comes_once_on_the_way_back(log: SegmentLog, database: Database) -> None:
    store(log, 1, *(happened(0) for _ in range(5)), happened(1))

    seen, beyond = [], None
    for _ in range(3):
        answer = found(database, EventFilter(beyond=beyond), limit=2)
        seen += [each.id for each in answer.events]
        beyond = answer.beyond

    assert len(set(seen)) == len(seen) == 6
    assert (answer.back_to, beyond) == (None, None)


def test_an_app_finds_its_event_by_any_id_of_its_own(database: Database) -> None:
    event = EventId(producer="a", segment=1, offset=2)
    names = ("x" * 300, "order-1-2", "with\0zero")
    with database.write() as connection:
        remember_app_ids(connection, [(None, name, event) for name in names], stored_at=START)

    with database.read() as connection:
        by_name = {name: events_named(connection, name)[0] for name in names}

    assert by_name == dict.fromkeys(names, event)


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_every_event_comes_once_on_the_way_back_however_segments_overlap(
    log: SegmentLog, database: Database, most: int
) -> None:
    store(log, 1, happened(0), happened(9), happened(4))
    store(log, 2, happened(9), happened(1), happened(6), producer="b")
    store(log, 3, happened(9), happened(3))
    store(log, 4, happened(2), happened(2), producer="c")

    seen: list[int] = []
    asked: EventFilter | None = EventFilter()
    while asked is not None and len(seen) <= 10:
        answer = found(database, asked, limit=2, most=most)
        seen += minutes(answer)
        asked = older(answer)

    assert seen == [9, 9, 9, 6, 4, 3, 2, 2, 1, 0]


def older(answer: Found) -> EventFilter | None:
    """What a page asks for next."""
    if answer.beyond is not None:
        return EventFilter(beyond=answer.beyond)
    return None if answer.back_to is None else EventFilter(end=answer.back_to + timedelta(microseconds=1))


def test_an_event_that_makes_no_sense_to_this_release_hides_no_other(
    log: SegmentLog, database: Database
) -> None:
    strange = encode(msgspec.structs.replace(happened(1), rows="many"))
    log.store("a", 1, encode(happened(0)) + strange + encode(happened(2)))

    answer = found(database, EventFilter())

    assert minutes(answer) == [2, 0]
    assert log.event(EventId(producer="a", segment=1, offset=len(encode(happened(0))))) is None
