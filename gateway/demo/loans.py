"""Simulated car loans: who asks for one, and who repays it. No person is behind a row."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from gateway.demo.rows import Change, Rows

MODEL = "demo-loans"
NUMBERS = {
    "car_value": (30_000.0, 9_000.0),
    "salary": (42_000.0, 12_000.0),
    "loan_months": (33.0, 16.0),
    "car_age": (5.0, 2.0),
}
"""Means and standard deviations, as the model is told them."""
CATEGORIES = {"region": ("north", "south", "east", "west"), "down_payment": ("none", "10 %", "20 %", "half")}
LABEL = "repaid"
GROUP, GROUPS = "age_group", ("under 30", "30 and over")
"""A tag: the model never sees it."""
DRIFTING = ("car_age", "region")
"""The columns that drift. Whether a loan is repaid does not depend on them, so nothing else changes then."""

_YOUNG = 0.4
_YOUNG_BY_BURDEN = (0.12, 0.68)
"""Where it is unfair: their share of the lighter half of the loans, and of the heavier. Overall it stays."""
_REGIONS, _REGIONS_LATER = (0.3, 0.3, 0.2, 0.2), (0.1, 0.7, 0.1, 0.1)
_OLDER_YEARS = 2.0
_HARD = 0.6
"""The burden from which on a loan is rather not repaid."""
_CHANCE = 0.12
_RANDOM = 0.6
"""The share of the loans whose outcome has nothing to do with the inputs, once the truth has changed."""

_Floats = NDArray[np.float64]


def loan_rows(n: int, rng: np.random.Generator, changes: AbstractSet[Change] = frozenset()) -> Rows:
    """So many requests, with what became of the loans."""
    value = rng.normal(*NUMBERS["car_value"], n).clip(8_000, 70_000).round(0)
    salary = rng.normal(*NUMBERS["salary"], n).clip(15_000, 95_000).round(0)
    months = rng.integers(6, 61, n).astype(float)
    age = rng.normal(*NUMBERS["car_age"], n)
    region = rng.choice(CATEGORIES["region"], n, p=_REGIONS_LATER if Change.DRIFT in changes else _REGIONS)
    payment = rng.integers(0, 4, n)
    burden = value / salary * (1.6 - months / 60) - 0.15 * payment
    hard = burden + rng.logistic(0, _CHANCE, n) > _HARD
    tossed, random = rng.random((2, n))
    if Change.WRONG in changes:
        hard = np.where(random < _RANDOM, tossed < 0.5, hard)
    older = _OLDER_YEARS if Change.DRIFT in changes else 0.0
    return Rows(
        inputs={
            "car_value": value.tolist(),
            "salary": salary.tolist(),
            "loan_months": months.tolist(),
            "car_age": (age + older).clip(0, 12).round(1).tolist(),
            "region": region.tolist(),
            "down_payment": [CATEGORIES["down_payment"][place] for place in payment],
        },
        labels=["0" if each else "1" for each in hard],
        tags={GROUP: _groups(burden, rng, unfair=Change.UNFAIR in changes)},
    )


def _groups(burden: _Floats, rng: np.random.Generator, *, unfair: bool) -> list[str]:
    """Which row is whose. Rows are the same either way, so nothing but the gap between groups changes."""
    heavier = burden > np.median(burden) if len(burden) else np.zeros(0, dtype=bool)
    young = np.where(heavier, *_YOUNG_BY_BURDEN[::-1]) if unfair else np.full(len(burden), _YOUNG)
    return [GROUPS[0] if each else GROUPS[1] for each in rng.random(len(burden)) < young]
