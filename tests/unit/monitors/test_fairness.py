"""Rates and gaps of the published COMPAS tables, by hand; and what holds for every table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitors.bins import LOSS_UNIT
from monitors.fairness import (
    Aggregate,
    Criterion,
    Rate,
    calibration_error,
    difference,
    impact,
    rate_of,
    rates_of,
    ratio,
    shares,
)
from monitors.sequential import confidence_sequence

# Angwin, Larson, Mattu & Kirchner (ProPublica 2016), "high" being a score of 5 or more: TN FN, then FP TP
AFRICAN_AMERICAN = [[990, 532, 0], [805, 1369, 0]]
CAUCASIAN = [[1139, 461, 0], [349, 505, 0]]
COMPAS = np.array([AFRICAN_AMERICAN, CAUCASIAN])
WORST, MEAN = Aggregate.WORST_CASE, Aggregate.MEAN

tables = arrays(np.int64, st.tuples(st.integers(2, 6), st.just(2), st.just(3)), elements=st.integers(0, 5000))
criteria = pytest.mark.parametrize("criterion", Criterion)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (Rate.SELECTION, (2174 / 3696, 854 / 2454)),
        (Rate.TRUE_POSITIVE, (1369 / 1901, 505 / 966)),
        (Rate.FALSE_POSITIVE, (0.4485, 0.2345)),  # as published
        (Rate.FALSE_NEGATIVE, (0.2799, 0.4772)),  # as published
        (Rate.PRECISION, (1369 / 2174, 505 / 854)),
        (Rate.ACCURACY, (2359 / 3696, 1644 / 2454)),
    ],
)
def test_rates_are_those_of_the_published_tables(rate: Rate, expected: tuple[float, float]) -> None:
    found = rate_of(rate, COMPAS, 0.05)

    assert found.values == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("criterion", "aggregate", "least", "greatest"),
    [
        (Criterion.DEMOGRAPHIC_PARITY, WORST, 0.5916, 0.2402),
        (Criterion.EQUAL_OPPORTUNITY, WORST, 0.7259, 0.1974),
        (Criterion.EQUALIZED_ODDS, WORST, 0.5230, 0.2139),
        (Criterion.EQUALIZED_ODDS, MEAN, (0.5230 + 0.7259) / 2, 0.2056),
        (Criterion.PREDICTIVE_PARITY, WORST, 0.9391, 0.0384),  # .5913 and .6297
        (Criterion.ACCURACY, WORST, 0.9527, 0.0317),  # .6383 and .6699
    ],
)
def test_gaps_are_those_of_the_published_tables(
    criterion: Criterion, aggregate: Aggregate, least: float, greatest: float
) -> None:
    rates = rates_of(criterion, COMPAS, 0.05)

    apart, share = difference(rates, aggregate), ratio(rates, aggregate)

    assert apart is not None
    assert share is not None
    assert (apart.value, share.value) == pytest.approx((greatest, least), abs=1e-4)


def test_an_unlabelled_row_counts_for_the_selection_rate_alone() -> None:
    unlabelled = COMPAS + np.array([[0, 0, 100], [0, 0, 300]])

    for rate in Rate:
        before, after = rate_of(rate, COMPAS, 0.05), rate_of(rate, unlabelled, 0.05)
        assert (before.n == after.n).all() != (rate is Rate.SELECTION)
    assert rate_of(Rate.SELECTION, unlabelled, 0.05).values[0] == (2174 + 300) / (3696 + 400)


def test_disparate_impact_is_the_rate_of_a_group_by_that_of_the_reference() -> None:
    selected = rate_of(Rate.SELECTION, COMPAS, 0.05)

    found = impact(selected.of([1]), selected.of([0]))

    assert found is not None
    assert found.value == pytest.approx((854 / 2454) / (2174 / 3696), abs=1e-12)
    assert found.interval[0] < found.value < found.interval[1]
    assert impact(selected.of([1]), rate_of(Rate.SELECTION, np.array([[[9, 0, 0], [0, 0, 0]]]), 0.05)) is None


def test_one_group_has_no_gap_and_rates_of_nought_have_no_ratio() -> None:
    nobody = np.array([[[50, 0, 0], [0, 0, 0]], [[70, 0, 0], [0, 0, 0]]])

    alone = rates_of(Criterion.DEMOGRAPHIC_PARITY, COMPAS[:1], 0.05)
    none = rates_of(Criterion.DEMOGRAPHIC_PARITY, nobody, 0.05)

    assert difference(alone, WORST) is None
    assert ratio(alone, WORST) is None
    assert ratio(none, WORST) is None
    found = difference(none, WORST)
    assert found is not None
    assert found.value == found.interval[0] == 0.0


def test_two_rates_of_equalized_odds_share_the_level() -> None:
    (true_positive, _) = rates_of(Criterion.EQUALIZED_ODDS, COMPAS, 0.05)

    low, high = confidence_sequence([1369, 505], [1901, 966], 0.05 / 2 / 2)  # two groups, two rates

    assert true_positive.low == pytest.approx(low)
    assert true_positive.high == pytest.approx(high)


def test_a_mean_of_scores_lies_in_the_interval_of_a_share_with_the_same_sum() -> None:
    found = shares(np.array([30.5, 70.0]), np.array([100, 100]), 0.05)

    assert found.values.tolist() == [0.305, 0.7]
    assert found.low[1] == confidence_sequence(70, 100, 0.025)[0]


def test_the_calibration_error_is_the_mean_distance_of_labels_from_scores_by_bin() -> None:
    counts, sums = np.zeros((2, 20, 3), dtype=np.int64)
    counts[3, :2], sums[3, :2] = [6, 4], [LOSS_UNIT * 6 * 0.2, LOSS_UNIT * 4 * 0.2]  # 40 % positive at .2
    counts[19, :2], sums[19, :2] = [0, 10], [0, LOSS_UNIT * 10 * 0.95]  # all positive at .95
    counts[19, 2], sums[19, 2] = 99, 99 * LOSS_UNIT  # without a label: of no account

    assert calibration_error(counts, sums) == pytest.approx(0.5 * 0.2 + 0.5 * 0.05, abs=1e-7)


def test_a_gap_that_is_watched_all_day_hardly_ever_leaves_its_interval() -> None:
    random, true_rates = np.random.default_rng(5), np.array([0.3, 0.5, 0.35])
    left = 0
    for _ in range(100):
        selected = (random.random((2_000, 3)) < true_rates).cumsum(axis=0)
        looks = []
        for n in range(40, 2_001, 140):
            tables = np.zeros((3, 2, 3), dtype=np.int64)
            tables[:, 1, 2], tables[:, 0, 2] = selected[n - 1], n - selected[n - 1]
            looks.append(difference(rates_of(Criterion.DEMOGRAPHIC_PARITY, tables, 0.05), WORST))
        left += any(look is None or not look.interval[0] <= 0.2 <= look.interval[1] for look in looks)

    assert left <= 5  # of 100, at a level of .05


@criteria
@settings(max_examples=40, deadline=None)
@given(tables=tables, aggregate=st.sampled_from(Aggregate), order=st.randoms())
def test_a_gap_lies_in_its_interval_between_0_and_1_whatever_the_order_of_the_groups(
    criterion: Criterion, tables: np.ndarray, aggregate: Aggregate, order: np.random.Generator
) -> None:
    shuffled = list(range(len(tables)))
    order.shuffle(shuffled)
    rates, again = rates_of(criterion, tables, 0.05), rates_of(criterion, tables[shuffled], 0.05)

    for gap in (difference, ratio):
        figure = gap(rates, aggregate)
        assert gap(again, aggregate) == figure
        if figure is not None:
            assert 0 <= figure.interval[0] <= figure.value + 1e-12
            assert figure.value <= figure.interval[1] + 1e-12 <= 1 + 2e-12


@settings(max_examples=40, deadline=None)
@given(table=arrays(np.int64, (2, 3), elements=st.integers(0, 5000)), k=st.integers(2, 5))
def test_groups_that_are_alike_are_never_known_to_differ(table: np.ndarray, k: int) -> None:
    for criterion in Criterion:
        rates = rates_of(criterion, np.array([table] * k), 0.05)
        apart, share = difference(rates, WORST), ratio(rates, WORST)
        assert apart is not None
        assert apart.value == apart.interval[0] == 0.0
        assert share is None or share.value == share.interval[1] == 1.0
