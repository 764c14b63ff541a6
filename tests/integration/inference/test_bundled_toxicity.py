"""The bundled model is what its card says, measured again on the rows that it never saw."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

from inference.backend import Model, Source, backend
from inference.bundled import BUNDLED_TOXICITY
from inference.bundled.card import card
from inference.bundled.measuring import Report, measure, probabilities
from inference.bundled.rows import CLASSES, HELD_BACK, Rows, fold_of, read_rows
from inference.device import Device
from inference.repository import Repository
from inference.texts import HARMLESS, RUDE

pytestmark = pytest.mark.xdist_group("bundled")
BAR = 0.01
NEAR = 5e-4  # machines add in another order


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    repository = Repository(tmp_path_factory.mktemp("bundled"))
    manifest = repository.add(BUNDLED_TOXICITY)
    folder = repository.folder(manifest.name, manifest.version)
    return backend(manifest.backend).load(Source(manifest=manifest, folder=folder, device=Device(kind="cpu")))


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> Rows:
    return read_rows(shared_data)


@pytest.fixture(scope="module")
def recorded() -> Report:
    return Report.read(BUNDLED_TOXICITY / "measured.json")


@pytest.fixture(scope="module")
def measured(model: Model, rows: Rows, shared_data: Path) -> Report:
    return measure(model, rows, shared_data)


def test_what_is_measured_again_is_what_was_recorded(measured: Report, recorded: Report) -> None:
    for again, before in zip(measured.labels, recorded.labels, strict=True):
        assert asdict(again) == pytest.approx(asdict(before), abs=NEAR)


def test_the_gaps_between_identities_are_what_was_recorded(measured: Report, recorded: Report) -> None:
    again, before = measured.templates, recorded.templates

    assert (again.auc, again.mean, again.flagged) == pytest.approx(
        (before.auc, before.mean, before.flagged), abs=NEAR
    )
    assert {gap.term: gap.mean for gap in again.gaps} == pytest.approx(
        {gap.term: gap.mean for gap in before.gaps}, abs=NEAR
    )
    assert len(before.gaps) == 50


def test_every_label_of_both_sets_is_within_a_hundredth_of_the_yardstick(measured: Report) -> None:
    assert [(one.set, one.label) for one in measured.labels] == [
        ("tweets", "toxicity"),
        ("tweets", "identity_attack"),
        *(("comments", label) for label in CLASSES),
    ]
    for one in measured.labels:
        assert one.auc >= one.yardstick - BAR, one.label


def test_an_area_is_that_of_scikit_learn_over_the_held_back_rows(
    model: Model, rows: Rows, measured: Report
) -> None:
    tweets = [place for place in range(24_783) if rows.folds[place] == HELD_BACK]

    scores = probabilities(model, [rows.texts[place] for place in tweets])[:, CLASSES.index("toxicity")]

    assert measured.labels[0].auc == pytest.approx(roc_auc_score(rows.labels[tweets, 0], scores))
    assert measured.labels[0].rows == len(tweets)


def test_equal_texts_are_on_one_side(rows: Rows) -> None:
    held_back = {text for text, fold in zip(rows.texts, rows.folds, strict=True) if fold == HELD_BACK}
    trained = {text for text, fold in zip(rows.texts, rows.folds, strict=True) if fold != HELD_BACK}

    assert not held_back & trained
    assert len(held_back) / len(set(rows.texts)) == pytest.approx(0.2, abs=0.01)


def test_a_fold_depends_on_the_text_alone() -> None:
    # sha256("a") begins with ca = 202: 202 x 5 // 256 = 3; sha256("c") with 2e = 46: 0
    assert [fold_of("a"), fold_of("c")] == [3, 0]


def test_the_card_shows_what_was_recorded(recorded: Report) -> None:
    text = (BUNDLED_TOXICITY / "MODEL_CARD.md").read_text(encoding="utf-8")

    assert text == card(recorded)
    for one in recorded.labels:
        assert (
            f"| {one.label} | {one.rows:,} | {one.positives:,} | {one.auc:.3f} | {one.yardstick:.3f} |"
            in text
        )
    for said in ("not a moderation model", "MIT", "CC0", "quoting abuse", "severe_toxicity", "English"):
        assert said in text


def test_rude_texts_outscore_harmless_ones(model: Model) -> None:
    toxicity = probabilities(model, [*HARMLESS, *RUDE])[:, CLASSES.index("toxicity")]

    assert roc_auc_score(np.arange(64) >= len(HARMLESS), toxicity) > 0.98
    assert toxicity[: len(HARMLESS)].max() < 0.5


def test_nothing_that_ships_is_a_vocabulary() -> None:
    tensors = load_file(BUNDLED_TOXICITY / "model.safetensors")
    selftest = json.loads((BUNDLED_TOXICITY / "selftest.json").read_text())

    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == {
        "words.weight": [65_536, 5],
        "words.idf": [65_536],
        "characters.weight": [65_536, 5],
        "characters.idf": [65_536],
        "bias": [5],
    }
    assert selftest["inputs"]["text"] == [*HARMLESS, *RUDE]
    assert {path.name for path in BUNDLED_TOXICITY.iterdir()} == {
        "MODEL_CARD.md",
        "measured.json",
        "model.safetensors",
        "model.yaml",
        "selftest.json",
    }


def test_the_bundled_model_is_shipped() -> None:
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")

    assert re.search(r'"inference\.bundled" = \["toxicity/\*"\]', project)
    assert sum(path.stat().st_size for path in BUNDLED_TOXICITY.iterdir()) < 4_000_000
