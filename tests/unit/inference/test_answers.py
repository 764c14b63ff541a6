"""From logits to output columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax

from inference.answers import Answers
from inference.backend import Outputs, Payload
from inference.errors import InvalidInputError, LoadError
from inference.manifest import Manifest


def manifest(task: str = "classification", **outputs: Any) -> Manifest:
    return Manifest.model_validate(
        {
            "name": "m",
            "version": "1",
            "task": task,
            "backend": "echo",
            "inputs": [{"name": "a", "type": "number"}],
            "outputs": outputs,
            "files": {},
            "added_at": "2026-01-01T00:00:00+00:00",
        }
    )


def payloads(*rows: int) -> list[Payload]:
    return [Payload(data=None, rows=count, units=count) for count in rows]


def only(found: list[Any]) -> Outputs:
    (outputs,) = found
    assert isinstance(outputs, dict)
    return outputs


def test_two_logits_become_the_probability_of_the_positive_class() -> None:
    logits = np.array([[0.3, 1.2], [4.0, -700.0]])

    outputs = only(Answers(manifest(classes=["0", "1"], positive="0")).split(logits, payloads(2)))

    assert outputs["score"] == pytest.approx(softmax(logits, axis=1)[:, 0].tolist(), abs=1e-12)
    assert outputs["class"] == ["1", "0"]


def test_a_score_on_the_threshold_is_positive() -> None:
    answers = Answers(manifest(classes=["no", "yes"], threshold=0.5))

    outputs = only(answers.split(np.array([[1.0, 1.0]]), payloads(1)))

    assert outputs == {"class": ["yes"], "score": [0.5]}


def test_one_logit_for_two_classes_is_that_of_the_positive_one() -> None:
    outputs = only(Answers(manifest(classes=["no", "yes"])).split(np.array([0.7, -3.0]), payloads(2)))

    assert outputs["score"] == pytest.approx(expit([0.7, -3.0]).tolist(), abs=1e-12)


def test_three_classes_carry_all_probabilities() -> None:
    logits = np.array([[1.0, 2.0, 3.0]])

    outputs = only(Answers(manifest(classes=["a", "b", "c"])).split(logits, payloads(1)))

    expected = softmax(logits[0]).tolist()
    assert outputs["class"] == ["c"]
    assert outputs["score"] == pytest.approx([expected[2]])
    assert outputs["probabilities"] == [pytest.approx(expected)]


def test_labels_that_do_not_exclude_each_other_have_a_probability_each() -> None:
    spec = manifest("text-classification", classes=["toxic", "threat"], multi_label=True)
    logits = np.array([[2.0, -1.0]])

    outputs = only(Answers(spec).split(logits, payloads(1)))

    assert outputs["probabilities"] == [pytest.approx(expit([2.0, -1.0]).tolist())]


def test_a_regression_answers_with_its_number() -> None:
    outputs = only(Answers(manifest("regression", name="price")).split(np.array([[1.5], [2.5]]), payloads(2)))

    assert outputs == {"price": [1.5, 2.5]}


def test_each_payload_gets_its_own_rows_and_padding_reaches_none() -> None:
    logits = np.array([[1.0], [2.0], [3.0], [99.0]])

    found = Answers(manifest("regression")).split(logits, payloads(2, 1))

    assert found == [{"prediction": [1.0, 2.0]}, {"prediction": [3.0]}]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_row_without_a_finite_answer_is_refused_alone(odd: float) -> None:
    logits = np.array([[1.0, 2.0], [odd, 0.0], [3.0, 1.0]])

    found = Answers(manifest(classes=["0", "1"])).split(logits, payloads(1, 1, 1))

    assert isinstance(found[1], InvalidInputError)
    assert isinstance(found[0], dict)
    assert isinstance(found[2], dict)


def test_an_array_of_another_width_is_refused_with_both_shapes() -> None:
    with pytest.raises(LoadError, match=r"\[1, 3\].*\[1, 2\] is wanted"):
        Answers(manifest(classes=["0", "1"])).split(np.zeros((1, 3)), payloads(1))
