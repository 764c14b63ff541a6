"""The n-gram backend: its formula by hand, what it cuts, and what it refuses."""

from __future__ import annotations

import asyncio
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from inference.backends.hashing import Hashing
from inference.errors import LoadError, RefusedFileError, SpecError
from inference.repository import Repository
from tests.helpers.engines import serving
from tests.helpers.models import write_spec

BUCKETS = 1 << 12
HASHING = Hashing(words=(1, 1), characters=(8, 8), buckets=BUCKETS)  # no n-grams of characters in short words


def bucket(word: str) -> int:
    return int(HASHING.word_grams([word]).buckets[0])


def tensors() -> dict[str, torch.Tensor]:
    """Two words are known: `bad` weighs 3 and says 2 of the first class, `day` weighs 4 and says -1 of the
    second."""
    found = {"bias": torch.tensor([0.5, 0.25])}
    for kind in ("words", "characters"):
        found[f"{kind}.idf"] = torch.zeros(BUCKETS)
        found[f"{kind}.weight"] = torch.zeros(BUCKETS, 2)
    found["words.idf"][bucket("bad")], found["words.idf"][bucket("day")] = 3.0, 4.0
    found["words.weight"][bucket("bad"), 0] = 2.0
    found["words.weight"][bucket("day"), 1] = -1.0
    return found


def ngrams_folder(folder: Path, weights: dict[str, torch.Tensor] | None = None, **settings: Any) -> Path:
    folder.mkdir()
    save_file(weights or tensors(), folder / "model.safetensors")
    spec = {
        "name": "grams",
        "version": "1",
        "task": "text-classification",
        "backend": "ngrams",
        "ngrams": {"words": [1, 1], "characters": [8, 8]},
        "inputs": [{"name": "text", "type": "text"}],
        "outputs": {"classes": ["toxicity", "joy"], "multi_label": True},
    }
    return write_spec(folder, {**spec, **settings})


def sigmoid(logit: float) -> float:
    return 1 / (1 + exp(-logit))


def test_scores_follow_the_formula(tmp_path: Path) -> None:
    texts = ["bad bad day", "Day", "", "unknown words"]
    first, second = (1 + log(2)) * 3, 4.0  # "bad" is there twice
    length = sqrt(first**2 + second**2)

    async def scenario() -> None:
        async with serving(tmp_path, ngrams_folder(tmp_path / "folder")) as engine:
            answer = await engine.find("grams").infer({"text": texts}, rows=4)

        assert answer.outputs["probabilities"] == [
            pytest.approx([sigmoid(0.5 + 2 * first / length), sigmoid(0.25 - second / length)]),
            pytest.approx([sigmoid(0.5), sigmoid(0.25 - 1)]),
            pytest.approx([sigmoid(0.5), sigmoid(0.25)]),
            pytest.approx([sigmoid(0.5), sigmoid(0.25)]),
        ]
        assert answer.outputs["class"] == ["toxicity"] * 4

    asyncio.run(scenario())


def test_a_long_text_is_cut_and_counted(tmp_path: Path) -> None:
    folder = ngrams_folder(tmp_path / "folder", limits={"max_length": 4, "max_batch": 2})
    texts = ["x" * 32 + " bad", "day", "x" * 31, "bad"]  # 4 tokens of 8 characters are taken

    async def scenario() -> None:
        async with serving(tmp_path, folder) as engine:
            answer = await engine.find("grams").infer({"text": texts}, rows=4)

        assert answer.cut == 1
        toxicity = [row[0] for row in answer.outputs["probabilities"] if isinstance(row, list)]
        assert toxicity == pytest.approx([sigmoid(0.5), sigmoid(0.5), sigmoid(0.5), sigmoid(2.5)])

    asyncio.run(scenario())


def test_many_long_texts_are_answered_in_order(tmp_path: Path) -> None:
    texts = [("bad" if n % 3 == 0 else "day") + " x" * 2000 for n in range(300)]  # several passes of hashing

    async def scenario() -> None:
        async with serving(tmp_path, ngrams_folder(tmp_path / "folder")) as engine:
            answer = await engine.find("grams").infer({"text": texts}, rows=len(texts))

        toxicity = [row[0] for row in answer.outputs["probabilities"] if isinstance(row, list)]
        assert toxicity == pytest.approx([sigmoid(2.5 if n % 3 == 0 else 0.5) for n in range(300)])

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"ngrams": None}, SpecError, "ngrams: backend ngrams needs this section"),
        ({"ngrams": {"words": [2, 1]}}, SpecError, r"the shortest comes first: \[1, 2\]"),
        ({"ngrams": {"characters": [2, 5]}}, SpecError, "greater than or equal to 3"),
        ({"ngrams": {"weights": "model.pkl"}}, RefusedFileError, r"'model\.pkl' is not a \.safetensors file"),
        ({"task": "regression"}, SpecError, "serves text-classification, not regression"),
        ({"inputs": [{"name": "n", "type": "number"}]}, SpecError, "takes one input of type text"),
        ({"outputs": {}}, SpecError, "needs the names of the classes"),
        ({"outputs": {"classes": ["a", "b", "c"]}}, LoadError, "do not fit"),
    ],
)
def test_a_wrong_model_yaml_is_refused_by_key(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    folder = ngrams_folder(tmp_path / "folder", **settings)

    with pytest.raises(error, match=said):
        Repository(tmp_path / "models").add(folder)


def test_weights_without_their_idf_are_refused(tmp_path: Path) -> None:
    folder = ngrams_folder(tmp_path / "folder", {"bias": torch.zeros(2)})

    with pytest.raises(LoadError, match=r"has no vector 'words\.idf'"):
        Repository(tmp_path / "models").add(folder)


def test_a_pickle_under_the_name_of_the_weights_is_not_read(tmp_path: Path) -> None:
    folder = ngrams_folder(tmp_path / "folder")
    (folder / "model.safetensors").write_bytes(b"cos\nsystem\n(S'true'\ntR.")

    with pytest.raises(LoadError, match="not a readable safetensors file"):
        Repository(tmp_path / "models").add(folder)
