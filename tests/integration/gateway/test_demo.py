"""The demo prepares itself: a model, its reference, and traffic in which things change."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gateway.demo import prepare_demo
from gateway.demo_model import LABEL, make_rows
from gateway.settings_file import load_settings
from inference.repository import Repository
from monitors.reference import Reference


def test_the_demo_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = prepare_demo(tmp_path)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    again = prepare_demo(tmp_path)

    assert again == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == made
    settings = load_settings(first.config)
    repository = Repository(settings.engine.repository)
    reference = Reference.from_bytes(repository.reference_path("car-loan", "1").read_bytes())
    assert reference.rows == 5000
    assert reference.columns["score"].rows == 5000
    traffic = pd.read_csv(tmp_path / "traffic.csv")
    assert traffic["car_value"][3000:].mean() > 1.3 * traffic["car_value"][:3000].mean()
    assert any("curl http://127.0.0.1:8080/v1/models/car-loan:predict" in line for line in first.lines)


def test_rows_of_one_seed_are_the_same_rows() -> None:
    assert make_rows(50, seed=3).equals(make_rows(50, seed=3))
    assert set(make_rows(500, seed=3)[LABEL]) == {0, 1}
