"""Our distances beside Evidently's, where both compute the same thing: Wasserstein, and Jensen-Shannon of
categories.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from monitors.bins import bin_means, binned, moments, quantile_edges
from monitors.statistics import chi2_distance, chi2_p_value, js_distance, wasserstein

pytestmark = [
    pytest.mark.xdist_group("evidently"),  # it takes seconds to import
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
]


def theirs(reference: pd.Series, current: pd.Series, kind: str, method: str) -> float:
    from evidently.legacy.calculations.stattests import get_stattest  # noqa: PLC0415  # heavy: only here

    test = get_stattest(reference, current, kind, method)
    return float(test.func(reference, current, kind, 0.1)[0])


def test_wasserstein_in_sd_is_evidently_s() -> None:
    random = np.random.default_rng(0)
    reference, current = random.lognormal(size=10_000), random.lognormal(0.3, 1, size=2_000)
    edges, (_, sd) = quantile_edges(reference, 32), moments(reference)
    a, b = (binned(values, edges, 1.0, sd) for values in (reference, current))

    ours = float(wasserstein(a.counts, b.counts, bin_means(a.counts, a.sums), bin_means(b.counts, b.sums)))

    assert ours == pytest.approx(
        theirs(pd.Series(reference), pd.Series(current), "num", "wasserstein"), abs=0.03
    )


def test_jensen_shannon_of_categories_is_evidently_s_in_base_two() -> None:
    a, b = np.array([700, 200, 100]), np.array([50, 30, 40])
    reference, current = (pd.Series(np.repeat(list("xyz"), counts)) for counts in (a, b))

    evidently = theirs(reference, current, "cat", "jensenshannon")

    assert float(js_distance(a, b)) * math.sqrt(math.log(2)) == pytest.approx(evidently, abs=1e-9)


def test_chi_squared_of_categories_is_more_careful_than_evidently_s() -> None:
    # Evidently takes the reference's shares as exact; ours allows for its being a sample too
    a, b = np.array([700, 200, 100]), np.array([80, 25, 15])
    reference, current = (pd.Series(np.repeat(list("xyz"), counts)) for counts in (a, b))

    ours = chi2_p_value(float(chi2_distance(a, b)), a, b)

    assert ours >= theirs(reference, current, "cat", "chisquare")
