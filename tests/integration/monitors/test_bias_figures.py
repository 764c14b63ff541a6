"""Bias in COMPAS and Adult: Fairlearn's figures on the same rows, and those that were published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fairlearn.metrics as theirs
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, precision_score

from inference.manifest import ModelSpec
from monitors import build
from monitors.base import ModelContext
from monitors.tables import frame_of_table
from storage.records import Measurement

pytestmark = pytest.mark.xdist_group("figures")  # what they share is set up once

Said = Mapping[tuple[str, str | None], Measurement]

RATES: Mapping[str, Callable[..., float]] = {
    "selection_rate": theirs.selection_rate,
    "true_positive_rate": theirs.true_positive_rate,
    "false_positive_rate": theirs.false_positive_rate,
    "false_negative_rate": theirs.false_negative_rate,
    "precision": precision_score,
    "accuracy": accuracy_score,
}
GAPS: Mapping[str, Callable[..., float]] = {
    "demographic_parity_difference": theirs.demographic_parity_difference,
    "demographic_parity_ratio": theirs.demographic_parity_ratio,
    "equal_opportunity_difference": theirs.equal_opportunity_difference,
    "equal_opportunity_ratio": theirs.equal_opportunity_ratio,
    "equalized_odds_difference": theirs.equalized_odds_difference,
    "equalized_odds_ratio": theirs.equalized_odds_ratio,
    "predictive_parity_difference": theirs.make_derived_metric(
        metric=precision_score, transform="difference"
    ),
    "accuracy_difference": theirs.make_derived_metric(metric=accuracy_score, transform="difference"),
}


def a_model(label: str) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "any",
            "version": "1",
            "task": "classification",
            "backend": "echo",
            "label": label,
            "inputs": [{"name": "age", "type": "number"}],
            "outputs": {"classes": ["0", "1"]},
            "protected": ["race", "sex", ["race", "sex"]],
        }
    )


def said_of(rows: pd.DataFrame, label: str, **options: Any) -> Said:
    spec = a_model(label)
    bias = build("bias", options, ModelContext(manifest=spec))
    summary = bias.observe(frame_of_table(rows, spec))
    return {(each.metric, each.column): each for each in bias.assess(summary, None)}


def value(said: Said, metric: str, column: str) -> float:
    found = said[metric, column].value
    assert found is not None
    return found


@pytest.fixture(scope="module")
def compas(shared_data: Path) -> pd.DataFrame:
    rows = pd.read_csv(shared_data / "compas_two_years.csv.gz")
    return rows.assign(**{"class": (rows["decile_score"] >= 5).astype(int).astype(str)})


@pytest.fixture(scope="module")
def adult(shared_data: Path) -> pd.DataFrame:
    """The target stands for the prediction too."""
    rows = pd.read_csv(shared_data / "adult.csv.gz")
    rich = (rows["income-per-year"].str.strip() == ">50K").astype(int)
    return rows.assign(**{"class": rich.astype(str)}, rich=rich)


def test_every_gap_of_compas_is_that_of_fairlearn(compas: pd.DataFrame) -> None:
    for names in (["race"], ["sex"], ["race", "sex"]):
        large = compas.groupby(names)["id"].transform("size") >= 300  # every cell of a rate has 30 rows
        rows = compas[large]
        said = said_of(rows, "two_year_recid")

        for metric, function in GAPS.items():
            expected = function(
                rows["two_year_recid"], rows["class"].astype(int), sensitive_features=rows[names]
            )
            assert value(said, metric, " & ".join(names)) == pytest.approx(expected, abs=1e-9), (
                metric,
                names,
            )


def test_equalized_odds_as_a_mean_is_that_of_fairlearn(compas: pd.DataFrame) -> None:
    said = said_of(compas, "two_year_recid", equalized_odds="mean")
    truth, predicted, sex = compas["two_year_recid"], compas["class"].astype(int), compas["sex"]

    for metric in ("equalized_odds_difference", "equalized_odds_ratio"):
        expected = GAPS[metric](truth, predicted, sensitive_features=sex, agg="mean")
        assert value(said, metric, "sex") == pytest.approx(expected, abs=1e-9)


def test_every_rate_of_every_group_is_that_of_a_metric_frame(compas: pd.DataFrame) -> None:
    said = said_of(compas, "two_year_recid", min_rows=1, min_shown=1)
    known = 0
    for names in (["race"], ["sex"], ["race", "sex"]):
        frame = theirs.MetricFrame(
            metrics={name: _silent(rate) for name, rate in RATES.items()},
            y_true=compas["two_year_recid"],
            y_pred=compas["class"].astype(int),
            sensitive_features=compas[names],
        )
        for group, row in frame.by_group.dropna(how="all").iterrows():
            values = group if isinstance(group, tuple) else (group,)
            label = " & ".join(f"{name}={each}" for name, each in zip(names, values, strict=True))
            for metric in RATES:
                measured = said[metric, label]
                if measured.n:
                    assert measured.value == pytest.approx(row[metric], abs=1e-9), (metric, label)
                    known += 1
    assert known == 6 * (6 + 2 + 12) - 1  # no Asian woman was given a high score: no precision


def test_the_published_figures_of_compas(compas: pd.DataFrame) -> None:
    said = said_of(compas, "two_year_recid")

    for metric, of_black, of_white in [
        ("false_positive_rate", 0.4485, 0.2345),
        ("false_negative_rate", 0.2799, 0.4772),
    ]:
        assert round(value(said, metric, "race=African-American"), 4) == of_black
        assert round(value(said, metric, "race=Caucasian"), 4) == of_white
    assert round(value(said, "precision", "race=African-American"), 2) == 0.63
    assert round(value(said, "precision", "race=Caucasian"), 2) == 0.59


def test_the_gaps_between_two_groups_are_those_of_fairlearn_on_their_rows(compas: pd.DataFrame) -> None:
    said = said_of(compas, "two_year_recid")
    rows = compas[compas["race"].isin(["African-American", "Caucasian"])]

    for metric, function in GAPS.items():
        expected = function(
            rows["two_year_recid"], rows["class"].astype(int), sensitive_features=rows["race"]
        )
        pair = "race=African-American | race=Caucasian"
        assert value(said, metric, pair) == pytest.approx(expected, abs=1e-9), metric


def test_a_group_of_18_makes_no_gap(compas: pd.DataFrame) -> None:
    trap = theirs.equalized_odds_difference(
        compas["two_year_recid"], compas["class"].astype(int), sensitive_features=compas["race"]
    )
    said = said_of(compas, "two_year_recid")
    rows = compas[~compas["race"].isin(["Native American", "Asian"])]  # of 32 Asians 9 have a positive label
    without = theirs.equalized_odds_difference(
        rows["two_year_recid"], rows["class"].astype(int), sensitive_features=rows["race"]
    )

    assert round(trap, 4) == 0.5767
    assert value(said, "equalized_odds_difference", "race") == pytest.approx(without, abs=1e-9)
    assert without < 0.4
    assert said["selection_rate", "race=Native American"].value is None
    assert not [each for (_, column), each in said.items() if each.breached and "Native" in str(column)]


@pytest.mark.parametrize(
    ("grouping", "apart", "share"),
    [("sex", 0.1963, 0.3580), ("race", 0.1734, 0.3473), ("race & sex", 0.2812, 0.1637)],
)
def test_the_gaps_of_adult(adult: pd.DataFrame, grouping: str, apart: float, share: float) -> None:
    said = said_of(adult, "rich")
    names = grouping.split(" & ")

    difference = value(said, "demographic_parity_difference", grouping)
    ratio = value(said, "demographic_parity_ratio", grouping)

    assert (round(difference, 4), round(ratio, 4)) == (apart, share)
    for metric, found in (("demographic_parity_difference", difference), ("demographic_parity_ratio", ratio)):
        expected = GAPS[metric](adult["rich"], adult["rich"], sensitive_features=adult[names])
        assert found == pytest.approx(expected, abs=1e-9)


def test_a_group_is_calibrated_as_far_as_its_bins_say(compas: pd.DataFrame) -> None:
    rows = compas.assign(score=compas["decile_score"] / 10 - 0.03)
    said = said_of(rows, "two_year_recid")

    for race in ("African-American", "Caucasian"):
        group = rows[rows["race"] == race]
        bins = group.groupby("decile_score").agg(
            n=("id", "size"), truth=("two_year_recid", "mean"), score=("score", "mean")
        )  # each score lies in a bin of its own
        expected = np.average((bins["truth"] - bins["score"]).abs(), weights=bins["n"])
        assert value(said, "calibration_error", f"race={race}") == pytest.approx(expected, abs=1e-6)
        assert value(said, "mean_score", f"race={race}") == pytest.approx(group["score"].mean(), abs=1e-6)


def _silent(rate: Callable[..., float]) -> Callable[[Sequence[int], Sequence[int]], float]:
    """The rate, and 0 where it has no rows, without a warning."""
    if rate is precision_score:
        return lambda truth, predicted: float(precision_score(truth, predicted, zero_division=0))
    return rate
