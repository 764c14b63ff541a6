"""The page of events as Streamlit runs it: the search, the way back in time, and one event in full."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from dashboard.settings import DATABASE_URL
from storage.database import open_reader
from storage.searching import EventFilter, FoundEvent, search_events
from tests.helpers.seeded import BEGIN, HOSTILE_COLUMN, HOSTILE_VALUE, LENGTH, WINDOWS, Seeded

EVENTS = 1_000  # that the seed holds


@pytest.fixture
def stored(seeded: Seeded) -> list[FoundEvent]:
    """Every event, newest first."""
    database = open_reader(seeded.settings)
    with database.read() as connection:
        found = search_events(connection, EventFilter(), limit=2 * EVENTS, most=2 * EVENTS)
    database.close()
    return list(found.events)


@pytest.fixture(autouse=True)
def _database(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATABASE_URL, seeded.settings.url)


def events_page(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page("pages/events.py")
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def scores(found: FoundEvent) -> list[float]:
    return [each for each in found.event.outputs.get("score", []) if isinstance(each, float)]


def shown(app: AppTest) -> list[str]:
    return [str(each) for frame in app.dataframe if "answer" in frame.value for each in frame.value["id"]]


def test_the_newest_events_are_shown_first(stored: list[FoundEvent]) -> None:
    app = events_page()

    assert not app.exception
    assert shown(app) == [str(each.id) for each in stored[:50]]


def test_older_ones_follow_where_the_newest_end(stored: list[FoundEvent]) -> None:
    app = events_page()

    next(button for button in app.button if button.label == "Older ones").click().run()

    assert not app.exception
    assert shown(app) == [str(each.id) for each in stored[50:100]]


def test_only_events_of_the_asked_time_and_score_are_found(stored: list[FoundEvent]) -> None:
    start, end = BEGIN + 2 * LENGTH, BEGIN + 3 * LENGTH

    app = events_page(**{"from": start.isoformat(), "to": end.isoformat(), "low": "0.9"})

    inside = [each for each in stored if start <= each.event.at < end]
    expected = {str(each.id) for each in inside if max(scores(each), default=0.0) >= 0.9}
    assert expected
    assert set(shown(app)) == expected


def test_an_event_is_shown_with_its_inputs_and_its_way(stored: list[FoundEvent]) -> None:
    event = stored[-1]

    app = events_page(id=str(event.id))

    assert not app.exception
    inputs, way = (
        next(frame.value for frame in app.dataframe if name in frame.value) for name in ("row", "step")
    )
    assert list(inputs)[1:] == ["age", "income", HOSTILE_COLUMN]
    assert inputs["age"].tolist() == [str(each) for each in event.event.inputs["age"]]
    assert "monitor drift" in set(way["step"])
    assert f"of {event.id.producer}, file {event.id.segment}, at byte {event.id.offset:,}" in set(way["what"])


def test_hostile_values_reach_tables_and_nothing_else(stored: list[FoundEvent]) -> None:
    app = events_page()

    markdown = [each.value for each in (*app.markdown, *app.caption, *app.info, *app.warning)]
    assert not any(HOSTILE_VALUE in each or HOSTILE_COLUMN in each for each in markdown)


def test_what_cannot_be_read_is_named_and_left_out() -> None:
    wrong = {"from": "yesterday", "low": "nan", "tags": "DE", "before": "9999-12-31T23:59:59", "past": "x"}

    app = events_page(**wrong)

    assert not app.exception
    assert len(app.warning) == 4
    assert len(shown(app)) == 50


def test_an_id_that_nobody_knows_is_said_to_be_unknown() -> None:
    app = events_page(id="nobody")

    assert [each.value for each in app.info] == [
        "No event has this id. It is not known, not shipped yet, or past its retention."
    ]


def test_a_search_without_a_hit_says_that_there_are_no_others() -> None:
    app = events_page(**{"from": (BEGIN + (WINDOWS + 1) * LENGTH + timedelta(days=1)).isoformat()})

    assert [each.value for each in app.caption] == ["0 events looked at; there are no others."]
