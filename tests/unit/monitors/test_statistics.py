"""Distances, intervals and decisions against scipy, scikit-learn, and sums by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

from monitors import statistics as ours

A = np.array([120, 300, 0, 80, 500])
B = np.array([20, 10, 5, 0, 65])


def test_the_stability_index_is_the_sum_by_hand() -> None:
    a, b = np.array([90, 10]), np.array([40, 10])

    # p' = 90.5/101, 10.5/101; q' = 40.5/51, 10.5/51
    by_hand = (40.5 / 51 - 90.5 / 101) * math.log(40.5 / 51 * 101 / 90.5)
    by_hand += (10.5 / 51 - 10.5 / 101) * math.log(10.5 / 51 * 101 / 10.5)
    by_hand -= (2 - 1) * (1 / 50 + 1 / 100)
    assert float(ours.psi(a, b)) == pytest.approx(by_hand, abs=1e-12)


def test_cells_that_nobody_is_in_do_not_count_for_the_stability_index() -> None:
    a, b = np.array([90, 0, 10]), np.array([40, 0, 10])

    assert float(ours.psi(a, b)) == pytest.approx(float(ours.psi(a[[0, 2]], b[[0, 2]])), abs=1e-15)


def test_without_change_the_stability_index_is_zero_on_average() -> None:
    random = np.random.default_rng(5)
    shares = np.full(32, 1 / 32)
    a, b = random.multinomial(10_000, shares, size=400), random.multinomial(1_000, shares, size=400)

    # uncorrected its mean would be .0341, (K - 1)(1/n + 1/m)
    assert float(ours.psi(a, b).mean()) == pytest.approx(0.0, abs=0.002)


def test_the_jensen_shannon_distance_is_that_of_scipy() -> None:
    assert float(ours.js_distance(A, B)) == pytest.approx(jensenshannon(A, B, base=2), abs=1e-12)
    assert float(ours.js_distance(A, 3 * A)) == pytest.approx(0.0, abs=1e-7)
    assert float(ours.js_distance(np.array([5, 0]), np.array([0, 7]))) == pytest.approx(1.0)


def test_chi_squared_is_that_of_scipy_without_yates() -> None:
    used = (A + B) > 0
    theirs = stats.chi2_contingency(np.array([A, B])[:, used], correction=False)
    distance = float(ours.chi2_distance(A, B))

    assert distance == pytest.approx(theirs.statistic, rel=1e-9)
    assert ours.chi2_p_value(distance, A, B) == pytest.approx(theirs.pvalue, rel=1e-9)


def test_cells_that_nobody_is_in_do_not_count_for_chi_squared() -> None:
    a, b = np.array([10, 0, 5]), np.array([3, 0, 9])

    assert float(ours.chi2_distance(a, b)) == pytest.approx(float(ours.chi2_distance(a[[0, 2]], b[[0, 2]])))
    assert ours.chi2_p_value(3.84, a, b) == pytest.approx(stats.chi2.sf(3.84, 1))


def test_the_wasserstein_distance_of_atoms_is_that_of_scipy() -> None:
    at_a, at_b = np.array([0.1, -2.0, 0.0, 4.0, 1.0]), np.array([0.0, -2.5, 3.0, 9.0, 1.5])

    theirs = stats.wasserstein_distance(at_a, at_b, A, B)

    assert float(ours.wasserstein(A, B, at_a, at_b)) == pytest.approx(theirs, rel=1e-12)


def test_the_kolmogorov_smirnov_distance_of_distinct_values_is_that_of_scipy() -> None:
    raw_a, raw_b = np.repeat(np.arange(5), A), np.repeat(np.arange(5), B)

    assert ours.ks_distance(A, B) == pytest.approx(stats.ks_2samp(raw_a, raw_b).statistic, abs=1e-12)


def test_the_chance_of_a_kolmogorov_smirnov_distance_is_close_to_the_exact_one() -> None:
    random = np.random.default_rng(1)
    a, b = random.normal(size=800), random.normal(0.1, 1, size=700)
    theirs = stats.ks_2samp(a, b, method="exact")

    assert ours.ks_p_value(theirs.statistic, 800, 700) == pytest.approx(theirs.pvalue, rel=0.1)


def test_the_band_of_a_kolmogorov_smirnov_distance_is_one_of_each_side() -> None:
    # sqrt(ln(40)/2) = 1.3581; with n = m = 100 the band is 2 x .13581
    low, high = ours.ks_interval(0.5, 100, 100)

    assert (low, high) == pytest.approx((0.5 - 0.27162, 0.5 + 0.27162), abs=1e-4)
    assert ours.ks_interval(0.01, 100, 100)[0] == 0.0


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (3, 10), (470, 500), (1, 100_000)])
def test_the_interval_of_a_share_is_wilson_s(successes: int, n: int) -> None:
    theirs = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")

    assert ours.wilson(successes, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_the_chance_of_a_count_is_the_binomial_tail() -> None:
    assert ours.at_least(7, 200, 0.01) == pytest.approx(stats.binom.sf(6, 200, 0.01), rel=1e-9)
    assert ours.at_least(0, 200, 0.01) == 1.0
    assert ours.at_least(200, 200, 0.5) == pytest.approx(0.5**200)


def test_benjamini_hochberg_believes_what_scipy_believes() -> None:
    p = [
        0.001,
        0.008,
        0.039,
        0.041,
        0.042,
        0.06,
        0.074,
        0.205,
        0.212,
        0.216,
    ]  # their own example of 1995, in part

    theirs = [bool(q <= 0.05) for q in stats.false_discovery_control(p)]

    assert ours.benjamini_hochberg(p, 0.05) == theirs
    assert ours.benjamini_hochberg([], 0.05) == []
    assert ours.benjamini_hochberg([0.02], 0.01) == [False]


def test_the_area_under_the_curve_with_ties_is_that_of_scikit_learn() -> None:
    positives, negatives = np.array([1, 4, 0, 9]), np.array([8, 3, 2, 1])
    scores = np.concatenate([np.repeat(np.arange(4), positives), np.repeat(np.arange(4), negatives)])
    truth = np.repeat([1, 0], [14, 14])

    area = ours.roc_auc(positives, negatives)

    assert area == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert ours.roc_auc(positives, np.zeros(4, dtype=np.int64)) is None


def test_the_interval_of_the_area_holds_it_95_times_in_100() -> None:
    random = np.random.default_rng(9)
    truth = stats.norm.cdf(1 / math.sqrt(2))  # of two normals one sd apart
    held = 0
    for _ in range(300):
        bins = [np.clip(random.normal(mean, 1, 150) * 20 + 100, 0, 239).astype(int) for mean in (1.0, 0.0)]
        low, high = ours.roc_auc_interval(*(np.bincount(places, minlength=240) for places in bins))
        held += low <= truth <= high

    assert held / 300 == pytest.approx(0.95, abs=0.03)


def test_redrawn_intervals_hold_the_value_and_stay_in_their_range() -> None:
    drawn = ours.js_distance(ours.draws(A, seed=1), ours.draws(A, seed=2))

    low, high = ours.interval_of(0.0, drawn, lowest=0.0, highest=1.0)

    assert low == 0.0 < high < 0.1


def test_draws_are_the_same_each_time_and_keep_the_number_of_rows() -> None:
    assert np.array_equal(ours.draws(A), ours.draws(A))
    assert (ours.draws(A).sum(axis=1) == A.sum()).all()
    assert not ours.draws(A)[:, 2].any()  # a share of nothing
