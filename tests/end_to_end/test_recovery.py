"""Loans that drift and calm down again: one mail when it begins and one at its end, not one a column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.helpers.car_loan import DRIFTING
from tests.helpers.deployment import deployed, wait_until
from tests.helpers.mail import Mailbox, mail_server

pytestmark = pytest.mark.xdist_group("road")  # of the same model

WINDOW = "10d"  # 1,652 rows
DRIFTING_ROWS = 3_500
CALM_ROWS = 6_000  # two whole windows end the alert


@pytest.fixture(scope="module")
def stream(reference: pd.DataFrame, analysis: pd.DataFrame) -> pd.DataFrame:
    """The last rows that drift, then rows like the reference's, in one run of time."""
    drifting = analysis[-DRIFTING_ROWS:]
    step = drifting["at"].iloc[1] - drifting["at"].iloc[0]
    calm = reference[:CALM_ROWS].assign(
        at=[drifting["at"].iloc[-1] + n * step for n in range(1, CALM_ROWS + 1)]
    )
    return pd.concat([drifting, calm])[calm.columns].drop(columns="timestamp")


@pytest.fixture(scope="module")
def mailbox(
    stream: pd.DataFrame, model_folder: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mailbox]:
    """What came by mail of the whole stream."""
    folder = tmp_path_factory.mktemp("recovery")
    model, rows = folder / "model", folder / "stream.parquet"
    model.mkdir()
    (model / "model.safetensors").write_bytes((model_folder / "model.safetensors").read_bytes())
    spec = yaml.safe_load((model_folder / "model.yaml").read_text())
    (model / "model.yaml").write_text(yaml.safe_dump({**spec, "window": {"pane": "1d", "length": WINDOW}}))
    stream.to_parquet(rows)
    with mail_server() as mailbox:
        mail = {"host": "localhost", "port": mailbox.port, "security": "none", "to": ["oncall@example.org"]}
        settings = {
            "alerts": {
                "email": {**mail, "sender": "inferwatch@example.org"},
                "group_wait": "1s",
                "group_interval": "1s",
            },
            "monitor": {"quiet_s": 3.0, "off": ["accuracy", "sampling"]},
        }
        with deployed(folder / "deployment", settings) as deployment:
            deployment.cli("models", "add", str(model))
            reference = shared_data / "car_loan_reference.parquet"
            deployment.cli("reference", "set", "car-loan", "--from", str(reference))
            deployment.start("serve")
            deployment.start("monitor")
            deployment.cli(
                "replay", str(rows), "--model", "car-loan", "--time", "at", "--rate", "2000",
                "--url", deployment.url,
            )  # fmt: skip
            deployment.wait_counted()
            wait_until(lambda: any("[RESOLVED]" in mail["Subject"] for mail in mailbox.mails), "the end", 60)
        yield mailbox


def test_the_onset_and_the_end_are_one_mail_each_in_one_thread(mailbox: Mailbox) -> None:
    onset, end = mailbox.mails

    word, _, stem = onset["Subject"].partition("] ")
    assert word.startswith("[FIRING:")
    assert end["Subject"] == f"[RESOLVED] {stem}"
    assert onset["References"] == end["References"]
    assert onset["Message-ID"] != end["Message-ID"]


def test_both_name_every_column_that_drifted(mailbox: Mailbox) -> None:
    for mail in mailbox.mails:
        body = mail.get_body(("plain",))
        text = body.get_content() if body else ""

        assert all(column in text for column in DRIFTING)


def test_both_say_that_the_events_are_of_the_past(mailbox: Mailbox) -> None:
    for mail in mailbox.mails:
        body = mail.get_body(("plain",))

        assert "replay" in (body.get_content() if body else "").lower()
