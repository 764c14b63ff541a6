"""The plan of a day: what it costs, whom it leaves out, and that its probabilities are what they say."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest
from scipy import stats

from monitors.sampling.plan import (
    Candidates,
    Plan,
    decoded_plan,
    draws_of,
    encoded,
    first_plan,
    key_of,
    level_of,
    pi_of,
    strata_of,
)
from tests.helpers.monitoring import NOON

MIDNIGHT = NOON - timedelta(hours=12)
DAY = timedelta(days=1)
KEY = key_of("shop", "1")


def rows(
    n: int, *, hour: float = 0.0, seed: int = 1, rare: int = 0, day: int = 0, sure: float = 0.5
) -> Candidates:
    """Rows of one segment; the first `rare` of them are of a country of their own."""
    random = np.random.default_rng([seed, int(hour * 3600), day])
    at = MIDNIGHT + day * DAY + timedelta(hours=hour)
    codes = np.where(np.arange(n) < rare, 1, 0)
    return Candidates(
        first_at=at,
        last_at=at,
        certainty=np.clip(random.random(n) + sure - 0.5, 0.02, 0.98),
        strata=(
            strata_of("arm", ["stable"], np.zeros(n, dtype=np.int64)),
            strata_of("country", ["DE", "LU"], codes),
        ),
        draws=random.random(n),
    )


def a_day(plan: Plan | None, per_hour: int, *, day: int = 0, rare: int = 0, budget: float = 100) -> Plan:
    """A day of even traffic, a segment every six minutes."""
    now: Plan | None = None
    for step in range(240):
        part = rows(per_hour // 10, hour=step / 10, rare=rare // 240, day=day)
        now = first_plan(MIDNIGHT + day * DAY, budget, plan, part) if now is None else now
        now, _ = now.choose(part)
    assert now is not None
    return now


def test_a_second_day_like_the_first_costs_its_budget() -> None:
    first = a_day(None, 2_000)

    second = a_day(first, 2_000, day=1)

    assert 60 < first.spent <= 100
    assert second.spent == pytest.approx(100, rel=0.1)


@pytest.mark.parametrize("times", [1, 30, 1000])
def test_a_day_that_brings_more_than_was_forecast_costs_at_most_twice_its_budget(times: int) -> None:
    before = a_day(None, 100)

    after = a_day(before, 100 * times, day=1)

    assert 90 <= after.spent <= 200


def test_segments_that_come_when_the_day_is_over_do_not_use_up_another_budget() -> None:
    late = [rows(20, hour=23.999, seed=seed) for seed in range(500)]

    plan = a_day(None, 2_000)
    for part in late:
        plan, _ = plan.choose(part)

    assert 90 <= plan.spent <= 120


def test_a_rare_group_that_becomes_all_of_the_traffic_does_not_cost_more() -> None:
    before = a_day(None, 1_000, rare=240)

    after = a_day(before, 1_000, day=1, rare=24_000)

    assert before.spent <= 105
    assert after.spent <= 200


def test_of_a_quiet_model_every_row_is_looked_at() -> None:
    before = a_day(None, 10, budget=300)

    _, pi = first_plan(MIDNIGHT + DAY, 300, before, part := rows(1, day=1)).choose(part)

    assert pi.tolist() == [1.0]


def test_there_is_something_to_label_in_the_first_hour_of_a_model() -> None:
    plan, _ = first_plan(MIDNIGHT, 100, None, part := rows(10)).choose(part)
    for tenth in range(1, 10):
        plan, _ = plan.choose(rows(100, hour=tenth / 10))

    assert 10 < plan.spent < 40


def test_a_rare_group_has_its_least_number_of_choices() -> None:
    before = a_day(None, 5_000, rare=480)
    part = rows(120_000, rare=480, day=1)

    _, pi = first_plan(MIDNIGHT + DAY, 100, before, part).choose(part)
    expected, _ = first_plan(MIDNIGHT + DAY, 100, before, part).choose(part)

    # three strata (an arm and two countries) share a quarter of the budget: 8 each
    assert expected.step is not None
    of_rare = expected.step.strata["country=LU"] * 480
    assert of_rare == pytest.approx(25 / 3, rel=0.02)
    assert np.count_nonzero(~np.isnan(pi[:480])) >= 2


def test_uncertain_answers_are_looked_at_more_often_but_none_is_left_out() -> None:
    part = rows(50_000)
    plan, _ = first_plan(MIDNIGHT, 100, None, part).choose(part)
    everything = Candidates(
        first_at=NOON, last_at=NOON, certainty=part.certainty, strata=part.strata, draws=np.zeros(50_000)
    )

    _, pi = plan.choose(everything)

    sure, unsure = pi[part.certainty > 0.95], pi[np.abs(part.certainty - 0.5) < 0.02]
    assert unsure.max() > 1.5 * sure.max()
    assert pi.min() > 0.25 * pi.mean()


def test_chosen_rows_weigh_as_much_as_all_rows() -> None:
    weights = []
    for seed in range(200):
        part = rows(5_000, seed=seed)
        begun = msgspec.structs.replace(first_plan(MIDNIGHT, 300, None, part), forecast=part.mix)
        _, pi = begun.choose(part)
        weights.append(np.nansum(1 / pi))

    # each has a standard deviation of some 5,000 / sqrt(300); their mean lies within three of its own
    assert np.mean(weights) == pytest.approx(5_000, abs=3 * 5_000 / 300**0.5 / 200**0.5)


def test_what_lies_before_does_not_change_with_what_was_chosen() -> None:
    """Probabilities follow from times, groups and scores: other draws give the same plan."""
    plans = []
    for seed in (1, 2):
        part = rows(3_000)
        other = Candidates(
            first_at=part.first_at,
            last_at=part.last_at,
            certainty=part.certainty,
            strata=part.strata,
            draws=np.random.default_rng(seed).random(3_000),
        )
        plans.append(first_plan(MIDNIGHT, 100, None, part).choose(other)[0])

    assert plans[0] == plans[1]


def test_a_plan_reads_back_as_it_was_stored() -> None:
    plan = a_day(a_day(None, 300), 300, day=1)

    assert decoded_plan(encoded(plan)) == plan


def test_draws_are_even_and_always_the_same() -> None:
    offsets, numbers = np.arange(50_000) * 217, np.arange(50_000) % 3

    draws = draws_of("gw-1", 7, offsets, numbers, KEY)

    assert np.array_equal(draws, draws_of("gw-1", 7, offsets, numbers, KEY))
    assert stats.kstest(draws, "uniform").pvalue > 0.01
    for other in (draws_of("gw-2", 7, offsets, numbers, KEY), draws_of("gw-1", 8, offsets, numbers, KEY)):
        assert abs(np.corrcoef(draws, other)[0, 1]) < 0.02
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.02


def test_models_choose_rows_of_their_own() -> None:
    offsets, numbers = np.arange(20_000) * 300, np.zeros(20_000, dtype=np.int64)

    one, other = (draws_of("gw", 1, offsets, numbers, key_of("shop", version)) for version in ("1", "2"))

    assert np.count_nonzero((one < 0.01) & (other < 0.01)) < 20  # 2 by chance


def test_a_level_is_the_nearest_quarter_power_of_two() -> None:
    assert pi_of(np.array([0, 4, 8, 80])).tolist() == [1.0, 0.5, 0.25, 2.0**-20]
    assert level_of(np.array([7.0, 1.0, 0.5, 0.48, 1e-9])).tolist() == [0, 0, 4, 4, 80]


def test_values_too_long_to_be_watched_apart_are_no_stratum() -> None:
    strata = strata_of("country", ["DE", "x" * 101], np.array([0, 1, -1, -2]))

    assert strata.names == ("country=DE",)
    assert strata.codes.tolist() == [0, -1, -1, -1]
