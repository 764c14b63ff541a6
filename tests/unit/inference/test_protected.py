"""`protected` in `model.yaml`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from inference.manifest import ModelSpec


def a_spec(protected: list[Any], **changes: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "shop",
            "version": "1",
            "task": "classification",
            "backend": "echo",
            "inputs": [{"name": "age", "type": "number"}],
            "outputs": {"classes": ["0", "1"]},
            "slices": ["country", "sex"],
            "protected": protected,
            **changes,
        }
    )


def test_names_and_intersections_are_groupings() -> None:
    spec = a_spec(["race", "sex", ["race", "sex"]])

    assert spec.groupings == (("race",), ("sex",), ("race", "sex"))
    assert spec.group_names == ("country", "sex", "race")
    assert ModelSpec.model_validate_json(spec.model_dump_json()).groupings == spec.groupings


@pytest.mark.parametrize(
    ("protected", "why"),
    [
        ([["race"]], "an intersection has two names or more"),
        ([[]], "an intersection has two names or more"),
        ([["race", "race"]], "holds a name twice"),
        (["race", "race"], "the same names stand there twice"),
        ([["race", "sex"], ["sex", "race"]], "the same names stand there twice"),
        ([""], "must have a character"),
        (["race=A"], "'race=A' must have a character, and none of '=', '&' and '|'"),
    ],
)
def test_what_makes_no_groups_is_refused(protected: list[Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        a_spec(protected)


def test_groups_are_compared_where_there_are_two_classes() -> None:
    with pytest.raises(ValidationError, match="two classes; use slices here"):
        a_spec(["race"], outputs={"classes": ["a", "b", "c"]})
    with pytest.raises(ValidationError, match="two classes; use slices here"):
        a_spec(["race"], task="regression", outputs={})
    with pytest.raises(ValidationError, match="two classes; use slices here"):
        a_spec(["race"], outputs={"classes": ["a", "b"], "multi_label": True})


def test_the_classes_of_a_text_model_may_be_found_out_later() -> None:
    assert a_spec(["race"], task="text-classification", outputs={}).protected == ("race",)


def test_a_protected_column_may_be_hashed_but_not_dropped() -> None:
    assert a_spec(["race"], privacy={"tags": {"race": "hash"}})

    with pytest.raises(ValidationError, match="'race' is in slices or protected"):
        a_spec(["race"], privacy={"tags": {"race": "drop"}})
