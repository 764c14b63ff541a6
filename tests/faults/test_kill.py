"""`kill -9` of gateway and monitor at random moments under load: what was answered is stored, and counted,
once."""

from __future__ import annotations

import random
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from inference.repository import Repository
from storage.database import open_reader
from storage.settings import DatabaseSettings
from tests.faults.ledger import context_of, read_ledger, single_pass, stored_totals
from tests.faults.traffic import one_row, traffic, write_rows
from tests.helpers.deployment import Deployment, deployed
from tests.helpers.models import mlp_folder

SEED = random.SystemRandom().randrange(1_000_000)


@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_whatever_is_killed_every_answer_is_stored_and_counted_once(
    database_url: str, kills: int, tmp_path: Path
) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    model = mlp_folder(tmp_path / "mlp")
    settings = {"database": {"url": database_url}, "monitor": {"lease_s": 2.0}}
    with deployed(tmp_path / "run", settings) as deployment:
        deployment.cli("models", "add", str(model))
        deployment.cli("reference", "set", "mlp", "--from", str(write_rows(tmp_path / "reference.csv")))
        deployment.start("serve")
        deployment.start("monitor")

        with traffic(
            deployment.port, "/v1/models/mlp:predict", one_row, clients=3, pause_s=0.002, label="1"
        ) as answers:
            killers = [
                threading.Thread(target=kill_and_start, args=(deployment, command, kills, SEED + place))
                for place, command in enumerate(("serve", "monitor"))
            ]
            for killer in killers:
                killer.start()
            for killer in killers:
                killer.join()
        accounting = deployment.wait_counted()
        deployment.stop_all()

    context = context_of(Repository(tmp_path / "run" / ".inferwatch" / "models"), "mlp", "1")
    with closing(open_reader(DatabaseSettings(url=database_url))) as database:
        ledger = read_ledger(database)
        totals = stored_totals(database, context)
    assert set(answers.statuses) <= {200, 503}  # 503 while the model is loaded again: an event like any other
    assert len(answers.acknowledged) > 20 * kills
    assert ledger.doubled() == set()
    assert ledger.lost(answers.acknowledged) == set()
    labelled = [change.event for change in ledger.changes if not change.chosen]
    chosen = [(change.event, change.row) for change in ledger.changes if change.chosen]
    assert set(labelled) >= answers.labelled
    assert len(labelled) == len(set(labelled))
    assert len(chosen) == len(set(chosen))
    assert accounting["stored"] == accounting["counted"] == len(ledger.events)
    assert accounting["answered"] == accounting["counted"]
    assert totals == single_pass(ledger, context)


def kill_and_start(deployment: Deployment, command: str, kills: int, seed: int) -> None:
    """Kill a process and start it again, so many times, each time at another moment of its life."""
    chance = random.Random(seed)  # noqa: S311  # not for secrets
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 1.2))
        deployment.kill(command)
        deployment.start(command, ready=command == "serve")
    deployment.wait_ready(command)
