"""How values are read: nothing is coerced, and nothing odd gets through."""

from __future__ import annotations

import math

import pytest

from inference.manifest import ModelSpec
from monitors.columns import (
    ANY_GROUP,
    Categories,
    Kind,
    Role,
    read_categories,
    read_lengths,
    read_numbers,
    watched_columns,
)
from storage.records import Value
from tests.helpers.monitoring import model

TEXT = frozenset({str})


def test_each_value_of_a_number_is_present_missing_infinite_or_of_the_wrong_type() -> None:
    values: list[Value] = [1, 2.5, None, math.nan, math.inf, "12", True, [1.0], 10**400]

    numbers = read_numbers(values)

    assert numbers.present.tolist() == [True, True, *[False] * 7]
    assert numbers.missing.nonzero()[0].tolist() == [2, 3]
    assert numbers.not_finite.nonzero()[0].tolist() == [4, 8]
    assert numbers.wrong_type.nonzero()[0].tolist() == [5, 6, 7]


@pytest.mark.parametrize("values", [[1.0, 2.0], [1, None], [None, None], []])
def test_ordinary_numbers_are_none_of_the_wrong_type(values: list[Value]) -> None:
    numbers = read_numbers(values)

    assert not numbers.wrong_type.any()
    assert numbers.missing.sum() == values.count(None)


def test_an_integer_past_the_largest_float_is_not_finite() -> None:
    assert read_numbers([10**400, 1]).not_finite.tolist() == [True, False]


def test_categories_are_named_in_the_order_they_come() -> None:
    groups = read_categories(["b", "a", None, "b"], TEXT)

    assert groups.names == ("b", "a")
    assert groups.codes.tolist() == [0, 1, Categories.MISSING, 0]
    assert groups.counts().tolist() == [0, 1, 2, 1]


def test_one_and_true_and_one_point_nought_are_not_the_same_group() -> None:
    groups = read_categories([1, True, 1.0], frozenset({int}))

    assert groups.names == ("1",)
    assert groups.codes.tolist() == [0, Categories.WRONG_TYPE, Categories.WRONG_TYPE]


def test_an_odd_value_among_categories_is_of_the_wrong_type() -> None:
    groups = read_categories(["a", 1, math.nan, [0.5], None, "a"], TEXT)

    assert groups.codes.tolist() == [0, -2, -1, -2, -1, 0]


def test_a_boolean_is_called_as_in_json() -> None:
    assert read_categories([True, False], frozenset({bool})).names == ("true", "false")


def test_a_slice_may_be_named_by_a_value_of_any_type() -> None:
    groups = read_categories(["a", 1, True, 2.5, None], ANY_GROUP)

    assert groups.names == ("a", "1", "true", "2.5")


def test_a_text_is_watched_by_its_length() -> None:
    lengths = read_lengths(["", "four", None, 7])

    assert lengths.values[:2].tolist() == [0.0, 4.0]
    assert lengths.missing.tolist() == [False, False, True, False]
    assert lengths.wrong_type.tolist() == [False, False, False, True]


def test_inputs_outputs_and_derived_columns_are_watched() -> None:
    watched = {column.name: (column.kind, column.role) for column in watched_columns(model())}

    assert watched == {
        "age": (Kind.NUMBER, Role.INPUT),
        "colour": (Kind.CATEGORY, Role.INPUT),
        "member": (Kind.BOOLEAN, Role.INPUT),
        "comment": (Kind.TEXT, Role.INPUT),
        "class": (Kind.CATEGORY, Role.OUTPUT),
        "score": (Kind.NUMBER, Role.OUTPUT),
        "comment.length": (Kind.LENGTH, Role.INPUT),
    }


def test_a_column_called_like_a_derived_one_keeps_its_name() -> None:
    inputs = [{"name": "comment", "type": "text"}, {"name": "comment.length", "type": "number"}]

    watched = watched_columns(model(inputs=inputs))

    assert [column.kind for column in watched if column.name == "comment.length"] == [Kind.NUMBER]


@pytest.mark.parametrize("action", ["hash", "mask", "drop"])
def test_a_column_that_is_not_kept_as_it_came_is_not_watched(action: str) -> None:
    spec = ModelSpec.model_validate(
        {
            "name": "shop",
            "version": "1",
            "task": "generation",
            "backend": "echo",
            "inputs": [
                {"name": "age", "type": "number"},
                {"name": "note", "type": "text"},
                {"name": "prompt", "type": "text"},
            ],
            "privacy": {"columns": {"age": action, "note": action, "text": action}},
        }
    )

    assert [column.name for column in watched_columns(spec)] == ["prompt", "prompt.length"]
