"""Confidence sequences beside the mixture integrated anew, and beside runs that are looked at often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from monitors.sequential import confidence_sequence


def mixed(m: float, successes: int, n: int) -> float:
    """The mean likelihood of q = sin^2(angle) against that of m: even in the angle, q is Beta(1/2, 1/2)."""

    def ratio(angle: float) -> float:
        q = np.sin(angle) ** 2
        return float(np.exp(successes * np.log(q / m) + (n - successes) * np.log((1 - q) / (1 - m))))

    likeliest = np.arcsin(np.sqrt(successes / n))
    near = np.clip(
        [likeliest - 6 / np.sqrt(n), likeliest, likeliest + 6 / np.sqrt(n)], 1e-9, np.pi / 2 - 1e-9
    )
    area, _ = quad(ratio, 1e-7, np.pi / 2 - 1e-7, points=near, limit=500)
    return float(area * 2 / np.pi)


@pytest.mark.parametrize("n", [3, 12, 1_000, 1_000_000])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
@pytest.mark.parametrize("alpha", [0.05, 0.0005])
def test_at_both_ends_the_martingale_is_at_its_limit(n: int, share: float, alpha: float) -> None:
    successes = round(n * share)

    low, high = confidence_sequence(successes, n, alpha)

    ends = [float(end) for end in (low, high) if 0 < end < 1]
    assert ends
    for end in ends:
        assert mixed(end, successes, n) == pytest.approx(1 / alpha, rel=1e-5)


def test_nine_tenths_of_a_thousand_rows_are_known_to_a_thirtieth() -> None:
    low, high = confidence_sequence(900, 1_000, 0.05)

    assert (high - low) / 2 == pytest.approx(0.0343, abs=0.0005)


def test_counts_of_a_year_have_an_interval_too() -> None:
    low, high = confidence_sequence([0, 1, 5e8, 1e9 - 1, 1e9], 1e9, 0.05)

    assert np.all(low <= high)
    assert low[0] == 0.0 < high[0] < 1e-7
    assert low[2] == pytest.approx(1 - high[2], abs=1e-12)
    assert high[2] - low[2] < 3e-4
    assert high[4] == 1.0 > low[4] > 1 - 1e-7


def test_no_rows_say_nothing() -> None:
    low, high = confidence_sequence(0, 0, 0.05)

    assert (float(low), float(high)) == (0.0, 1.0)


@settings(deadline=None)
@given(n=st.integers(1, 10**6), share=st.floats(0, 1), alpha=st.floats(1e-6, 0.5))
def test_the_share_itself_lies_inside_and_a_surer_interval_is_wider(
    n: int, share: float, alpha: float
) -> None:
    successes = round(n * share)

    low, high = confidence_sequence(successes, n, alpha)
    wider_low, wider_high = confidence_sequence(successes, n, alpha / 2)

    assert 0 <= wider_low <= low <= successes / n <= high <= wider_high <= 1


def test_of_runs_that_are_watched_all_the_time_hardly_any_leaves_its_interval() -> None:
    random = np.random.default_rng(7)
    rows = np.arange(1, 2_001)
    right = (random.random((500, 2_000)) < 0.9).cumsum(axis=1)[:, 19::20]

    low, high = confidence_sequence(right, rows[19::20], 0.05)

    assert ((low > 0.9) | (high < 0.9)).any(axis=1).mean() <= 0.05
