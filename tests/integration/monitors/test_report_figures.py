"""Our figures of a window beside those in Evidently's report of the same rows, where both compute the same.

Not in the table, as they are not the same thing: Evidently's PSI and Jensen-Shannon of numbers use bins of
both samples together, and its chi-squared takes the reference's shares as exact (see `test_evidently.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from inference.manifest import ModelSpec
from monitors import build, kinds
from monitors.base import ModelContext
from monitors.frames import Frame
from monitors.reference import reference_of
from monitors.reporting.evidently import compare
from monitors.reporting.rows import rows_of
from monitors.tables import frame_of_table
from storage.records import ReportKind

pytestmark = [
    pytest.mark.xdist_group("evidently"),  # it takes seconds to import
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
]

BASE_E = math.sqrt(math.log(2))
"""Our Jensen-Shannon distance is in base 2, theirs in base e."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A figure that both have, and how far they may lie apart."""

    kind: ReportKind
    ours: str  # monitor and metric
    theirs: str  # the type of Evidently's metric
    column: str | None
    tolerance: float
    factor: float = 1.0  # ours times this is theirs


DRIFT, SUMMARY = ReportKind.DATA_DRIFT, ReportKind.DATA_SUMMARY
CLASSES, NUMBERS = ReportKind.CLASSIFICATION, ReportKind.REGRESSION
# Wasserstein: ours comes from 32 bins (the score's from 128), theirs from the rows.
TABLE = (
    Agreement(DRIFT, "drift js", "ValueDrift", "salary_range", 1e-9, BASE_E),
    Agreement(DRIFT, "drift js", "ValueDrift", "repaid_loan_on_prev_car", 1e-9, BASE_E),
    Agreement(DRIFT, "drift js", "ValueDrift", "size_of_downpayment", 1e-9, BASE_E),
    Agreement(DRIFT, "drift js", "ValueDrift", "class", 1e-9, BASE_E),
    Agreement(DRIFT, "drift wasserstein", "ValueDrift", "car_value", 0.03),
    Agreement(DRIFT, "drift wasserstein", "ValueDrift", "debt_to_income_ratio", 0.01),
    Agreement(DRIFT, "drift wasserstein", "ValueDrift", "loan_length", 0.01),
    Agreement(DRIFT, "drift wasserstein", "ValueDrift", "driver_tenure", 0.01),
    Agreement(DRIFT, "drift wasserstein", "ValueDrift", "score", 0.004),
    Agreement(SUMMARY, "quality missing_share", "MissingValueCount", "car_value", 1e-12),
    Agreement(SUMMARY, "quality missing_share", "MissingValueCount", "salary_range", 1e-12),
    Agreement(SUMMARY, "quality missing_share", "MissingValueCount", "loan_length", 1e-12),
    Agreement(CLASSES, "accuracy accuracy", "Accuracy", None, 1e-12),
    Agreement(CLASSES, "accuracy precision", "Precision", None, 1e-12),
    Agreement(CLASSES, "accuracy recall", "Recall", None, 1e-12),
    Agreement(CLASSES, "accuracy f1", "F1Score", None, 1e-12),
    Agreement(CLASSES, "accuracy roc_auc", "RocAuc", None, 0.001),
    Agreement(CLASSES, "accuracy log_loss", "LogLoss", None, 1e-4),
    Agreement(NUMBERS, "accuracy mae", "MAE", None, 1e-4),
    Agreement(NUMBERS, "accuracy rmse", "RMSE", None, 1e-4),
)

Figures = Mapping[tuple[ReportKind, str, str | None], float]


@dataclass(frozen=True, slots=True)
class Both:
    """Figures of the same rows, by kind of report, name and column."""

    ours: Figures
    theirs: Figures


@pytest.fixture(scope="module")
def both(shared_data: Path) -> Both:
    """3,000 loans after their inputs changed, some cells missing, beside 5,000 of before."""
    names = {"y_pred": "class", "y_pred_proba": "score"}
    reference = pd.read_parquet(shared_data / "car_loan_reference.parquet").rename(columns=names)[:5_000]
    current = pd.read_parquet(shared_data / "car_loan_analysis.parquet").rename(columns=names)[37_000:40_000]
    current.loc[current.index[:400], "car_value"] = np.nan
    current.loc[current.index[200:350], "salary_range"] = None
    ours: dict[tuple[ReportKind, str, str | None], float] = {}
    theirs: dict[tuple[ReportKind, str, str | None], float] = {}
    for kind in ReportKind:
        manifest = of_lengths(reference) if kind is NUMBERS else of_loans(reference)
        tables = [
            table.drop(columns="class").assign(prediction=table["loan_length"]) if kind is NUMBERS else table
            for table in (reference, current)
        ]
        frames = [frame_of_table(table, manifest) for table in tables]
        ours |= {(kind, *key): value for key, value in measured(frames[0], frames[1], manifest).items()}
        theirs |= {(kind, *key): value for key, value in reported(kind, frames, manifest).items()}
    return Both(ours, theirs)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.ours}-{row.column or row.kind.value}")
def test_what_both_compute_agrees(both: Both, row: Agreement) -> None:
    ours = both.ours[row.kind, row.ours, row.column] * row.factor

    assert ours == pytest.approx(both.theirs[row.kind, row.theirs, row.column], abs=row.tolerance, rel=0)


def measured(then: Frame, now: Frame, manifest: ModelSpec) -> dict[tuple[str, str | None], float]:
    """What our monitors say of a window."""
    reference = reference_of(then, manifest, "the table", kinds())
    context = ModelContext(manifest=manifest, reference=reference)
    found: dict[tuple[str, str | None], float] = {}
    for name in ("drift", "quality", "accuracy"):
        monitor = build(name, {}, context)
        for each in monitor.assess(monitor.observe(now), reference.summaries.get(name)):
            if each.value is not None:
                found[f"{name} {each.metric}", each.column] = each.value
    return found


def reported(
    kind: ReportKind, frames: list[Frame], manifest: ModelSpec
) -> dict[tuple[str, str | None], float]:
    """What the report says."""
    then, now = (rows_of(frame, manifest) for frame in frames)
    found: dict[tuple[str, str | None], float] = {}
    for each in compare(kind, now, then, manifest).snapshot.dict()["metrics"]:
        config: dict[str, Any] = each["config"]
        value = each["value"]
        if isinstance(value, dict):
            value = value.get("share", value.get("mean"))
        if value is not None:
            found.setdefault((config["type"].rpartition(":")[2], config.get("column")), float(value))
    return found


def of_loans(reference: pd.DataFrame) -> ModelSpec:
    return spec(reference, task="classification", label="repaid", outputs={"classes": ["0", "1"]})


def of_lengths(reference: pd.DataFrame) -> ModelSpec:
    """As if the length of a loan had been foretold, and came out as the driver's years."""
    return spec(reference, task="regression", label="driver_tenure", outputs={"name": "prediction"})


def spec(reference: pd.DataFrame, **more: object) -> ModelSpec:
    inputs: list[dict[str, object]] = [
        {"name": name, "type": "number"}
        for name in ("car_value", "debt_to_income_ratio", "loan_length", "driver_tenure")
    ]
    for name in ("salary_range", "size_of_downpayment"):
        known = sorted(reference[name].unique().tolist())
        inputs.append({"name": name, "type": "category", "categories": known})
    inputs.append({"name": "repaid_loan_on_prev_car", "type": "boolean"})
    return ModelSpec.model_validate(
        {"name": "car-loan", "version": "1", "backend": "echo", "inputs": inputs, **more}
    )
