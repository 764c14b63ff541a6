"""Score columns: each text once, in its rows, and nothing for what is no text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitors.errors import ScoringError
from monitors.frames import frames_of
from monitors.scores import TakeScorer, is_chosen
from storage.records import EventId, InferenceEvent
from tests.helpers.monitoring import PANE
from tests.helpers.scoring import FORUM, HIGH, LOW, WordScorer, a_comment

NAN = float("nan")


def with_ids(*events: InferenceEvent) -> list[tuple[EventId, InferenceEvent]]:
    return [(EventId(producer="p", segment=1, offset=place), event) for place, event in enumerate(events)]


def test_a_text_that_came_twice_is_scored_once_and_stands_in_both_rows() -> None:
    scorer = WordScorer()
    events = with_ids(a_comment("rude", "hello"), a_comment("rude"))

    take = TakeScorer(scorer, share=1.0).score(events, FORUM, scorer.open())
    (frame,) = frames_of(events, FORUM, PANE, take.of)

    assert sorted(scorer.asked) == ["hello", "rude"]
    scores = frame.scores("comment")
    assert scores is not None
    assert scores.tolist() == [[HIGH, LOW], [LOW, LOW], [HIGH, LOW]]


@pytest.mark.parametrize("value", [None, NAN, 7, True, "", "  \n", "\ud800", ["a"]])
def test_what_is_no_text_has_no_score_and_is_not_asked_about(value: object) -> None:
    scorer = WordScorer()
    events = with_ids(a_comment("rude", value))  # type: ignore[arg-type]  # a client may send anything

    take = TakeScorer(scorer, share=1.0).score(events, FORUM, scorer.open())

    assert scorer.asked == ["rude"]
    np.testing.assert_array_equal(take.of(events)["comment"], [[HIGH, LOW], [NAN, NAN]])


def test_the_chosen_share_follows_from_the_ids_alone() -> None:
    ids = [EventId(producer="p", segment=3, offset=offset) for offset in range(0, 400_000, 100)]

    chosen = [is_chosen(id_, 0.25) for id_ in ids]

    assert chosen == [is_chosen(id_, 0.25) for id_ in ids]
    assert 920 <= sum(chosen) <= 1080  # 4000 x .25 +- 3 sd of 27
    assert all(is_chosen(id_, 0.5) for id_, taken in zip(ids, chosen, strict=True) if taken)


def test_texts_of_events_that_are_not_chosen_have_no_score() -> None:
    scorer = WordScorer()
    events = with_ids(*(a_comment(f"rude {place}") for place in range(200)))

    take = TakeScorer(scorer, share=0.5).score(events, FORUM, scorer.open())
    known = np.isfinite(take.of(events)["comment"]).all(axis=1)

    assert known.tolist() == [is_chosen(id_, 0.5) for id_, _ in events]
    assert len(scorer.asked) == known.sum()


def test_an_event_whose_columns_contradict_each_other_has_rows_without_scores() -> None:
    scorer = WordScorer()
    broken = a_comment("rude", "hello")
    broken.inputs["comment"].append("one too many")
    events = with_ids(broken, a_comment("rude"))

    take = TakeScorer(scorer, share=1.0).score(events, FORUM, scorer.open())

    assert np.isfinite(take.of(events)["comment"]).all(axis=1).tolist() == [False, False, True]


def test_a_text_that_was_cut_is_marked() -> None:
    scorer = WordScorer()
    events = with_ids(a_comment("short"), a_comment("long " * 20))

    take = TakeScorer(scorer, share=1.0).score(events, FORUM, scorer.open())

    assert take.of(events)["comment.truncated"].tolist() == [[0.0], [1.0]]


def test_scores_of_a_model_that_is_not_in_force_are_not_made() -> None:
    scorer = WordScorer()
    other = replace(scorer.open(), version="2")

    with pytest.raises(ScoringError, match="words 1, and words 2 is in force"):
        TakeScorer(scorer, share=1.0).score(with_ids(a_comment("hello")), FORUM, other)

    assert scorer.asked == []
