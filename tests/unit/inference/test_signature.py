"""The signature check: what is taken, and what an error says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backend import Value
from inference.errors import InvalidInputError
from inference.manifest import Manifest
from inference.signature import Table, TableSignature, TextSignature

INPUTS: list[dict[str, Any]] = [
    {"name": "age", "type": "number", "mean": 40.0, "std": 10.0},
    {"name": "income", "type": "number", "mean": 100.0, "std": 50.0, "missing": 100.0},
    {"name": "city", "type": "category", "categories": ["Berlin", "Paris"]},
    {"name": "plan", "type": "category", "categories": [1, 2, 3], "unseen": 3, "missing": 1},
    {"name": "owner", "type": "boolean"},
]
GOOD: dict[str, list[Value]] = {
    "age": [30, 50.5],
    "income": [None, 200],
    "city": ["Paris", "Berlin"],
    "plan": [2, 9],
    "owner": [True, False],
}


def manifest(inputs: Sequence[Mapping[str, Any]], **limits: Any) -> Manifest:
    return Manifest.model_validate(
        {
            "name": "m",
            "version": "1",
            "task": "regression",
            "backend": "echo",
            "inputs": list(inputs),
            "limits": limits,
            "files": {},
            "added_at": "2026-01-01T00:00:00+00:00",
        }
    )


def test_numbers_are_scaled_and_categories_coded() -> None:
    payload = TableSignature(manifest(INPUTS)).check(GOOD, 2)

    table: Table = payload.data
    assert payload.rows == payload.units == 2
    assert table.numbers.tolist() == [[-1.0, 0.0], [pytest.approx(1.05), 2.0]]  # (50.5 - 40) / 10
    assert table.categories.tolist() == [[1, 1, 1], [0, 2, 0]]
    assert table.numbers.dtype == np.float32


def test_a_column_with_a_stand_in_may_be_absent() -> None:
    columns = {name: values for name, values in GOOD.items() if name != "income"}

    payload = TableSignature(manifest(INPUTS)).check(columns, 2)

    assert payload.data.numbers[:, 1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("age", [30, "50"], "input 'age', row 1: the text '50' came; a number is wanted"),
        ("age", [True, 50], "input 'age', row 0: a boolean True came; a number is wanted"),
        ("age", [30, None], "input 'age', row 1: a value is missing; send a number"),
        ("age", [30, math.nan], "input 'age', row 1: nan is not finite; send a finite number"),
        ("age", [math.inf, 1], "input 'age', row 0: inf is not finite; send a finite number"),
        ("age", [1e308, 1], "input 'age', row 0: 1e+308 does not fit 32-bit floats; send a smaller number"),
        ("age", [10**5000, 1], "a huge integer does not fit 32-bit floats"),
        ("age", [[1.0], 1], "input 'age', row 0: a list came; a number is wanted"),
        ("age", [{}, 1], "input 'age', row 0: an object came; a number is wanted"),
        ("age", [30], "input 'age' has 1 values for 2 rows; each row needs one"),
        ("age", [1, 2, 3], "input 'age' has 3 values for 2 rows; each row needs one"),
        (
            "city",
            ["Paris", "Rome"],
            "row 1: the text 'Rome' is not a known category; known are 'Berlin', 'Paris'",
        ),
        ("city", ["Paris", 1], "row 1: the number 1 is not a known category"),
        ("city", ["Paris", None], "input 'city', row 1: a value is missing; send one"),
        ("city", [["Paris"], "Paris"], "input 'city', row 0: a list is not a known category"),
        ("plan", [2, 2.0], "row 1: the number 2.0 is not a known category; known are 1, 2, 3"),
        ("owner", [True, 1], "row 1: the number 1 is not a known category; known are False, True"),
        ("owner", ["true", True], "row 0: the text 'true' is not a known category"),
    ],
)
def test_an_odd_value_is_refused_by_column_and_row(column: str, values: list[Any], said: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        TableSignature(manifest(INPUTS)).check({**GOOD, column: values}, 2)

    assert said in str(refusal.value)
    assert refusal.value.column == column


def test_a_boolean_is_no_category_called_one() -> None:
    inputs: list[dict[str, Any]] = [{"name": "plan", "type": "category", "categories": [0, 1]}]

    with pytest.raises(InvalidInputError, match="a boolean True is not a known category"):
        TableSignature(manifest(inputs)).check({"plan": [True]}, 1)


def test_an_unknown_column_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match=r"input 'height' is unknown; the model takes age, income"):
        TableSignature(manifest(INPUTS)).check({**GOOD, "height": [1, 2]}, 2)


def test_an_absent_column_is_refused_by_name() -> None:
    columns = {name: values for name, values in GOOD.items() if name != "city"}

    with pytest.raises(InvalidInputError, match="input 'city' is absent"):
        TableSignature(manifest(INPUTS)).check(columns, 2)


@pytest.mark.parametrize("rows", [0, 3])
def test_a_request_of_too_few_or_too_many_rows_is_refused(rows: int) -> None:
    with pytest.raises(InvalidInputError, match=f"a request holds 1 to 2 rows, this one {rows}"):
        TableSignature(manifest(INPUTS, max_rows=2)).check({}, rows)


def test_a_text_must_be_a_text() -> None:
    signature = TextSignature(manifest([{"name": "comment", "type": "text"}]))

    assert signature.check({"comment": ["hello", ""]}, 2).data == ["hello", ""]
    with pytest.raises(
        InvalidInputError, match="input 'comment', row 1: the number 5 came; a text is wanted"
    ):
        signature.check({"comment": ["hello", 5]}, 2)
    with pytest.raises(InvalidInputError, match="row 0: half a surrogate pair"):
        signature.check({"comment": ["\ud83d", "ü"]}, 2)


@given(values=st.lists(st.floats() | st.integers(), min_size=1, max_size=20))
def test_what_is_taken_is_finite_and_what_is_not_is_named(values: list[float]) -> None:
    signature = TableSignature(manifest([{"name": "x", "type": "number"}]))

    largest = float(np.finfo(np.float32).max)
    fits = all(math.isfinite(value) if isinstance(value, float) else True for value in values) and all(
        -largest <= value <= largest for value in values
    )
    if fits:
        assert np.isfinite(signature.check({"x": values}, len(values)).data.numbers).all()
        return
    with pytest.raises(InvalidInputError) as refusal:
        signature.check({"x": values}, len(values))
    assert refusal.value.column == "x"
