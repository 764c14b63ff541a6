"""The engine of the monitor process: it scores with the model of the settings, and survives its input."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference.repository import Repository
from inference.texts import HARMLESS, RUDE
from monitors.errors import ScoringError
from monitors.process.scorer import NICENESS, EngineScorer
from monitors.settings import ScoringSettings
from storage.clock import utc_now
from tests.helpers.models import CODE, echo_folder
from tests.helpers.text_model import words_folder

HIGH, LOW = 1 / (1 + math.exp(-3)), 1 / (1 + math.exp(3))


def a_scorer(root: Path, name: str | None = "words") -> EngineScorer:
    settings = ScoringSettings(model=name, folder=root / "scorers")
    return EngineScorer(settings, Repository(root / "models"), code=[CODE], clock=utc_now)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    repository = Repository(tmp_path / "models")
    repository.root.mkdir()
    limits = {"deadline_s": 1.0}
    repository.add(words_folder(tmp_path / "words", limits=limits), [CODE])
    repository.add(echo_folder(tmp_path / "echo"), [CODE])
    return tmp_path


@pytest.fixture
def scorer(root: Path) -> Iterator[EngineScorer]:
    made = a_scorer(root)
    yield made
    made.close()


def test_texts_get_the_scores_of_the_model_in_their_order(scorer: EngineScorer) -> None:
    texts = [f"{'rude' if place % 3 == 0 else 'fine'} {'you' if place % 2 else 'it'} " * (1 + place % 7)
             for place in range(3000)]  # fmt: skip

    found = scorer.score(texts)

    expected = [[HIGH if "rude" in text else LOW, HIGH if "you" in text else LOW] for text in texts]
    np.testing.assert_allclose(found.scores, expected, atol=1e-6)
    assert found.truncated.tolist() == [len(text) > 100 for text in texts]
    assert scorer.open().classes == ("toxicity", "insult")
    assert not scorer.open().bundled


def test_a_text_that_no_batch_survives_costs_the_others_nothing(scorer: EngineScorer) -> None:
    texts = [f"rude {place}" for place in range(100)]
    texts[17], texts[60] = "poison", "odd"

    found = scorer.score(texts)

    known = np.isfinite(found.scores).all(axis=1)
    assert np.flatnonzero(~known).tolist() == [17, 60]
    np.testing.assert_allclose(found.scores[known, 0], HIGH, atol=1e-6)


def test_requests_become_small_enough_for_the_deadline_of_a_slow_model(scorer: EngineScorer) -> None:
    beats = []

    found = scorer.score([f"slow rude {place}" for place in range(8)], lambda: beats.append(1))

    assert np.isfinite(found.scores).all()
    assert beats  # whoever waits can renew a lease


def test_what_waiting_raises_ends_the_wait(scorer: EngineScorer) -> None:
    def stop() -> None:
        raise ScoringError("the process ends")

    with pytest.raises(ScoringError, match="the process ends"):
        scorer.score([f"slow {place}" for place in range(8)], stop)

    assert np.isfinite(scorer.score(["fine"]).scores).all()


def test_nothing_to_score_is_no_request(scorer: EngineScorer) -> None:
    assert scorer.score([]).scores.shape == (0, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux alone")
def test_its_threads_run_at_a_low_priority_and_no_others_do(scorer: EngineScorer) -> None:
    scorer.score(["fine"])

    nice = {
        thread.name: os.getpriority(os.PRIO_PROCESS, thread.native_id)
        for thread in threading.enumerate()
        if thread.native_id is not None
    }

    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    expected = min(19, max(mine, NICENESS))
    assert nice["scoring"] == expected
    assert nice["engine-cpu"] == expected
    assert nice["MainThread"] == mine


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("detoxify", "there is no model 'detoxify' in the repository; there are echo, words"),
        ("echo", "'echo' 1 does not classify texts"),
    ],
)
def test_a_model_that_cannot_score_is_refused_with_what_would_be_right(
    root: Path, name: str, message: str
) -> None:
    with pytest.raises(ScoringError, match=message):
        a_scorer(root, name).open()


def test_a_model_whose_files_were_altered_is_refused(tmp_path: Path) -> None:
    scorer = a_scorer(tmp_path, None)
    scorer.open()
    scorer.close()
    weights = tmp_path / "scorers" / "toxicity-bundled" / "1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")

    with pytest.raises(ScoringError, match="is not the file that was added"):
        scorer.open()


def test_without_a_setting_the_bundled_model_scores_and_says_what_it_is_not(tmp_path: Path) -> None:
    scorer = a_scorer(tmp_path, None)

    try:
        about = scorer.open()
        found = scorer.score([*HARMLESS, *RUDE])
    finally:
        scorer.close()

    assert about.bundled
    assert "no moderation model" in about.words
    assert "inferwatch models add detoxify:original" in about.words
    toxicity = found.scores[:, about.classes.index("toxicity")]
    assert np.median(toxicity[len(HARMLESS) :]) > np.quantile(toxicity[: len(HARMLESS)], 0.9)


def test_the_hash_of_a_scorer_follows_what_its_scores_mean(root: Path) -> None:
    first, second = a_scorer(root), a_scorer(root)
    try:
        one = first.open()
        Repository(root / "models").add(words_folder(root / "newer", version="2"), [CODE])
        two = second.open()
    finally:
        first.close()
        second.close()

    assert (one.version, two.version) == ("1", "2")
    assert not one.is_same(two)
