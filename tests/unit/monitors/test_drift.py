"""Drift: which columns are called drifted, and what is shown beside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monitors import build, kinds
from monitors.base import ModelContext
from monitors.drift import Drift
from monitors.frames import frame_of_columns
from monitors.reference import reference_of
from storage.records import Measurement, Value
from tests.helpers.monitoring import model

WIDE = model(
    inputs=[{"name": f"n{i}", "type": "number"} for i in range(4)]
    + [{"name": "colour", "type": "category", "categories": ["red", "green", "blue"]}]
)
Rows = dict[str, list[Value]]


def rows(n: int, seed: int, shift: float = 0.0, red: float = 0.5) -> Rows:
    """`shift` moves the last number, `red` is the share of red ones."""
    random = np.random.default_rng(seed)
    columns: Rows = {f"n{i}": random.normal(size=n).tolist() for i in range(3)}
    columns["n3"] = random.normal(shift, 1, n).tolist()
    columns["colour"] = random.choice(["red", "green", "blue"], n, p=[red, 0.3, 0.7 - red]).tolist()
    return columns


def judged(reference: Rows, current: Rows, **options: float) -> dict[tuple[str, str | None], Measurement]:
    made = reference_of(frame_of_columns(reference, WIDE), WIDE, "a test", kinds())
    drift = build("drift", options, ModelContext(manifest=WIDE, reference=made))
    found = drift.assess(drift.observe(frame_of_columns(current, WIDE)), made.summaries["drift"])
    return {(one.metric, one.column): one for one in found}


def breached(found: dict[tuple[str, str | None], Measurement]) -> set[str | None]:
    assert not any(one.breached for (metric, _), one in found.items() if metric != "drift")
    return {column for (metric, column), one in found.items() if metric == "drift" and one.breached}


REFERENCE = rows(10_000, seed=0)


def test_rows_like_the_reference_have_not_drifted() -> None:
    windows = [breached(judged(REFERENCE, rows(1_000, seed=seed))) for seed in range(1, 21)]

    assert not set().union(*windows)


def test_columns_that_moved_are_named_and_no_others() -> None:
    found = judged(REFERENCE, rows(1_000, seed=1, shift=0.5, red=0.3))

    assert breached(found) == {"n3", "colour"}


def test_a_move_too_small_to_matter_is_shown_and_not_called_drift() -> None:
    found = judged(REFERENCE, rows(50_000, seed=1, shift=0.05))

    assert found["drift", "n3"].significant  # 50,000 rows leave no doubt
    assert found["drift", "n3"].value == pytest.approx(0.05, abs=0.02)
    assert not breached(found)


def test_a_large_difference_that_may_be_chance_is_not_called_drift() -> None:
    found = judged(REFERENCE, rows(100, seed=8))
    effects = [one for (metric, _), one in found.items() if metric == "drift"]

    assert any(one.value is not None and one.value > 0.1 for one in effects)
    assert not breached(found)


def test_the_distances_are_those_of_the_raw_rows() -> None:
    current = rows(2_000, seed=3, shift=0.3)
    found = judged(REFERENCE, current)
    a, b = np.array(REFERENCE["n3"], dtype=float), np.array(current["n3"], dtype=float)

    assert found["ks", "n3"].value == pytest.approx(stats.ks_2samp(a, b).statistic, abs=0.009)
    exact = stats.wasserstein_distance(a, b) / a.std()
    assert found["wasserstein", "n3"].value == pytest.approx(exact, abs=0.01)
    assert found["drift", "n3"].value == found["wasserstein", "n3"].value
    assert found["drift", "colour"].value == found["js", "colour"].value
    assert found["drift", "n3"].n == 2_000


def test_too_few_rows_are_unknown() -> None:
    found = judged(REFERENCE, rows(99, seed=3, shift=5.0))

    assert all(one.value is None for one in found.values())
    assert not breached(found)


def test_missing_and_unusable_values_are_left_out_of_the_distances() -> None:
    current = rows(1_000, seed=3)
    current["n3"] = [*current["n3"][:500], *([None, "12", float("inf"), float("nan")] * 125)]

    found = judged(REFERENCE, current)

    assert found["drift", "n3"].n == 500
    assert not breached(found)


def test_a_constant_that_starts_to_move_has_drifted_either_way() -> None:
    constant = REFERENCE | {"n0": [0.25] * 10_000}
    up, down = (rows(1_000, seed=1) | {"n0": [0.25 + step] * 1_000} for step in (0.01, -0.01))

    assert breached(judged(constant, up)) == breached(judged(constant, down)) == {"n0"}
    assert breached(judged(constant, rows(1_000, seed=1) | {"n0": [0.25] * 1_000})) == set()
    assert judged(constant, up)["wasserstein", "n0"].value is None  # there is no sd to divide by


def test_a_category_that_was_never_seen_counts_as_one() -> None:
    found = judged(REFERENCE, rows(1_000, seed=1) | {"colour": ["violet"] * 1_000})

    assert found["js", "colour"].value == pytest.approx(1.0)
    assert breached(found) == {"colour"}


def test_settings_move_the_verdict() -> None:
    current = rows(1_000, seed=1, shift=0.5)

    assert breached(judged(REFERENCE, current, min_effect=0.8)) == set()


def test_without_a_reference_it_does_not_apply() -> None:
    assert not Drift.applies(ModelContext(manifest=WIDE))
