"""The cost line."""

from __future__ import annotations

import pytest

from inference.cost import Cost


def test_a_line_is_found_again() -> None:
    cost = Cost()

    for units in (1, 8, 64, 512, 3, 200):
        cost.fit(units, 0.002 * units + 0.05)

    assert cost.per_unit_s == pytest.approx(0.002)
    assert cost.per_batch_s == pytest.approx(0.05)
    assert cost.seconds(units=100, batches=2) == pytest.approx(0.3)  # 100 * 0.002 + 2 * 0.05


def test_batches_of_one_size_are_all_base_cost() -> None:
    cost = Cost()

    for _ in range(5):
        cost.fit(1, 0.1)

    assert cost.seconds(units=3, batches=3) == pytest.approx(0.3)


def test_nothing_seen_costs_nothing() -> None:
    assert Cost().seconds(units=1000, batches=10) == 0.0


def test_a_model_that_became_faster_is_believed_after_a_while() -> None:
    cost = Cost()
    for _ in range(50):
        cost.fit(10, 1.0)

    for _ in range(200):
        cost.fit(10, 0.1)

    assert cost.seconds(units=10, batches=1) == pytest.approx(0.1, rel=0.01)
