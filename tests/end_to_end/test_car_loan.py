"""The road on real data: fifty thousand loan requests replayed, and what was measured, alerted and mailed
about them.

The expected numbers are computed here from the raw rows, by scipy and scikit-learn, and never taken from
what ran.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from monitors.reference import Reference
from tests.end_to_end.conftest import TOGETHER, Road
from tests.helpers.car_loan import BOOLEAN, CATEGORIES, DRIFTING, LABEL, NUMBERS, STEADY

pytestmark = pytest.mark.xdist_group("road")  # one replay serves them all

Rows = pd.DataFrame
DRIFT_BEGINS = 25_000
OUTPUTS = ("class", "score")


def rows_in(analysis: Rows, start: str, end: str) -> Rows:
    at = analysis["at"]
    return analysis[(at >= datetime.fromisoformat(start)) & (at < datetime.fromisoformat(end))]


def measured(road: Road, metric: str) -> list[dict[str, Any]]:
    found = road.measurements(model="car-loan", metric=metric)
    assert found, f"nothing was measured as {metric}"
    return found


def test_every_row_was_answered_stored_and_counted(road: Road, judged_people: dict[str, Rows]) -> None:
    requests = 50_000 + sum(ceil(len(rows) / TOGETHER) for rows in judged_people.values())

    accounting = road.get("/api/accounting")

    assert accounting["answered"] == accounting["stored"] == accounting["counted"] == requests
    assert accounting["quarantined"] == accounting["dropped"] == accounting["waiting"] == 0


def test_windows_cover_every_row_of_the_replay_once(road: Road, analysis: Rows) -> None:
    windows = {(m["start"], m["end"]): m["n"] for m in measured(road, "ks") if m["column"] == "car_value"}

    assert windows == {(start, end): len(rows_in(analysis, start, end)) for start, end in windows}
    assert sum(windows.values()) == 50_000


def test_ks_is_within_a_hundredth_of_scipy(road: Road, reference: Rows, analysis: Rows) -> None:
    for m in measured(road, "ks"):
        if m["column"] in NUMBERS:
            expected = ks_2samp(
                reference[m["column"]], rows_in(analysis, m["start"], m["end"])[m["column"]]
            ).statistic
            assert m["value"] == pytest.approx(expected, abs=0.01), (m["column"], m["start"])


def test_wasserstein_is_within_three_hundredths_of_scipy(road: Road, reference: Rows, analysis: Rows) -> None:
    for m in measured(road, "wasserstein"):
        if m["column"] in NUMBERS:
            then = reference[m["column"]]
            now = rows_in(analysis, m["start"], m["end"])[m["column"]]
            expected = wasserstein_distance(then, now) / then.std(ddof=0)
            assert m["value"] == pytest.approx(expected, abs=0.03), (m["column"], m["start"])


def test_psi_and_js_equal_a_direct_computation_on_the_same_bins(
    road: Road, reference: Rows, analysis: Rows, loaded_reference: Reference
) -> None:
    for metric, direct in (("psi", psi), ("js", js)):
        for m in measured(road, metric):
            if m["column"] in OUTPUTS:
                continue
            cells = cells_of(m["column"], loaded_reference)
            then, now = cells(reference), cells(rows_in(analysis, m["start"], m["end"]))
            assert m["value"] == pytest.approx(direct(then, now), abs=1e-9), (metric, m["column"], m["start"])


def test_chi2_is_that_of_scipy(
    road: Road, reference: Rows, analysis: Rows, loaded_reference: Reference
) -> None:
    for m in measured(road, "chi2"):
        if m["column"] in OUTPUTS:
            continue
        cells = cells_of(m["column"], loaded_reference)
        table = np.stack([cells(reference), cells(rows_in(analysis, m["start"], m["end"]))])
        expected = chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False).statistic
        assert m["value"] == pytest.approx(expected, rel=1e-9), (m["column"], m["start"])


def test_exactly_the_columns_that_drift_raise_an_alert_and_only_after_they_drift(
    road: Road, analysis: Rows
) -> None:
    drifts_at = analysis["at"].iloc[DRIFT_BEGINS]

    alerts = [a for a in road.get("/api/alerts?model=car-loan")["alerts"] if a["monitor"] == "drift"]

    alerted = {a["column"] for a in alerts}
    assert alerted - set(OUTPUTS) == set(DRIFTING)
    assert not alerted & set(STEADY)
    assert all(datetime.fromisoformat(a["starts_at"]) > drifts_at for a in alerts)


def test_steady_columns_are_never_breached(road: Road) -> None:
    breached = {m["column"] for m in measured(road, "drift") if m["breached"]}

    assert not breached & set(STEADY)


def test_accuracy_of_every_window_is_that_of_scikit_learn(road: Road, scored: Rows) -> None:
    metrics: dict[str, Callable[[Rows], float]] = {
        "accuracy": lambda rows: accuracy_score(rows[LABEL], rows["class"]),
        "precision": lambda rows: precision_score(rows[LABEL], rows["class"]),
        "recall": lambda rows: recall_score(rows[LABEL], rows["class"]),
        "f1": lambda rows: f1_score(rows[LABEL], rows["class"]),
    }
    for metric, expected in metrics.items():
        for m in measured(road, metric):
            rows = rows_in(scored, m["start"], m["end"])
            assert m["n"] == len(rows) or metric != "accuracy"
            assert m["value"] == pytest.approx(expected(rows), abs=1e-12), (metric, m["start"])


def test_score_metrics_of_every_window_are_near_those_of_scikit_learn(road: Road, scored: Rows) -> None:
    metrics: dict[str, tuple[Callable[[Rows], float], float]] = {
        "roc_auc": (lambda rows: roc_auc_score(rows[LABEL], rows["score"]), 0.005),
        "brier": (lambda rows: brier_score_loss(rows[LABEL], rows["score"]), 0.005),
        "log_loss": (lambda rows: log_loss(rows[LABEL], rows["score"].astype(float)), 0.005),
    }
    for metric, (expected, tolerance) in metrics.items():
        for m in measured(road, metric):
            rows = rows_in(scored, m["start"], m["end"])
            assert m["value"] == pytest.approx(expected(rows), abs=tolerance), (metric, m["start"])


def test_every_label_arrived(road: Road) -> None:
    assert all(m["value"] == 1.0 for m in measured(road, "label_coverage"))


def test_one_mail_tells_of_the_drift_and_names_its_columns_and_no_other(road: Road) -> None:
    (mail,) = [mail for mail in road.mails() if "drift in" in mail["Subject"]]

    body = mail.get_body(("plain",))
    text = body.get_content() if body else ""
    assert mail["Subject"].startswith("[FIRING:")
    assert "car-loan 1: " in mail["Subject"]
    assert {column for column in (*DRIFTING, *STEADY) if column in text} == set(DRIFTING)


def cells_of(column: str, reference: Reference) -> Callable[[Rows], np.ndarray]:
    """A function from rows to counts in the reference's bins, or in the categories of the column."""
    if column in CATEGORIES:
        return lambda rows: rows[column].value_counts().reindex(CATEGORIES[column], fill_value=0).to_numpy()
    if column == BOOLEAN:
        return lambda rows: rows[column].value_counts().reindex([False, True], fill_value=0).to_numpy()
    edges = np.asarray(reference.columns[column].edges)
    return lambda rows: np.bincount(
        np.searchsorted(edges, rows[column].to_numpy(dtype=float), side="left"), minlength=len(edges) + 1
    )


def psi(a: np.ndarray, b: np.ndarray) -> float:
    """Bias-corrected, as docs of the drift monitor state it: half a count is added to every cell."""
    cells, m, n = len(a), a.sum(), b.sum()
    p, q = (a + 0.5) / (m + 0.5 * cells), (b + 0.5) / (n + 0.5 * cells)
    return float(((q - p) * np.log(q / p)).sum() - (cells - 1) * (1 / n + 1 / m))


def js(a: np.ndarray, b: np.ndarray) -> float:
    """The distance with base 2, no smoothing."""
    return float(jensenshannon(a / a.sum(), b / b.sum(), base=2))
