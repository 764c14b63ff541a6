"""Estimates from chosen rows: sums by hand, scikit-learn's weights, and how often a sequence misses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from monitors.sampling.estimates import Answers, Estimate, area, assisted_mean, weighted_sequence
from monitors.sequential import confidence_sequence
from monitors.statistics import wilson


def answered(pi: list[float], label: list[int], cell: list[int] | None = None, share: float = 1.0) -> Answers:
    """Rows that were chosen with these probabilities, one entry each."""
    return Answers(
        weight=1 / np.array(pi),
        rows=np.ones(len(pi)),
        cell=np.array(cell or [0] * len(pi)),
        label=np.array(label),
        chosen=len(pi),
        share=share,
    )


def test_the_mean_weighs_each_row_by_one_over_its_probability() -> None:
    answers = answered([1.0, 0.5, 0.25], [1, 0, 1])

    found = answers.mean(np.array([1.0, 0.0, 1.0]))

    assert found is not None
    assert found.value == pytest.approx((1 + 0 + 4) / 7)
    # sum of w^2 (c - 5/7)^2 / 7^2: (1 * 4/49 + 4 * 25/49 + 16 * 4/49) / 49
    assert found.variance == pytest.approx((4 + 100 + 64) / 49 / 49)


def test_who_did_not_answer_leaves_the_interval_to_those_who_did() -> None:
    answers = answered([1.0] * 50, [1] * 40 + [0] * 10, share=0.5)  # 50 of 100 rows, all of them chosen

    found = answers.mean(answers.label.astype(float))

    assert found is not None
    assert found.as_share == pytest.approx(wilson(40, 50))


def test_with_equal_probabilities_the_interval_is_wilsons() -> None:
    answers = answered([1.0] * 50, [1] * 40 + [0] * 10)

    found = answers.mean(answers.label.astype(float))

    assert found is not None
    assert found.as_share == pytest.approx(wilson(40, 50))


def test_of_rows_that_are_all_right_the_interval_is_not_a_point() -> None:
    found = Estimate(value=1.0, variance=0.0, n=40)

    assert found.as_share == pytest.approx(wilson(40, 40))


def test_the_mean_of_no_rows_is_unknown() -> None:
    answers = answered([0.5], [0])

    assert answers.mean(np.ones(1), np.zeros(1)) is None
    assert area(answers, np.array([1]), 4) is None
    assert assisted_mean(answers, np.ones(1), np.ones(1), np.zeros(1, dtype=np.int64)) is None


def test_the_area_is_that_of_scikit_learn_with_weights() -> None:
    random = np.random.default_rng(0)
    label, score = random.integers(0, 2, 300), random.integers(0, 20, 300)
    pi = random.choice([0.1, 0.4, 1.0], 300)
    answers = answered(pi.tolist(), label.tolist())

    found = area(answers, score, 20)

    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(label, score, sample_weight=1 / pi))


def test_scores_of_all_rows_help_where_they_tell_something_and_do_no_harm_where_not() -> None:
    random = np.random.default_rng(1)
    cell = random.integers(0, 2, 20_000)
    value = (random.random(20_000) < np.where(cell == 1, 0.99, 0.55)).astype(int)
    rows = np.bincount(cell)
    errors: dict[str, list[float]] = {"alone": [], "helped": [], "misled": []}
    for _ in range(300):
        places = np.flatnonzero(random.random(20_000) < 0.01)
        answers = answered([0.01] * len(places), value[places].tolist(), cell[places].tolist())
        c = answers.label.astype(float)
        for name, expected in (("helped", [0.55, 0.99]), ("misled", [0.9, 0.1])):
            found = assisted_mean(answers, c, np.array(expected), rows)
            assert found is not None
            errors[name].append(found.value - value.mean())
        alone = answers.mean(c)
        assert alone is not None
        errors["alone"].append(alone.value - value.mean())

    spread = {name: float(np.std(found)) for name, found in errors.items()}
    assert spread["helped"] < 0.93 * spread["alone"]
    assert spread["misled"] == pytest.approx(spread["alone"], rel=0.01)
    # a mean of 300 lies within three standard errors of nothing
    assert all(abs(np.mean(found)) < 3 * spread[name] / 300**0.5 for name, found in errors.items())


def test_with_few_wrong_answers_the_assisted_interval_misses_no_more_than_it_says() -> None:
    random = np.random.default_rng(2)
    g = np.array([0.9, 0.99, 1.0])  # of each cell; right is 0.97 of all
    cell = np.repeat([0, 1, 2], [800, 1_200, 2_000])
    pi = np.array([0.04, 0.01, 0.01])[cell]
    held = []
    for _ in range(1_000):
        right = random.random(4_000) < g[cell]
        chosen = np.flatnonzero(random.random(4_000) < pi)
        answers = answered(pi[chosen].tolist(), right[chosen].astype(int).tolist(), cell[chosen].tolist())
        found = assisted_mean(answers, answers.label.astype(float), g, np.bincount(cell))
        assert found is not None
        low, high = found.as_share
        held.append(low <= g[cell].mean() <= high)

    assert 0.92 <= np.mean(held) <= 0.99


def test_of_answers_that_are_all_right_or_all_wrong_the_sequence_has_one_end() -> None:
    weights, some, none = np.array([2.0, 8.0]), np.array([10.0, 20.0]), np.zeros(2)

    low, high = weighted_sequence(weights, some, none)

    assert 0.5 < low < 1.0
    assert high == 1.0
    assert weighted_sequence(weights, none, some) == pytest.approx((0.0, 1 - low))


def test_equal_weights_have_the_sequence_of_a_share() -> None:
    found = weighted_sequence(np.full(2, 8.0), np.array([40.0, 0.0]), np.array([0.0, 10.0]))

    low, high = confidence_sequence(40, 50)
    assert found == pytest.approx((float(low), float(high)))


def test_of_nothing_the_sequence_is_everything() -> None:
    assert weighted_sequence(np.empty(0), np.empty(0), np.empty(0)) == (0.0, 1.0)


def test_the_sequence_does_not_depend_on_how_rows_are_put_together() -> None:
    apart = weighted_sequence(
        np.array([2.0, 8.0, 2.0]), np.array([10.0, 30.0, 5.0]), np.array([2.0, 4.0, 1.0])
    )
    together = weighted_sequence(np.array([8.0, 2.0]), np.array([30.0, 15.0]), np.array([4.0, 3.0]))

    assert apart == pytest.approx(together)
