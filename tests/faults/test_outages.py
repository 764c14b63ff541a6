"""The database away, the journal's disk full: what happens to requests, and to what they left behind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from storage.database import open_reader
from storage.settings import DatabaseSettings
from tests.faults.ledger import read_ledger
from tests.faults.traffic import one_row, traffic
from tests.helpers.deployment import deployed, wait_until
from tests.helpers.models import mlp_folder
from tests.helpers.postgres import OwnServer

AWAY_S = 30.0
CAUGHT_UP_S = 60.0


def test_no_request_notices_that_the_database_is_away(own_postgres: OwnServer, tmp_path: Path) -> None:
    settings = {"database": {"url": own_postgres.url}, "monitor": {"lease_s": 2.0}}
    with deployed(tmp_path / "run", settings) as deployment:
        deployment.cli("models", "add", str(mlp_folder(tmp_path / "mlp")))
        deployment.start("serve")
        deployment.start("monitor")
        with traffic(deployment.port, "/v1/models/mlp:predict", one_row, clients=2, pause_s=0.005) as answers:
            wait_until(lambda: len(answers.acknowledged) > 100, "traffic", 20)

            own_postgres.stop()
            time.sleep(AWAY_S)
            own_postgres.start()

            time.sleep(2)
        accounting = deployment.wait_counted(CAUGHT_UP_S)

    with closing(open_reader(DatabaseSettings(url=own_postgres.url))) as database:
        ledger = read_ledger(database)
    assert answers.failed == 0
    assert answers.unknown == set()
    assert ledger.lost(answers.acknowledged) == set()
    assert ledger.doubled() == set()
    assert accounting["answered"] == accounting["counted"] == len(answers.acknowledged)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes. Mounting one takes root, so elsewhere this skips."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs a disk of its own for the journal: run as root, where a tmpfs can be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607  # the system's


def test_a_full_disk_drops_events_and_counts_them_but_answers_every_request(
    small_disk: Path, tmp_path: Path
) -> None:
    with deployed(tmp_path / "run", {"journal": {"folder": str(small_disk)}}) as deployment:
        deployment.cli("models", "add", str(mlp_folder(tmp_path / "mlp")))
        deployment.start("serve")
        with traffic(deployment.port, "/v1/models/mlp:predict", one_row, clients=3) as answers:
            wait_until(lambda: dropped(deployment.url) > 100, "the disk to be full", 60)

            deployment.start("monitor")

            wait_until(lambda: is_keeping(deployment.url), "events to be kept again", 30)
        accounting = deployment.wait_counted()

    assert answers.failed == 0
    assert answers.unknown == set()
    assert accounting["dropped"] > 100
    assert accounting["answered"] == len(answers.acknowledged)
    assert accounting["answered"] == accounting["counted"] + accounting["dropped"]


def test_a_full_disk_refuses_requests_where_every_event_must_be_kept(
    small_disk: Path, tmp_path: Path
) -> None:
    journal = {"folder": str(small_disk), "policy": "refuse"}
    with deployed(tmp_path / "run", {"journal": journal}) as deployment:
        deployment.cli("models", "add", str(mlp_folder(tmp_path / "mlp")))
        deployment.start("serve")
        with traffic(deployment.port, "/v1/models/mlp:predict", one_row, clients=3) as answers:
            wait_until(lambda: answers.statuses.get(503, 0) > 100, "requests to be refused", 60)

            deployment.start("monitor")

            good = answers.statuses[200]
            wait_until(lambda: answers.statuses[200] > good + 1000, "requests to be answered again", 30)
        accounting = deployment.wait_counted()

    assert set(answers.statuses) == {200, 503}
    assert accounting["counted"] >= answers.statuses[200]


def dropped(url: str) -> int:
    """Events that the gateway could not keep. Asked of its metrics, since no database is there yet."""
    return metric(url, "inferwatch_events_dropped_total")


def is_keeping(url: str) -> bool:
    """Whether no event is dropped any more, while some are kept."""
    before, kept = dropped(url), metric(url, "inferwatch_events_appended_total")
    time.sleep(0.5)
    return dropped(url) == before and metric(url, "inferwatch_events_appended_total") > kept + 50


def metric(url: str, name: str) -> int:
    """A counter of the gateway, summed over its labels."""
    lines = httpx.get(f"{url}/metrics", timeout=10).text.splitlines()
    return int(
        sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))
    )
