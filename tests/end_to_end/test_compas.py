"""COMPAS, served and replayed with its labels: the figures that ProPublica published, and an alert.

Race and sex are tags: the model sees a decile score and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fairlearn.metrics as theirs
import pandas as pd
import pytest

from tests.helpers.compas import LABEL, PUBLISHED, compas_rows, make_compas
from tests.helpers.deployment import Deployment, deployed, wait_until

pytestmark = pytest.mark.xdist_group("compas")  # one replay serves them all

EVERYBODY, TWO_GROUPS = "compas", "compas-two-groups"


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> pd.DataFrame:
    return compas_rows(shared_data / "compas_two_years.csv.gz")


@pytest.fixture(scope="module")
def replayed(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Everybody's rows to one model, and those of the two groups that were compared to another."""
    folder = tmp_path_factory.mktemp("compas-road")
    parts = {EVERYBODY: rows, TWO_GROUPS: rows[rows["race"].isin(PUBLISHED)]}
    with deployed(folder, {"monitor": {"quiet_s": 3.0}}) as deployment:
        for name, part in parts.items():
            part.to_parquet(folder / f"{name}.parquet")
            deployment.cli("models", "add", str(make_compas(folder / name, name)))
        deployment.start("serve")
        deployment.start("monitor")
        for name in parts:
            deployment.cli(
                "replay", str(folder / f"{name}.parquet"), "--model", name, "--label", LABEL,
                "--time", "at", "--tag", "race", "--tag", "sex", "--batch", "20", "--url", deployment.url,
            )  # fmt: skip
        deployment.wait_counted()
        wait_until(
            lambda: all(labelled(deployment, name) == len(part) for name, part in parts.items()),
            "every label to be judged",
            60,
        )
        yield deployment


def said(deployment: Deployment, model: str, metric: str) -> dict[str, dict[str, Any]]:
    """A metric of every group and grouping."""
    path = f"/api/measurements?model={model}&monitor=bias&metric={metric}&limit=1000"
    return {each["column"]: each for each in deployment.pages(path, "measurements")}


def labelled(deployment: Deployment, model: str) -> int:
    by_sex = said(deployment, model, "accuracy_difference").get("sex")
    return 0 if by_sex is None else int(by_sex["n"])


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
    replayed: Deployment, model: str, metric: str, scale: int, digits: int, of_black: float, of_white: float
) -> None:
    found = said(replayed, model, metric)

    values = [round(scale * found[f"race={race}"]["value"], digits) for race in PUBLISHED]
    assert values == [of_black, of_white]


@pytest.mark.parametrize(
    ("model", "column"),
    [(TWO_GROUPS, "race"), (EVERYBODY, "race=African-American | race=Caucasian")],
)
def test_selection_rates_of_the_two_groups_are_a_quarter_apart(
    replayed: Deployment, model: str, column: str
) -> None:
    difference = said(replayed, model, "demographic_parity_difference")[column]
    ratio = said(replayed, model, "demographic_parity_ratio")[column]

    assert round(difference["value"], 3) == 0.240
    assert round(ratio["value"], 3) == 0.592


def test_every_gap_between_the_two_groups_is_that_of_fairlearn(
    replayed: Deployment, rows: pd.DataFrame
) -> None:
    two = rows[rows["race"].isin(PUBLISHED)]
    for metric in (
        "demographic_parity_difference", "demographic_parity_ratio", "equal_opportunity_difference",
        "equal_opportunity_ratio", "equalized_odds_difference", "equalized_odds_ratio",
    ):  # fmt: skip
        for names in (["race"], ["sex"], ["race", "sex"]):
            expected = getattr(theirs, metric)(
                two[LABEL], two["decile_score"] >= 5, sensitive_features=two[names]
            )
            found = said(replayed, TWO_GROUPS, metric)[" & ".join(names)]
            assert found["value"] == pytest.approx(expected, abs=1e-9), (metric, names)


def test_a_group_of_18_is_unknown_and_alarms_nobody(replayed: Deployment) -> None:
    native = said(replayed, EVERYBODY, "selection_rate")["race=Native American"]
    odds = said(replayed, EVERYBODY, "equalized_odds_difference")["race"]
    alerted = {alert["column"] for alert in replayed.get(f"/api/alerts?model={EVERYBODY}")["alerts"]}

    assert (native["value"], native["interval"], native["n"]) == (None, None, 18)
    assert odds["value"] < 0.4  # .5767 with that group
    assert not [column for column in alerted if "Native" in (column or "")]


@pytest.mark.parametrize("model", [EVERYBODY, TWO_GROUPS])
def test_the_gap_by_race_raises_an_alert(replayed: Deployment, model: str) -> None:
    alerts = replayed.get(f"/api/alerts?model={model}")["alerts"]

    (parity,) = [
        alert
        for alert in alerts
        if (alert["metric"], alert["column"]) == ("demographic_parity_difference", "race")
    ]
    assert (parity["monitor"], parity["rule"], parity["status"]) == ("bias", "bias", "firing")
    assert parity["severity"] == "warning"
