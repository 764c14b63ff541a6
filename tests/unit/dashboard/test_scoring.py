"""The overview says which model scores texts, what it is not, and when texts wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dashboard.views.scoring import scoring_line
from storage.accounts import Lag
from tests.helpers.monitoring import NOON, SCORER

BUNDLED = replace(SCORER, words="words 1, which is no moderation model; run `inferwatch models add …`")


def behind(events: int, minutes: float) -> list[Lag]:
    done = Lag(monitor="toxicity", partition=0, events=0, since=None)
    since = NOON - timedelta(minutes=minutes)
    return [done, Lag(monitor="toxicity", partition=1, events=events, since=since)]


def test_where_no_texts_are_nothing_is_said() -> None:
    assert scoring_line(None, [], NOON) is None


def test_the_model_is_named_with_what_a_person_should_know_of_it() -> None:
    line = scoring_line(BUNDLED, behind(5, 0.5), NOON)

    assert line is not None
    assert not line.late
    assert "no moderation model" in line.words
    assert "inferwatch models add" in line.words


def test_texts_that_wait_for_long_are_said_to_wait() -> None:
    line = scoring_line(BUNDLED, behind(1200, 5), NOON)

    assert line is not None
    assert line.late
    assert line.words.startswith("1,200 events wait to be scored for toxicity since 2026-01-01 11:55 UTC")
    assert "words 1" in line.words


def test_a_model_that_was_never_loaded_is_said_to_be_missing() -> None:
    line = scoring_line(None, behind(3, 5), NOON)

    assert line is not None
    assert line.late
    assert "no model was ever loaded" in line.words
