"""Files read as the model declares its columns."""

from __future__ import annotations

import pandas as pd
import pytest

from monitors.errors import InvalidReferenceError
from monitors.tables import frame_of_table
from tests.helpers.monitoring import model

SHOP = model(slices=["country", "colour"])


def test_inputs_outputs_tags_and_labels_are_found_by_name() -> None:
    table = pd.DataFrame(
        {
            "age": [30, 40],
            "colour": ["red", None],
            "class": [1, 0],
            "score": [0.9, 0.2],
            "country": ["DE", None],
            "bought": [1.0, float("nan")],
            "unrelated": [1, 2],
        }
    )

    frame = frame_of_table(table, SHOP)

    assert list(frame.column("age")) == [30, 40]
    assert list(frame.column("colour")) == ["red", None]
    assert list(frame.column("class")) == ["1", "0"]
    assert list(frame.tag("country")) == ["DE", None]
    assert frame.labels == [1.0, None]
    assert frame.tags == ("country",)


def test_categories_that_a_csv_turned_into_numbers_are_themselves_again() -> None:
    grades = model(inputs=[{"name": "grade", "type": "category", "categories": ["1", "2"]}])
    ranks = model(inputs=[{"name": "rank", "type": "category", "categories": [1, 2]}])

    with_gaps = pd.DataFrame({"grade": [1.0, None, 2.0], "rank": [1.0, None, 2.0]})

    assert list(frame_of_table(with_gaps, grades).column("grade")) == ["1", None, "2"]
    assert list(frame_of_table(with_gaps, ranks).column("rank")) == [1, None, 2]


def test_booleans_are_read_from_words_and_digits() -> None:
    table = pd.DataFrame({"member": ["True", "false", 1, 0.0, "perhaps", None]}, dtype=object)

    assert list(frame_of_table(table, SHOP).column("member")) == [True, False, True, False, "perhaps", None]


def test_a_text_where_a_number_belongs_stays_a_text() -> None:
    frame = frame_of_table(pd.DataFrame({"age": ["12", 13.0]}, dtype=object), SHOP)

    assert frame.numbers("age").wrong_type.tolist() == [True, False]


def test_missing_values_of_pandas_are_missing() -> None:
    table = pd.DataFrame(
        {"age": pd.array([1, pd.NA], dtype="Int64"), "colour": pd.array(["red", pd.NA], dtype="string")}
    )

    frame = frame_of_table(table, SHOP)

    assert frame.numbers("age").missing.tolist() == [False, True]
    assert list(frame.column("colour")) == ["red", None]


def test_without_a_label_column_there_are_no_labels() -> None:
    assert frame_of_table(pd.DataFrame({"age": [1]}), SHOP).labels is None


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidReferenceError, match="it needs age, colour, member, comment, and has weight"):
        frame_of_table(pd.DataFrame({"weight": [1]}), SHOP)


def test_a_hashed_input_is_there_to_slice_by_and_not_watched() -> None:
    shop = model(slices=["colour"], privacy={"columns": {"colour": "hash"}})

    frame = frame_of_table(pd.DataFrame({"age": [1, 2], "colour": ["h01", "h02"]}), shop)

    assert "colour" not in frame.columns
    assert frame.groups("colour").names == ("h01", "h02")
