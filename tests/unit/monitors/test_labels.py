"""Labels as apps and files write them."""

from __future__ import annotations

import math

import pytest

from monitors.labels import allowed_labels, label_of
from storage.records import Value
from tests.helpers.monitoring import MODELS

TWO, NUMBER = MODELS["two classes"], MODELS["regression"]


@pytest.mark.parametrize("value", ["1", 1, 1.0, True])
def test_a_class_may_be_written_as_text_number_or_boolean(value: Value) -> None:
    assert label_of(value, TWO) == "1"


@pytest.mark.parametrize("value", ["yes", 2, 0.5, "1.0", "", math.nan, math.inf, [1.0]])
def test_anything_else_is_no_class(value: Value) -> None:
    assert label_of(value, TWO) is None


@pytest.mark.parametrize(("value", "number"), [(2, 2.0), (-0.5, -0.5), (0, 0.0)])
def test_a_regression_takes_numbers(value: Value, number: float) -> None:
    assert label_of(value, NUMBER) == number


@pytest.mark.parametrize("value", ["2", True, math.nan, math.inf, 10**400])
def test_a_regression_takes_nothing_else(value: Value) -> None:
    assert label_of(value, NUMBER) is None


def test_what_is_allowed_can_be_said() -> None:
    assert allowed_labels(TWO) == "one of '0', '1'"
    assert allowed_labels(NUMBER) == "a finite number"
