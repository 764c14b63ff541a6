"""The SEA stream replayed to a model of its first concept: accuracy alarms, the third input never does.

The inputs' own distribution moves a little with the concept in this stream (its classes are balanced), so
flags on `X1` and `X2` are right, and nothing is asked of them here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.helpers.deployment import Deployment, deployed, wait_until
from tests.helpers.sea import (
    CONCEPT,
    LABEL,
    LENGTH,
    STARTS_AT,
    TRAINED,
    WINDOW,
    classes_of,
    make_sea,
    sea_rows,
)

pytestmark = pytest.mark.xdist_group("sea")  # one replay serves them all


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> pd.DataFrame:
    return sea_rows(shared_data / "sea_abrupt.csv.gz")


@pytest.fixture(scope="module")
def model_folder(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sea(rows, tmp_path_factory.mktemp("sea"))


@pytest.fixture(scope="module")
def replayed(
    rows: pd.DataFrame, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The model with a reference from its own concept, after the whole stream and its labels went through."""
    folder = tmp_path_factory.mktemp("sea-road")
    reference, stream = folder / "reference.parquet", folder / "stream.parquet"
    rows[TRAINED:CONCEPT].to_parquet(reference)
    rows.to_parquet(stream)
    settings: dict[str, Any] = {"monitor": {"quiet_s": 3.0, "monitors": {"accuracy": {"tolerance": 0.01}}}}
    with deployed(folder, settings) as deployment:
        deployment.cli("models", "add", str(model_folder))
        deployment.cli("reference", "set", "sea", "--from", str(reference))
        deployment.start("serve")
        deployment.start("monitor")
        deployment.cli(
            "replay", str(stream), "--model", "sea", "--label", LABEL, "--time", "at", "--batch", "20",
            "--url", deployment.url,
        )  # fmt: skip
        deployment.wait_counted()
        wait_until(lambda: judged(deployment) == len(rows), "every window to be judged", 60)
        yield deployment


def measured(deployment: Deployment, metric: str) -> list[dict[str, Any]]:
    return deployment.pages(f"/api/measurements?model=sea&metric={metric}&slice=all", "measurements")


def judged(deployment: Deployment) -> int:
    return sum(m["n"] for m in measured(deployment, "accuracy"))


def alerts_of(deployment: Deployment, monitor: str) -> list[dict[str, Any]]:
    return [a for a in deployment.get("/api/alerts?model=sea")["alerts"] if a["monitor"] == monitor]


def test_accuracy_of_every_window_is_a_count_of_right_answers(
    replayed: Deployment, rows: pd.DataFrame, model_folder: Path
) -> None:
    right = classes_of(rows, model_folder) == rows[LABEL]
    expected = [right[start : start + WINDOW].mean() for start in range(0, len(rows), WINDOW)]

    assert [m["value"] for m in measured(replayed, "accuracy")] == pytest.approx(expected, abs=1e-12)


def test_accuracy_is_breached_in_every_window_of_each_later_concept_and_never_before(
    replayed: Deployment,
) -> None:
    breached = [m["breached"] for m in measured(replayed, "accuracy")]

    windows = CONCEPT // WINDOW
    assert breached == [False] * windows + [True] * 3 * windows


def test_the_accuracy_alert_fires_with_the_second_concept_and_moves_on_to_the_last(
    replayed: Deployment,
) -> None:
    (alert,) = [a for a in alerts_of(replayed, "accuracy") if a["metric"] == "accuracy"]

    changed_at = STARTS_AT + LENGTH * CONCEPT / WINDOW
    assert (alert["status"], alert["severity"]) == ("firing", "critical")
    assert datetime.fromisoformat(alert["starts_at"]) == changed_at + LENGTH
    assert datetime.fromisoformat(alert["updated_at"]) == STARTS_AT + 8 * LENGTH


def test_the_third_input_never_alarms(replayed: Deployment) -> None:
    columns = {a["column"] for a in alerts_of(replayed, "drift") + alerts_of(replayed, "quality")}
    flags = [m["breached"] for m in measured(replayed, "drift") if m["column"] == "X3"]

    assert "X3" not in columns
    assert len(flags) == 8
    assert not any(flags)
