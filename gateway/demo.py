"""`inferwatch demo`: a model made on the spot, its reference, and traffic in which things change."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which

import pandas as pd

from gateway.build import set_reference_of
from gateway.demo_model import make_model, make_rows
from gateway.settings_file import load_settings
from inference.repository import Repository

_REFERENCE_ROWS = 5_000
_TRAFFIC_ROWS = 6_000
_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What to run, and what to tell."""

    config: Path
    lines: tuple[str, ...]


def prepare_demo(folder: Path) -> Prepared:
    """Make what is not there yet. Run again, it goes on with what it has."""
    folder.mkdir(parents=True, exist_ok=True)
    config, traffic = folder / "inferwatch.yaml", folder / "traffic.csv"
    if not config.exists():
        config.write_text(_SETTINGS, encoding="utf-8")
    settings = load_settings(config)
    repository = Repository(settings.engine.repository)
    settings.engine.repository.mkdir(parents=True, exist_ok=True)
    if not repository.versions("car-loan"):
        rows = make_rows(_REFERENCE_ROWS, seed=1)
        make_model(folder / "model", rows)
        repository.add(folder / "model", settings.engine.code, at=datetime.now(UTC))
        rows.to_csv(folder / "reference.csv", index=False)
        set_reference_of(settings, "car-loan", None, folder / "reference.csv")
        _traffic(datetime.now(UTC)).to_csv(traffic, index=False)
    return Prepared(config=config, lines=_words(settings.gateway.port, config, traffic))


def _traffic(now: datetime) -> pd.DataFrame:
    """An hour and a half as before, then cars grow dearer and come from the south."""
    half = _TRAFFIC_ROWS // 2
    rows = pd.concat([make_rows(half, seed=2), make_rows(half, seed=3, drift=1.0)], ignore_index=True)
    start = now.replace(microsecond=0) - _TRAFFIC_ROWS * _EVERY
    return rows.assign(at=[(start + place * _EVERY).isoformat() for place in range(_TRAFFIC_ROWS)])


def _words(port: int, config: Path, traffic: Path) -> tuple[str, ...]:
    row = (
        '{"car_value": 31000, "salary": 42000, "loan_months": 36, "region": "north", "down_payment": "20 %"}'
    )
    return (
        "Ask the model, in another terminal:",
        f"  curl http://127.0.0.1:{port}/v1/models/car-loan:predict -d '{{\"instances\": [{row}]}}'",
        "Send an hour and a half of traffic in which the second half drifts, with its labels:",
        f"  {_command()} replay {traffic} --model car-loan --label repaid --time at --config {config}",
        "Then look at the dashboard; Ctrl-C here ends it all.",
    )


def _command() -> str:
    """How to call the command line: by its name, or where it lies when the shell does not find it."""
    if which("inferwatch"):
        return "inferwatch"
    return os.path.relpath(Path(sys.executable).with_name("inferwatch"))


_SETTINGS = """\
# The demo's settings: all defaults. `inferwatch init` shows what there is.
"""
