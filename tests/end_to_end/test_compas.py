"""COMPAS, served and replayed with its labels: the figures that ProPublica published, and an alert.

Race and sex are tags: the model sees a decile score and nothing else.
"""

from __future__ import annotations

from typing import Any

import fairlearn.metrics as theirs
import pandas as pd
import pytest

from tests.end_to_end.conftest import EVERYBODY, TWO_GROUPS, Road
from tests.helpers.compas import LABEL, PUBLISHED

pytestmark = pytest.mark.xdist_group("road")  # one road serves them all


def said(road: Road, model: str, metric: str) -> dict[str, dict[str, Any]]:
    """A metric of every group and grouping."""
    return {each["column"]: each for each in road.measurements(model=model, monitor="bias", metric=metric)}


@pytest.mark.parametrize("model", [EVERYBODY, TWO_GROUPS])
@pytest.mark.parametrize(
    ("metric", "scale", "digits", "of_black", "of_white"),
    [
        ("false_positive_rate", 100, 2, 44.85, 23.45),
        ("false_negative_rate", 100, 2, 27.99, 47.72),
        ("precision", 1, 2, 0.63, 0.59),
    ],
)
def test_rates_are_the_published_ones_to_their_printed_digits(  # noqa: PLR0917  a row of the table
    road: Road, model: str, metric: str, scale: int, digits: int, of_black: float, of_white: float
) -> None:
    found = said(road, model, metric)

    values = [round(scale * found[f"race={race}"]["value"], digits) for race in PUBLISHED]
    assert values == [of_black, of_white]


@pytest.mark.parametrize(
    ("model", "column"),
    [(TWO_GROUPS, "race"), (EVERYBODY, "race=African-American | race=Caucasian")],
)
def test_selection_rates_of_the_two_groups_are_a_quarter_apart(road: Road, model: str, column: str) -> None:
    difference = said(road, model, "demographic_parity_difference")[column]
    ratio = said(road, model, "demographic_parity_ratio")[column]

    assert round(difference["value"], 3) == 0.240
    assert round(ratio["value"], 3) == 0.592


def test_every_gap_between_the_two_groups_is_that_of_fairlearn(
    road: Road, judged_people: dict[str, pd.DataFrame]
) -> None:
    two = judged_people[TWO_GROUPS]
    for metric in (
        "demographic_parity_difference", "demographic_parity_ratio", "equal_opportunity_difference",
        "equal_opportunity_ratio", "equalized_odds_difference", "equalized_odds_ratio",
    ):  # fmt: skip
        for names in (["race"], ["sex"], ["race", "sex"]):
            expected = getattr(theirs, metric)(
                two[LABEL], two["decile_score"] >= 5, sensitive_features=two[names]
            )
            found = said(road, TWO_GROUPS, metric)[" & ".join(names)]
            assert found["value"] == pytest.approx(expected, abs=1e-9), (metric, names)


def test_a_group_of_18_is_unknown_and_alarms_nobody(road: Road) -> None:
    native = said(road, EVERYBODY, "selection_rate")["race=Native American"]
    odds = said(road, EVERYBODY, "equalized_odds_difference")["race"]
    alerted = {alert["column"] for alert in road.get(f"/api/alerts?model={EVERYBODY}")["alerts"]}

    assert (native["value"], native["interval"], native["n"]) == (None, None, 18)
    assert odds["value"] < 0.4  # .5767 with that group
    assert not [column for column in alerted if "Native" in (column or "")]


@pytest.mark.parametrize("model", [EVERYBODY, TWO_GROUPS])
def test_the_gap_by_race_raises_an_alert(road: Road, model: str) -> None:
    alerts = road.get(f"/api/alerts?model={model}")["alerts"]

    (parity,) = [
        alert
        for alert in alerts
        if (alert["metric"], alert["column"]) == ("demographic_parity_difference", "race")
    ]
    assert (parity["monitor"], parity["rule"], parity["status"]) == ("bias", "bias", "firing")
    assert parity["severity"] == "warning"
