"""Bins and fixed-point sums: what they keep of the rows, against the rows themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from monitors.bins import (
    LOSS_UNIT,
    UNIT,
    bin_means,
    binned,
    fixed_sum,
    logit_edges,
    moments,
    quantile_edges,
    wide_means,
    wide_sums,
)
from monitors.statistics import Floats, ks_distance, wasserstein

NORMAL = np.random.default_rng(0).normal(size=10_000)
SHAPES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda random, n: random.normal(size=n),
    "lognormal": lambda random, n: random.lognormal(size=n),
    "heavy tails": lambda random, n: random.standard_t(3, size=n),
}


def apart(reference: Floats, current: Floats, bins: int) -> tuple[float, float]:
    edges, centre = quantile_edges(reference, bins), float(np.median(reference))
    sd = moments(reference)[1]
    a, b = binned(reference, edges, centre, sd), binned(current, edges, centre, sd)
    moved = wasserstein(a.counts, b.counts, bin_means(a.counts, a.sums), bin_means(b.counts, b.sums))
    return ks_distance(a.counts, b.counts), float(moved)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("bins", [32, 128])
def test_binned_distances_are_close_to_those_of_the_rows(shape: str, shift: float, bins: int) -> None:
    short_by = {32: 0.009, 128: 0.005}[bins]
    off_by = {32: (0.01, 0.03), 128: (0.004, 0.016)}[bins][shape != "normal"]
    random = np.random.default_rng(2)
    reference, current = SHAPES[shape](random, 10_000), SHAPES[shape](random, 1_000) + shift

    ks, moved = apart(reference, current, bins)

    exact = stats.ks_2samp(reference, current).statistic
    assert exact - short_by <= ks <= exact + 1e-12
    assert moved == pytest.approx(
        stats.wasserstein_distance(reference, current) / reference.std(), abs=off_by
    )


def test_quantile_bins_hold_equal_shares() -> None:
    edges = quantile_edges(NORMAL, 32)

    counts = binned(NORMAL, edges, 0.0, 1.0).counts

    assert len(counts) == 32
    assert counts.min() >= 312
    assert counts.max() <= 313


def test_ties_merge_bins_and_a_value_on_an_edge_is_below_it() -> None:
    values = np.array([1.0, 1.0, 1.0, 2.0, 3.0])
    edges = quantile_edges(values, 5)  # quantiles at .2 .4 .6 .8: 1, 1, 1.4, 2.2

    assert edges.tolist() == pytest.approx([1.0, 1.4, 2.2])
    assert binned(values, edges, 1.0, 1.0).counts.tolist() == [3, 0, 1, 1]


def test_a_constant_tells_what_is_below_it_from_what_is_above() -> None:
    edges = quantile_edges(np.full(100, 5.0), 32)

    assert binned(np.array([4.0, 5.0, 5.0, 6.0]), edges, 5.0, 0.0).counts.tolist() == [1, 2, 1]


def test_sums_are_in_fixed_point_and_far_values_are_clipped_and_counted() -> None:
    found = binned(np.array([11.0, 13.0, 1e300]), np.array([12.0]), centre=10.0, scale=2.0)

    assert found.counts.tolist() == [1, 2]
    # (11-10)/2 = .5, (13-10)/2 = 1.5, and the last is cut at 2^31 steps
    assert found.sums.tolist() == [UNIT // 2, UNIT * 3 // 2 + 2**31]
    assert found.clipped == 1


def test_the_largest_floats_have_edges_and_cells() -> None:
    values = np.array([-1.7e308, -1e308, 1e308, 1.7e308])

    edges = quantile_edges(values, 4)

    assert np.isfinite(edges).all()
    assert binned(values, edges, 0.0, 1e308).counts.tolist() == [1, 1, 1, 1]


def test_values_on_the_centre_of_a_tiny_spread_add_nothing() -> None:
    assert binned(np.array([3.0, 3.0]), np.array([3.0]), centre=3.0, scale=5e-324).sums.tolist() == [0, 0]


def test_moments_of_huge_values_do_not_overflow() -> None:
    mean, sd = moments(np.array([1e300, 3e300]))

    assert mean == pytest.approx(2e300)
    assert sd == pytest.approx(1e300)
    assert moments(np.full(7, 0.1)) == pytest.approx((0.1, 0.0), abs=1e-15)


def test_logit_bins_part_probabilities_near_certainty() -> None:
    edges = logit_edges(512)

    assert len(edges) == 511
    places = np.searchsorted(edges, [0.0, 1e-6, 1e-5, 0.5, 0.99999, 0.999999, 1.0])
    assert (np.diff(places) > 0).all()


def test_losses_add_up_to_the_same_in_any_order() -> None:
    losses = np.random.default_rng(0).exponential(size=1_000)

    assert fixed_sum(losses) == sum(fixed_sum(losses[i : i + 1]) for i in reversed(range(1_000)))
    assert fixed_sum(losses) / LOSS_UNIT == pytest.approx(losses.sum(), abs=1e-4)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_wide_sums_keep_means_of_any_size(scale: float) -> None:
    errors = np.random.default_rng(0).exponential(scale, size=5_000)

    counts, means, squares = wide_means(wide_sums(errors))

    assert int(counts.sum()) == 5_000
    assert float(counts @ means) / 5_000 == pytest.approx(errors.mean(), rel=1e-6)
    assert float(counts @ squares) / 5_000 == pytest.approx((errors**2).mean(), rel=1e-6)


def test_wide_sums_add_and_take_zero_and_the_infinite() -> None:
    errors = np.array([0.0, 3.0, 1e300, np.inf, 1e-300])

    together = wide_sums(errors)

    assert np.array_equal(together, sum(wide_sums(errors[i : i + 1]) for i in range(5)))
    assert int(together[0].sum()) == 5
    counts, means, _ = wide_means(wide_sums(errors[:2]))
    assert float(counts @ means) == 3.0
