"""From a request to the worst texts: gateway, journal, monitor process with the bundled model, SQL, API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pytest

from gateway.build import set_reference_of
from gateway.checks import findings
from inference.texts import HARMLESS, RUDE
from monitors.process.run import ProcessSettings, run_until
from monitors.process.scoring_model import scorer_of, scoring_model
from storage.clock import utc_now
from storage.database import open_writer
from storage.tables import segment
from tests.helpers.serving import Serving, serving

pytestmark = pytest.mark.xdist_group("toxicity")  # what they share is set up once

T = TypeVar("T")

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=2)

FORUM = {
    "name": "forum",
    "version": "1",
    "task": "text-classification",
    "backend": "tests.helpers.text_model:WordsModel",
    "inputs": [{"name": "comment", "type": "text"}],
    "outputs": {"classes": ["a", "b"], "multi_label": True},
    "window": {"pane": "1s", "length": "2s"},
}
MONITOR = {"poll_s": 0.05, "quiet_s": 0.5, "metrics_port": None}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A forum that had harmless comments, then rude ones, and was watched meanwhile."""
    with serving(tmp_path_factory.mktemp("forum"), [FORUM], {"monitor": MONITOR}) as running:
        settings, stop = running.settings, threading.Event()
        read = ProcessSettings(
            database=settings.database,
            journal=settings.journal,
            retention=settings.retention,
            monitor=settings.monitor,
            alerts=settings.alerts,
            repository=settings.engine.repository,
        )
        monitor = threading.Thread(target=run_until, args=(stop, read))
        monitor.start()
        try:
            said(running, [f"{text} {n}" for n in range(3) for text in HARMLESS], at=NOON)
            said(running, [f"{text} {n}" for n in range(6) for text in RUDE], at=NOON + 2 * WINDOW)
            wait_for(lambda: len(shares(running, "comment.toxicity")) == 2)
            yield running
        finally:
            stop.set()
            monitor.join(30)


def said(running: Serving, texts: list[str], *, at: datetime) -> None:
    asking = {"instances": [{"comment": text} for text in texts], "at": at.isoformat()}
    assert running.post("/v1/models/forum:predict", asking).status == 200


def wait_for(look: Callable[[], T], timeout_s: float = 30.0) -> T:
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


def shares(running: Serving, column: str) -> list[dict[str, Any]]:
    reply = running.get(f"/api/measurements?monitor=toxicity&metric=toxic_share&column={column}")
    return [each for each in reply.json.get("measurements", []) if each["n"]]


def examples(running: Serving, **more: str) -> dict[str, Any]:
    asked = {"model": "forum", "column": "comment", "class": "toxicity", **more}
    reply = running.get("/api/examples?" + "&".join(f"{name}={value}" for name, value in asked.items()))
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.json
    return answer


def test_the_windows_are_judged_and_the_rude_one_alerts(told: Serving) -> None:
    harmless, rude = shares(told, "comment.toxicity")

    assert (harmless["n"], rude["n"]) == (3 * len(HARMLESS), 6 * len(RUDE))
    assert not harmless["breached"]
    assert rude["breached"]
    alerts = wait_for(lambda: told.get("/api/alerts?model=forum").json["alerts"])
    assert {alert["rule"] for alert in alerts} >= {"toxicity"}


def test_the_worst_texts_are_found_and_shown_only_where_asked_for(told: Serving) -> None:
    places, shown = examples(told), examples(told, text="true")

    assert len(places["examples"]) == 20
    assert all(each["text"] is None for each in places["examples"])
    assert [each["score"] for each in places["examples"]] == sorted(
        (each["score"] for each in places["examples"]), reverse=True
    )
    assert all(each["text"][:-2] in RUDE for each in shown["examples"])
    first = shown["examples"][0]
    event = told.get(f"/api/events/{first['event']}").json
    assert event["inputs"]["comment"][first["row"]] == first["text"]


def test_the_api_says_which_model_scored_and_what_it_is_not(told: Serving) -> None:
    scorer = examples(told)["scorer"]

    assert scorer["bundled"]
    assert "toxicity" in scorer["classes"]
    assert "no moderation model" in scorer["words"]


def test_check_says_the_same(told: Serving) -> None:
    (found,) = [finding for finding in findings(told.settings) if finding.what == "toxicity"]

    assert found.well
    assert "no moderation model" in found.words
    assert "inferwatch models add detoxify:original" in found.words


def test_check_finds_a_model_that_is_not_there(told: Serving) -> None:
    scoring = told.settings.monitor.scoring.model_copy(update={"model": "detoxify"})
    settings = told.settings.model_copy(
        update={"monitor": told.settings.monitor.model_copy(update={"scoring": scoring})}
    )

    (found,) = [finding for finding in findings(settings) if finding.what == "toxicity"]

    assert not found.well
    assert "there is no model 'detoxify'" in found.words


def test_check_finds_a_class_that_the_model_does_not_have(told: Serving) -> None:
    options = {"toxicity": {"threshold": {"insutl": 0.3}}}
    monitor = told.settings.monitor.model_copy(update={"monitors": options})

    (found,) = [
        finding
        for finding in findings(told.settings.model_copy(update={"monitor": monitor}))
        if finding.what == "toxicity"
    ]

    assert not found.well
    assert "no class 'insutl'; it has toxicity, obscene, threat, insult" in found.words


def test_a_reference_is_scored_by_the_same_model(told: Serving, tmp_path: Path) -> None:
    file = tmp_path / "reference.csv"
    rows = [f"{text} {n}" for n in range(3) for text in (*HARMLESS, *RUDE)]
    pd.DataFrame({"comment": [*rows, ""]}).to_csv(file, index=False)
    scorer = scoring_model(told.settings.monitor.scoring, None)

    made = set_reference_of(told.settings, "forum", None, file)

    summary = made.reference.summaries["toxicity"]
    assert made.not_scored is None
    assert summary.reference == scorer_of(scorer, utc_now).hash
    assert summary["texts input comment"][:2].tolist() == [len(rows) + 1, len(rows)]


def test_a_reference_is_made_without_scores_where_there_is_no_model_for_them(
    told: Serving, tmp_path: Path
) -> None:
    file = tmp_path / "reference.csv"
    pd.DataFrame({"comment": HARMLESS}).to_csv(file, index=False)
    scoring = told.settings.monitor.scoring.model_copy(update={"model": "detoxify"})
    monitor = told.settings.monitor.model_copy(update={"scoring": scoring})

    made = set_reference_of(told.settings.model_copy(update={"monitor": monitor}), "forum", None, file)

    assert made.not_scored is not None
    assert "there is no model 'detoxify'" in made.not_scored
    assert "toxicity" not in made.reference.summaries


@pytest.mark.parametrize(
    "more", [{"class": "nothing"}, {"column": "age"}, {"model": "shop"}, {"end": "2020-01-01"}]
)
def test_where_nothing_was_found_nothing_is_shown(told: Serving, more: dict[str, str]) -> None:
    assert examples(told, **more)["examples"] == []


def test_a_text_past_its_retention_is_gone_and_its_place_is_still_known(told: Serving) -> None:
    before = examples(told, text="true")["examples"]
    database = open_writer(told.settings.database)
    with database.write() as connection:
        connection.execute(segment.delete())
    database.close()

    after = examples(told, text="true")["examples"]

    assert [each["event"] for each in after] == [each["event"] for each in before]
    assert all(each["text"] is None for each in after)
