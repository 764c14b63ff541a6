"""What every backend promises: n answers for n requests, in order, and the same in a batch as alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from inference.backend import BACKENDS, Model, Outputs, Payload, Source, backend
from inference.bundled import BUNDLED_TOXICITY
from inference.device import Device
from inference.errors import InferenceError, InvalidInputError
from inference.repository import Repository
from inference.signature import Columns
from tests.helpers.models import CODE, WORDS, bert_folder, echo_folder, mixed_folder

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Case:
    """How to make a small model of a backend, and a row for it."""

    folder: Callable[[Path], Path]
    row: Callable[[int], Columns]


CASES = {
    "torch": Case(
        mixed_folder,
        lambda n: {
            "age": [20 + n],
            "income": [1000.0 * n],
            "city": [("Berlin", "Paris", "Oslo")[n % 3]],
            "owner": [n % 2 == 0],
        },
    ),
    "huggingface": Case(bert_folder, lambda n: {"text": [" ".join(WORDS[n % 7 : n % 7 + 1 + 3 * n])]}),
    "ngrams": Case(
        lambda _: BUNDLED_TOXICITY, lambda n: {"text": [" ".join(WORDS[n % 7 : n % 7 + 1 + 3 * n])]}
    ),
    "echo": Case(echo_folder, lambda n: {"a": [n / 10], "b": [1 - n]}),
}
N = 12


@pytest.fixture(scope="module", params=sorted(BACKENDS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: str, tmp_path_factory: pytest.TempPathFactory) -> Model:
    place = tmp_path_factory.mktemp(name)
    repository = Repository(place / "models")
    manifest = repository.add(CASES[name].folder(place / "folder"), [CODE])
    folder = repository.folder(manifest.name, manifest.version)
    source = Source(manifest=manifest, folder=folder, device=Device(kind="cpu"), code=(CODE,))
    return backend(name).load(source)


def answered(model: Model, payloads: list[Payload]) -> list[Outputs | InferenceError]:
    return model.split(model.forward(model.collate(payloads)), payloads)


def prepared(name: str, model: Model) -> list[Payload]:
    return model.prepare([model.check(CASES[name].row(n), 1) for n in range(N)])


def test_every_backend_of_the_table_is_tested() -> None:
    assert set(CASES) == set(BACKENDS)


def test_a_row_gets_the_same_answer_in_a_batch_as_alone(name: str, model: Model) -> None:
    payloads = prepared(name, model)

    together = answered(model, payloads)
    alone = [answered(model, [payload])[0] for payload in payloads]

    assert len(together) == N
    for batched, single in zip(together, alone, strict=True):
        assert isinstance(batched, dict)
        assert isinstance(single, dict)
        assert batched["class"] == single["class"]
        assert batched["score"] == pytest.approx(single["score"], abs=TOLERANCE)


def test_answers_come_in_the_order_of_the_requests(name: str, model: Model) -> None:
    payloads = prepared(name, model)

    forwards = answered(model, payloads)
    backwards = answered(model, payloads[::-1])[::-1]

    for one, other in zip(forwards, backwards, strict=True):
        assert isinstance(one, dict)
        assert isinstance(other, dict)
        assert one["score"] == pytest.approx(other["score"], abs=TOLERANCE)


def test_rows_of_one_request_are_answered_like_requests_of_one_row(name: str, model: Model) -> None:
    rows = [CASES[name].row(n) for n in range(N)]
    columns: Columns = {column: [row[column][0] for row in rows] for column in rows[0]}
    (payload,) = model.prepare([model.check(columns, N)])

    scores: list[object] = [None] * N
    for part in model.parts(payload):
        outputs = answered(model, [part])[0]
        assert isinstance(outputs, dict)
        for place, score in zip(part.places or range(N), outputs["score"], strict=True):
            scores[place] = score

    alone = [
        outputs["score"][0] for outputs in answered(model, prepared(name, model)) if isinstance(outputs, dict)
    ]
    assert scores == pytest.approx(alone, abs=TOLERANCE)


def test_outputs_are_the_columns_that_the_manifest_promises(name: str, model: Model) -> None:
    (outputs, *_) = answered(model, prepared(name, model))

    assert isinstance(outputs, dict)
    several = ["probabilities"] if name == "ngrams" else []
    assert list(outputs) == ["class", "score", *several]
    assert isinstance(outputs["class"][0], str)
    assert isinstance(outputs["score"][0], float)


def test_a_column_that_does_not_exist_is_refused(name: str, model: Model) -> None:
    with pytest.raises(InvalidInputError, match="input 'nonsense' is unknown"):
        model.check({**CASES[name].row(1), "nonsense": [1]}, 1)


def test_a_list_of_lists_is_refused(name: str, model: Model) -> None:
    row = CASES[name].row(1)

    for column in row:
        with pytest.raises(InvalidInputError, match=f"'{column}', row 0"):
            model.check({**row, column: [[1.0]]}, 1)


def test_examples_can_be_run(model: Model) -> None:
    for payload in model.prepare(model.examples()):
        (outputs,) = answered(model, [payload])
        assert isinstance(outputs, dict)
