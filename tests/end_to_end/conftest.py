"""The road, run once on car loans and on COMPAS, and looked at by every test here."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import pytest
from playwright.sync_api import BrowserContext

from monitors.reference import Reference
from tests.helpers import compas
from tests.helpers.browser import chromium
from tests.helpers.car_loan import LABEL, make_car_loan, score_rows
from tests.helpers.deployment import Deployment, deployed, wait_until
from tests.helpers.mail import Mailbox, mail_server, make_certificate

LOGIN = ("inferwatch", "a password of the test")
CAR_LOAN, EVERYBODY, TWO_GROUPS = "car-loan", "compas", "compas-two-groups"
TOGETHER = 20
"""Rows of COMPAS in one request; a car loan is a request of its own."""


class Road:
    """What a user has after the replay: an API, a dashboard, and mails."""

    def __init__(self, deployment: Deployment, mailbox: Mailbox) -> None:
        self._deployment = deployment
        self._mailbox = mailbox

    @property
    def dashboard_url(self) -> str:
        """Where the dashboard answers."""
        return self._deployment.dashboard_url

    @property
    def folder(self) -> Path:
        """Where the configuration and the data lie."""
        return self._deployment.folder

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return self._deployment.url

    def get(self, path: str) -> Any:
        """The JSON of a page of the API."""
        return self._deployment.get(path)

    def measurements(self, **query: str) -> list[dict[str, Any]]:
        """Every measurement that fits the query, over all pages."""
        return self._deployment.pages(
            f"/api/measurements?{urlencode({**query, 'limit': 1000})}", "measurements"
        )

    def mails(self) -> list[EmailMessage]:
        """The mails that the SMTP server took."""
        return self._mailbox.mails


@pytest.fixture(scope="session")
def reference(shared_data: Path) -> pd.DataFrame:
    """The reference rows."""
    return pd.read_parquet(shared_data / "car_loan_reference.parquet")


@pytest.fixture(scope="session")
def analysis(shared_data: Path) -> pd.DataFrame:
    """The replayed rows, with their time as `at`."""
    rows = pd.read_parquet(shared_data / "car_loan_analysis.parquet")
    return rows.assign(at=pd.to_datetime(rows["timestamp"], utc=True))


@pytest.fixture(scope="session")
def model_folder(reference: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model, trained on the reference, as its operator would hand it over."""
    return make_car_loan(reference, tmp_path_factory.mktemp("car-loan"))


@pytest.fixture(scope="session")
def scored(analysis: pd.DataFrame, model_folder: Path) -> pd.DataFrame:
    """The replayed rows with what the model says of them."""
    return score_rows(analysis, model_folder)


@pytest.fixture(scope="session")
def judged_people(shared_data: Path) -> dict[str, pd.DataFrame]:
    """COMPAS by model: everybody's rows to one, and those of the two groups that were compared to another."""
    rows = compas.compas_rows(shared_data / "compas_two_years.csv.gz")
    return {EVERYBODY: rows, TWO_GROUPS: rows[rows["race"].isin(compas.PUBLISHED)]}


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    """One for the tests of a file: while it is open, no other event loop can run here."""
    with chromium() as browser:
        yield browser.new_context()


@pytest.fixture(scope="session")
def road(
    model_folder: Path,
    judged_people: dict[str, pd.DataFrame],
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Road]:
    """Everything a user does, by the command line: add models, give one a reference, start, replay."""
    folder = tmp_path_factory.mktemp("road")
    certificate = make_certificate(folder)
    with (
        mail_server(certificate=certificate, login=LOGIN) as mailbox,
        deployed(folder, _settings(mailbox, certificate.certificate)) as deployment,
    ):
        deployment.cli("models", "add", str(model_folder))
        for name, rows in judged_people.items():
            rows.to_parquet(folder / f"{name}.parquet")
            deployment.cli("models", "add", str(compas.make_compas(folder / name, name)))
        deployment.cli(
            "reference", "set", "car-loan", "--from", str(shared_data / "car_loan_reference.parquet")
        )
        deployment.start("up")
        deployment.cli(
            "replay", str(shared_data / "car_loan_analysis.parquet"), "--model", "car-loan",
            "--label", LABEL, "--time", "timestamp", "--url", deployment.url, timeout_s=280,
        )  # fmt: skip
        for name in judged_people:
            deployment.cli(
                "replay", str(folder / f"{name}.parquet"), "--model", name, "--label", compas.LABEL,
                "--time", "at", "--tag", "race", "--tag", "sex", "--batch", str(TOGETHER),
                "--url", deployment.url,
            )  # fmt: skip
        deployment.wait_counted()
        road = Road(deployment, mailbox)
        wait_until(lambda: _judged(road) == 50_000, "the last window to be judged", 60)
        people = {name: len(rows) for name, rows in judged_people.items()}
        wait_until(lambda: _labelled(road) == people, "every label of COMPAS to be judged", 60)
        wait_until(lambda: len(road.mails()) > 0, "a mail", 60)
        yield road


@pytest.fixture(scope="session")
def loaded_reference(road: Road) -> Reference:
    """The reference that the road was given, as it is kept beside the model."""
    (path,) = road.folder.rglob("reference.bin")
    return Reference.from_bytes(path.read_bytes())


def _settings(mailbox: Mailbox, certificate: Path) -> dict[str, Any]:
    user, password = LOGIN
    mail = {
        "host": "localhost", "port": mailbox.port, "security": "starttls", "ca_file": str(certificate),
        "username": user, "password": password,
        "sender": "inferwatch@example.org", "to": ["oncall@example.org"],
    }  # fmt: skip
    return {"alerts": {"email": mail, "group_wait": "3s"}, "monitor": {"quiet_s": 3.0}}


def _judged(road: Road) -> int:
    """Labelled rows in all windows that accuracy was judged on."""
    return sum(m["n"] for m in road.measurements(model="car-loan", metric="accuracy"))


def _labelled(road: Road) -> dict[str, int]:
    """Labelled rows that the gap between the sexes rests on, by model."""
    return {
        model: sum(m["n"] for m in road.measurements(model=model, metric="accuracy_difference", column="sex"))
        for model in (EVERYBODY, TWO_GROUPS)
    }
