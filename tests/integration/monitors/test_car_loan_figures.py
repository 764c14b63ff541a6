"""Ten blocks of car loans against their reference: the figures of scipy, scikit-learn and NannyML on the raw
rows.

The inputs change after the fifth block. Figures by NannyML 0.13 are those that its documentation prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import accuracy_score, roc_auc_score

from inference.manifest import ModelSpec
from monitors import build, kinds
from monitors.base import ModelContext
from monitors.bins import binned, quantile_edges
from monitors.reference import Reference, reference_of
from monitors.statistics import js_distance, psi
from monitors.tables import frame_of_table
from storage.records import Measurement

pytestmark = pytest.mark.xdist_group("figures")  # what they share is set up once

BLOCK = 5_000
NUMBERS = ("car_value", "debt_to_income_ratio", "loan_length", "driver_tenure")
MOVED = {"car_value", "loan_length", "salary_range", "repaid_loan_on_prev_car", "score"}

Blocks = list[Mapping[tuple[str, str | None], Measurement]]


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    reference, analysis = (
        pd.read_parquet(shared_data / f"car_loan_{part}.parquet") for part in ("reference", "analysis")
    )
    names = {"y_pred": "class", "y_pred_proba": "score"}
    return reference.rename(columns=names), analysis.rename(columns=names)


@pytest.fixture(scope="module")
def car_loan(rows: tuple[pd.DataFrame, pd.DataFrame]) -> ModelSpec:
    def category(name: str) -> dict[str, object]:
        return {"name": name, "type": "category", "categories": sorted(rows[0][name].unique().tolist())}

    return ModelSpec.model_validate(
        {
            "name": "car-loan",
            "version": "1",
            "task": "classification",
            "backend": "echo",
            "label": "repaid",
            "inputs": [
                *({"name": name, "type": "number"} for name in NUMBERS),
                category("salary_range"),
                category("size_of_downpayment"),
                {"name": "repaid_loan_on_prev_car", "type": "boolean"},
            ],
            "outputs": {"classes": ["0", "1"]},
        }
    )


@pytest.fixture(scope="module")
def reference(rows: tuple[pd.DataFrame, pd.DataFrame], car_loan: ModelSpec) -> Reference:
    return reference_of(frame_of_table(rows[0], car_loan), car_loan, "car_loan_reference.parquet", kinds())


@pytest.fixture(scope="module")
def blocks(rows: tuple[pd.DataFrame, pd.DataFrame], car_loan: ModelSpec, reference: Reference) -> Blocks:
    context = ModelContext(manifest=car_loan, reference=reference)
    monitors = {kind: build(kind, {}, context) for kind in ("drift", "quality", "accuracy")}
    found: Blocks = []
    for part in parts(rows[1]):
        frame = frame_of_table(part, car_loan)
        measured = [
            one
            for kind, monitor in monitors.items()
            for one in monitor.assess(monitor.observe(frame), reference.summaries[kind])
        ]
        found.append({(one.metric, one.column): one for one in measured})
    return found


def parts(table: pd.DataFrame) -> list[pd.DataFrame]:
    return [table[first : first + BLOCK] for first in range(0, len(table), BLOCK)]


def values(blocks: Blocks, metric: str, column: str | None = None) -> list[float]:
    return [float(block[metric, column].value or 0.0) for block in blocks]


def test_drift_is_called_on_the_columns_that_moved_and_from_the_block_in_which_they_did(
    blocks: Blocks,
) -> None:
    called = [
        {column for (metric, column), one in block.items() if metric == "drift" and one.breached}
        for block in blocks
    ]

    assert called == [set()] * 5 + [MOVED] * 5


def test_nothing_is_wrong_with_the_quality_of_the_rows(blocks: Blocks) -> None:
    assert not any(
        one.breached for block in blocks for (metric, _), one in block.items() if metric.endswith("_share")
    )


@pytest.mark.parametrize("column", NUMBERS)
def test_distances_of_numbers_are_close_to_those_of_scipy(
    rows: tuple[pd.DataFrame, pd.DataFrame], blocks: Blocks, column: str
) -> None:
    before = rows[0][column].to_numpy()
    for block, part in zip(blocks, parts(rows[1]), strict=True):
        now = part[column].to_numpy()

        assert block["ks", column].value == pytest.approx(stats.ks_2samp(before, now).statistic, abs=0.009)
        exact = stats.wasserstein_distance(before, now) / before.std()
        assert block["wasserstein", column].value == pytest.approx(exact, abs=0.01)


def test_debt_to_income_ratio_is_as_far_as_published(blocks: Blocks) -> None:
    # scipy on the raw rows, which the bins fall short of by at most .009
    published = [0.01576, 0.01272, 0.01746, 0.01282, 0.01922, 0.00824, 0.01068, 0.01002, 0.01070, 0.00700]

    assert values(blocks, "ks", "debt_to_income_ratio") == pytest.approx(published, abs=0.009)


def test_chi_squared_of_salary_range_is_as_published(blocks: Blocks) -> None:
    found = values(blocks, "chi2", "salary_range")

    assert found[:5] == pytest.approx([1.03, 5.76, 2.65, 0.07, 1.01], abs=0.006)
    assert all(429 <= round(value) <= 475 for value in found[5:])


def test_chi_squared_of_the_other_categories_is_as_published(blocks: Blocks) -> None:
    repaid = values(blocks, "chi2", "repaid_loan_on_prev_car")

    assert max(repaid[:5]) == pytest.approx(3.2, abs=0.05)
    assert (round(min(repaid[5:])), int(max(repaid[5:]))) == (1024, 1228)
    assert repaid[5] == pytest.approx(1180.93, abs=0.005)  # with Yates' correction it would be 1179.90
    assert max(values(blocks, "chi2", "size_of_downpayment")) == pytest.approx(6.9, abs=0.05)


@pytest.mark.parametrize(
    ("column", "steady", "published"),
    [
        ("car_value", 0.0014, [1.836, 1.777, 1.705, 1.746, 1.883]),
        ("loan_length", 0.0006, [0.312, 0.300, 0.306, 0.297, 0.337]),
    ],
)
def test_the_stability_index_in_ten_bins_is_as_published(
    rows: tuple[pd.DataFrame, pd.DataFrame], column: str, steady: float, published: list[float]
) -> None:
    edges = quantile_edges(rows[0][column].to_numpy(), 10)
    before, *now = (
        binned(table[column].to_numpy(), edges, 0.0, 1.0).counts for table in (rows[0], *parts(rows[1]))
    )

    found = [float(psi(before, counts)) for counts in now]

    assert max(map(abs, found[:5])) <= steady + 5e-5
    assert found[5:] == pytest.approx(published, abs=6e-4)


def test_the_jensen_shannon_distance_in_doane_s_bins_is_as_nannyml_prints_it(
    rows: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    column = "debt_to_income_ratio"
    edges = np.histogram_bin_edges(rows[0][column], bins="doane")
    before, *now = (np.histogram(table[column], bins=edges)[0] for table in (rows[0], *parts(rows[1])))
    outside = [BLOCK - int(counts.sum()) for counts in now]

    found = [
        float(js_distance(np.append(before, 0), np.append(counts, more)))
        for counts, more in zip(now, outside, strict=True)
    ]

    published = [
        *(0.031661, 0.030011, 0.031129, 0.029464, 0.030809),
        *(0.028681, 0.043628, 0.029253, 0.030628, 0.028330),
    ]
    assert found == pytest.approx(published, abs=1e-6)


def test_the_jensen_shannon_distance_of_categories_is_that_of_scipy(
    rows: tuple[pd.DataFrame, pd.DataFrame], blocks: Blocks
) -> None:
    before = rows[0]["salary_range"].value_counts()
    for block, part in zip(blocks, parts(rows[1]), strict=True):
        now = part["salary_range"].value_counts().reindex(before.index)

        assert block["js", "salary_range"].value == pytest.approx(
            jensenshannon(before, now, base=2), abs=1e-9
        )


def test_the_area_under_the_curve_is_as_nannyml_realised_it(
    rows: tuple[pd.DataFrame, pd.DataFrame], blocks: Blocks
) -> None:
    published = [
        *(0.970962, 0.970248, 0.976282, 0.967721, 0.969886),
        *(0.960050, 0.958530, 0.959041, 0.963094, 0.957556),
    ]

    found = values(blocks, "roc_auc")

    assert found == pytest.approx(published, abs=5e-4)
    exact = [roc_auc_score(part["repaid"], part["score"]) for part in parts(rows[1])]
    assert found == pytest.approx(exact, abs=5e-4)


def test_accuracy_is_exactly_that_of_the_rows_and_falls_when_the_inputs_move(
    rows: tuple[pd.DataFrame, pd.DataFrame], blocks: Blocks
) -> None:
    assert values(blocks, "accuracy") == [
        accuracy_score(part["repaid"], part["class"]) for part in parts(rows[1])
    ]
    assert not any(block["accuracy", None].breached for block in blocks[:5])
    assert sum(block["accuracy", None].breached for block in blocks[5:]) >= 3
