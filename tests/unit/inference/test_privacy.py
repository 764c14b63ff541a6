"""The section `privacy` of `model.yaml`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from inference.manifest import Action, Detector, ModelSpec


def a_spec(privacy: dict[str, Any], **changes: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "shop",
            "version": "1",
            "task": "classification",
            "backend": "echo",
            "inputs": [{"name": "customer_name", "type": "text"}, {"name": "age", "type": "number"}],
            "outputs": {"classes": ["0", "1"]},
            "privacy": privacy,
            **changes,
        }
    )


def test_columns_tags_and_detectors_are_read() -> None:
    privacy = a_spec(
        {"columns": {"customer_name": "drop", "age": "keep"}, "tags": {"mail": "hash"}, "detect": ["email"]}
    ).privacy

    assert privacy.columns == {"customer_name": Action.DROP, "age": Action.KEEP}
    assert privacy.tags == {"mail": Action.HASH}
    assert privacy.detect == (Detector.EMAIL,)
    assert privacy.altered == {"customer_name"}


def test_an_unknown_column_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        ValidationError, match=r"'customer_nam' is no input or output; did you mean 'customer_name'"
    ):
        a_spec({"columns": {"customer_nam": "drop"}})


@pytest.mark.parametrize("name", ["class", "score"])
def test_what_monitors_need_must_be_kept(name: str) -> None:
    assert a_spec({"columns": {name: "keep"}})

    with pytest.raises(ValidationError, match=f"output '{name}' must be kept: drift, accuracy and bias"):
        a_spec({"columns": {name: "hash"}})


def test_the_number_of_a_regression_must_be_kept() -> None:
    with pytest.raises(ValidationError, match="output 'price' must be kept"):
        a_spec({"columns": {"price": "mask"}}, task="regression", outputs={"name": "price"})


def test_a_generated_text_may_be_dropped() -> None:
    assert a_spec({"columns": {"text": "drop"}}, task="generation", outputs={}).privacy.altered == {"text"}


@pytest.mark.parametrize("action", ["mask", "drop"])
def test_groups_may_be_hashed_and_no_more(action: str) -> None:
    assert a_spec({"tags": {"clerk": "hash"}}, slices=["clerk"])

    with pytest.raises(ValidationError, match=f"'{action}' would leave no groups; hash it"):
        a_spec({"tags": {"clerk": action}}, slices=["clerk"])
    with pytest.raises(ValidationError, match=f"'{action}' would leave no groups; hash it"):
        a_spec({"columns": {"age": action}}, protected=["age"])


def test_an_unknown_action_or_detector_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValidationError, match="'keep', 'hash', 'mask' or 'drop'"):
        a_spec({"columns": {"age": "encrypt"}})
    with pytest.raises(ValidationError, match="'email', 'phone', 'card', 'iban' or 'ip'"):
        a_spec({"detect": ["emial"]})
