"""The self-test of a model folder: what it finds, and what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from inference.backends.echo import EchoModel
from inference.errors import SelfTestError
from inference.manifest import Manifest
from inference.selftest import SelfTest

CLASSES = ("no", "yes")
ROWS = {"a": [0.0, 1.0, -2.0], "b": [0.0, 0.0, 0.0]}
SCORES = [0.5, 0.7310585786300049, 0.11920292202211755]  # sigmoid(2 x - 1 x) = sigmoid(0), (1) and (-2)


def echo(**outputs: Any) -> EchoModel:
    inputs = [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}]
    return EchoModel(
        Manifest.model_validate(
            {
                "name": "echo",
                "version": "1",
                "task": "classification",
                "backend": "echo",
                "inputs": inputs,
                "outputs": {"classes": CLASSES, **outputs},
                "files": {},
                "added_at": "2026-01-01T00:00:00+00:00",
            }
        )
    )


def selftest(scores: Sequence[float] = SCORES, **other: Any) -> SelfTest:
    return SelfTest.model_validate({"inputs": ROWS, "outputs": {"score": list(scores)}, **other})


def test_a_model_that_answers_as_it_did_passes() -> None:
    selftest().run(echo(), CLASSES)


def test_scores_may_differ_by_the_tolerance() -> None:
    selftest([SCORES[0], SCORES[1] + 9e-6, SCORES[2]]).run(echo(), CLASSES)


@pytest.mark.parametrize("wrong", [SCORES[1] + 1.1e-5, float("nan")])
def test_a_score_that_moved_is_named_with_its_row(wrong: float) -> None:
    with pytest.raises(SelfTestError, match=r"'score' of row 1 is .* away from what it was"):
        selftest([SCORES[0], wrong, SCORES[2]]).run(echo(), CLASSES)


def test_rows_that_were_answered_differently_must_be_so_again() -> None:
    rows = {
        "a": [0.0, 1.0, 2.0],
        "b": [0.0, 0.0, -1.0],
    }  # the echo sees sums alone: rows 1 and 2 are one to it
    were = [SCORES[0], SCORES[1], SCORES[1] + 1e-6]  # within the tolerance

    with pytest.raises(SelfTestError, match="rows 1 and 2 differ and are answered alike"):
        selftest(were, inputs=rows).run(echo(), CLASSES)


def test_rows_that_were_answered_alike_may_be_so_again() -> None:
    rows = {"a": [0.0, 1.0, 2.0], "b": [0.0, 0.0, -1.0]}

    selftest([SCORES[0], SCORES[1], SCORES[1]], inputs=rows).run(echo(), CLASSES)


def test_an_output_that_the_model_has_not_is_named() -> None:
    wanted = selftest(outputs={"probabilities": [[0.5, 0.5]] * 3})

    with pytest.raises(SelfTestError, match="no output 'probabilities', only class, score"):
        wanted.run(echo(), CLASSES)


def test_answers_of_another_shape_are_refused() -> None:
    with pytest.raises(SelfTestError, match=r"has the shape \[3\], not \[2\]"):
        selftest(SCORES[:2]).run(echo(), CLASSES)


def test_rows_that_the_model_refuses_fail_the_test() -> None:
    with pytest.raises(SelfTestError, match="does not answer: input 'c' is unknown"):
        selftest(inputs={**ROWS, "c": [1, 2, 3]}).run(echo(), CLASSES)


def test_higher_rows_must_outscore_lower_ones() -> None:
    model = echo(classes=("no", "yes", "maybe"), multi_label=True)
    # sigmoid(k x) of the classes k = 1, 2, 3 where x = a + b
    probabilities = [[1 / (1 + 2.718281828459045 ** -(k * x)) for k in (1, 2, 3)] for x in ROWS["a"]]
    outputs = {"probabilities": probabilities}

    def ordered(higher: list[int], lower: list[int]) -> SelfTest:
        order = {"class_name": "yes", "higher": higher, "lower": lower}
        return SelfTest.model_validate({"inputs": ROWS, "outputs": outputs, "order": order})

    ordered([0, 1], [2]).run(model, ("no", "yes", "maybe"))
    with pytest.raises(SelfTestError, match="'yes' puts 50% of the pairs in order, and 90% are wanted"):
        ordered([1, 2], [0]).run(model, ("no", "yes", "maybe"))


def test_a_class_that_the_model_has_not_is_named() -> None:
    order = {"class_name": "joy", "higher": [1], "lower": [0]}

    with pytest.raises(SelfTestError, match="no probability of a class 'joy'"):
        selftest(order=order).run(echo(), CLASSES)


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    assert SelfTest.of(tmp_path) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"inputs": ROWS}, "outputs: Field required"),
        ({"inputs": {}, "outputs": {"score": []}}, "inputs: Dictionary should have at least 1 item"),
        ({"inputs": {"a": []}, "outputs": {"score": []}}, "it: Value error, there are no rows"),
        (
            {"inputs": ROWS, "outputs": {"probabilities": [[0.5, 0.5], [1.0], [0.0, 1.0]]}},
            "it: Value error, 'probabilities' has rows of different lengths",
        ),
        (
            {
                "inputs": ROWS,
                "outputs": {"score": SCORES},
                "order": {"class_name": "a", "higher": [3], "lower": [0]},
            },
            "it: Value error, order names a row that is not there: there are 3",
        ),
    ],
)
def test_a_damaged_one_is_refused(tmp_path: Path, content: dict[str, Any], said: str) -> None:
    (tmp_path / "selftest.json").write_text(json.dumps(content))

    with pytest.raises(SelfTestError, match=rf"selftest\.json: {said}"):
        SelfTest.of(tmp_path)
