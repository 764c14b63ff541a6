"""The simulated traffic, scene by scene: each changes what it says, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gateway.demo import loans, messages
from gateway.demo.rows import Change, Rows
from gateway.demo.story import GRID, MINUTE, SCENES, STORY_MINUTES, scene_at, story_start
from gateway.demo.traffic import requests_of

N = 4_000
BY_CHANCE = 1e-3
"""Below this chance two samples are not taken for the same."""


def loan_rows(*changes: Change, seed: int = 2) -> Rows:
    return loans.loan_rows(N, np.random.default_rng(seed), frozenset(changes))


def message_rows(*changes: Change, seed: int = 2) -> Rows:
    return messages.message_rows(N, np.random.default_rng(seed), frozenset(changes))


USUAL = loan_rows(seed=1)


def moved(rows: Rows) -> set[str]:
    """The columns that are distributed otherwise than usual, by the tests of scipy."""
    found = set()
    for name, values in rows.inputs.items():
        usual = USUAL.inputs[name]
        if name in loans.NUMBERS:
            chance = stats.ks_2samp(values, usual).pvalue
        else:
            known = loans.CATEGORIES[name]
            table = [[column.count(value) for value in known] for column in (values, usual)]
            chance = stats.chi2_contingency(table).pvalue
        if chance < BY_CHANCE:
            found.add(name)
    return found


def repaid(rows: Rows, where: NDArray[np.bool_] | None = None) -> float:
    answers = np.array([label == "1" for label in rows.labels])
    return float(answers.mean() if where is None else answers[where].mean())


def young(rows: Rows) -> NDArray[np.bool_]:
    return np.array([group == "under 30" for group in rows.tags["age_group"]])


def rude(rows: Rows) -> int:
    return sum(str(text).endswith(messages.RUDE_CLOSINGS) for text in rows.inputs["text"])


def test_a_scene_in_which_all_is_well_shifts_nothing() -> None:
    rows = loan_rows()

    assert moved(rows) == set()
    assert repaid(rows) == pytest.approx(repaid(USUAL), abs=0.04)
    assert repaid(rows, young(rows)) == pytest.approx(repaid(rows, ~young(rows)), abs=0.05)
    assert rude(message_rows()) == 0


def test_drift_moves_its_two_columns_and_no_other() -> None:
    rows = loan_rows(Change.DRIFT)

    assert moved(rows) == set(loans.DRIFTING) == {"car_age", "region"}
    assert repaid(rows) == pytest.approx(repaid(USUAL), abs=0.04)
    assert max(map(float, rows.inputs["car_age"])) <= max(map(float, USUAL.inputs["car_age"]))  # type: ignore[arg-type]


def test_toxic_messages_are_as_long_as_others_and_of_the_same_topics() -> None:
    polite, toxic = message_rows(), message_rows(Change.TOXIC)

    lengths = [np.array([len(str(text)) for text in rows.inputs["text"]]) for rows in (polite, toxic)]
    assert rude(toxic) / N == pytest.approx(0.35, abs=0.03)
    assert abs(lengths[0].mean() - lengths[1].mean()) < 0.05 * lengths[0].std()
    for topic in messages.TOPICS:
        assert toxic.labels.count(topic) == pytest.approx(polite.labels.count(topic), abs=150)


def test_unfair_loans_are_the_usual_ones_in_other_hands() -> None:
    rows = loan_rows(Change.UNFAIR)

    assert moved(rows) == set()
    assert young(rows).mean() == pytest.approx(0.4, abs=0.03)
    assert repaid(rows, ~young(rows)) - repaid(rows, young(rows)) > 0.3


def test_where_the_truth_changes_the_inputs_and_the_groups_stay() -> None:
    rows = loan_rows(Change.WRONG)

    assert moved(rows) == set()
    assert repaid(rows, young(rows)) == pytest.approx(repaid(rows, ~young(rows)), abs=0.05)
    same = np.mean([one == other for one, other in zip(rows.labels, loan_rows().labels, strict=True)])
    assert same == pytest.approx(0.7, abs=0.03)  # of 60 % that are tossed half are as before


def test_every_scene_covers_whole_windows_and_adds_to_the_one_before_until_all_recovers() -> None:
    assert all(scene.minutes * MINUTE % GRID == timedelta(0) for scene in SCENES)
    assert not SCENES[0].changes
    assert not SCENES[-1].changes
    for before, after in pairwise(SCENES[:-1]):
        assert before.changes < after.changes
    assert {scene.monitor for scene in SCENES} == {None, "drift", "toxicity", "bias", "accuracy"}


def test_a_minute_belongs_to_the_scene_that_has_begun() -> None:
    assert scene_at(0) is SCENES[0]
    assert scene_at(39) is SCENES[0]
    assert scene_at(40) is SCENES[1]
    assert scene_at(STORY_MINUTES + 1_000) is SCENES[-1]


def test_the_story_begins_on_the_grid_and_ends_when_it_has_caught_up_with_the_clock() -> None:
    now = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

    start = story_start(now)

    end = now + timedelta(seconds=330)
    assert (start.minute % 10, start.second, start.microsecond) == (0, 0, 0)
    assert end - GRID < start + STORY_MINUTES * MINUTE <= end


def test_a_minute_is_always_the_same_and_in_the_order_of_its_times() -> None:
    requests = requests_of(45)

    times = [request.at for request in requests]
    assert requests == requests_of(45)
    assert times == sorted(times)
    assert timedelta(0) <= times[0]
    assert times[-1] < MINUTE
    assert {request.model for request in requests} == {"demo-loans", "demo-messages"}


def test_most_truths_come_later_and_some_never() -> None:
    of_loans = [each for minute in range(50) for each in requests_of(minute) if each.tags]

    known = [each for each in of_loans if each.label is not None]
    assert len(known) / len(of_loans) == pytest.approx(0.75, abs=0.03)
    assert all(timedelta(minutes=2) <= each.label_after <= timedelta(minutes=8) for each in known)
    assert all(set(each.inputs) == {*loans.NUMBERS, *loans.CATEGORIES} for each in of_loans)
