"""A reference: what it keeps of its rows, its hash, its bytes."""

from __future__ import annotations

import msgspec
import pytest

from monitors import kinds
from monitors.errors import InvalidReferenceError
from monitors.frames import frame_of_columns
from monitors.reference import KNOWN_CATEGORIES, Reference, reference_of
from storage.records import Value
from storage.summary import Summary, SummaryMismatchError
from tests.helpers.monitoring import MODELS, tame_frame

SHOP = MODELS["two classes"]


def reference(columns: dict[str, list[Value]]) -> Reference:
    return reference_of(frame_of_columns(columns, SHOP), SHOP, "a test", kinds())


def test_numbers_are_described_by_edges_and_moments_of_the_values_that_can_be_used() -> None:
    age = reference({"age": [4.0, 1.0, 3.0, 2.0, None, "7", float("inf")]}).columns["age"]

    assert (age.rows, age.minimum, age.maximum, age.median, age.mean) == (4, 1.0, 4.0, 2.5, 2.5)
    assert age.sd == pytest.approx(1.25**0.5)
    assert len(age.edges) == 31


def test_categories_are_kept_with_the_most_frequent_first() -> None:
    colour = reference({"colour": ["blue", "red", "red", None, "green", "blue", "red"]}).columns["colour"]

    assert colour.categories == ("red", "blue", "green")
    assert colour.category_counts == (3, 2, 1)
    assert dict(colour.places) == {"red": 0, "blue": 1, "green": 2}


def test_rare_categories_share_a_cell_and_too_many_are_forgotten() -> None:
    values: list[Value] = [f"v{i:05d}" for i in range(KNOWN_CATEGORIES + 5)]

    colour = reference({"colour": values}).columns["colour"]

    assert len(colour.categories) == KNOWN_CATEGORIES
    assert (colour.top, colour.places["v00049"], colour.places["v00050"], colour.places["v09999"]) == (
        50,
        49,
        50,
        50,
    )


def test_a_column_without_a_usable_value_is_left_out() -> None:
    assert "age" not in reference({"age": [None, "7"], "colour": ["red", "red"]}).columns


def test_every_monitor_counts_the_reference_itself() -> None:
    whole = reference_of(tame_frame(SHOP), SHOP, "a test", kinds())

    assert {"drift", "quality", "accuracy"} <= set(whole.summaries)
    assert whole.summaries["drift"].reference == whole.hash
    assert whole.summaries["accuracy"].reference is None
    assert int(whole.summaries["drift"]["counts/age"].sum()) == 500


def test_bytes_bring_it_back_with_its_hash() -> None:
    whole = reference_of(tame_frame(SHOP), SHOP, "a test", kinds())

    back = Reference.from_bytes(whole.to_bytes())

    assert back == whole
    assert back.summaries["drift"].reference == whole.hash


def test_the_hash_is_that_of_the_content_and_of_nothing_else() -> None:
    rows: dict[str, list[Value]] = {"age": [1.0, 2.0, 3.0]}

    assert reference(rows).hash == reference(rows).hash
    assert reference(rows).hash != reference({"age": [1.0, 2.0, 3.5]}).hash


def test_summaries_of_two_references_do_not_add() -> None:
    one, other = (reference({"age": [1.0, last]}).summaries["drift"] for last in (2.0, 9.0))

    with pytest.raises(SummaryMismatchError):
        one + other
    assert one + Summary() == one


def test_altered_bytes_are_refused() -> None:
    stored = msgspec.msgpack.decode(reference({"age": [1.0, 2.0, 3.0]}).to_bytes())
    stored["columns"][0]["edges"][0] = 1.5

    with pytest.raises(InvalidReferenceError, match="altered"):
        Reference.from_bytes(msgspec.msgpack.encode(stored))


@pytest.mark.parametrize("data", [b"", b"\x93\x01\x02\x03", b"nonsense"])
def test_other_bytes_are_no_reference(data: bytes) -> None:
    with pytest.raises(InvalidReferenceError, match="inferwatch reference set"):
        Reference.from_bytes(data)


def test_a_reference_needs_rows() -> None:
    with pytest.raises(InvalidReferenceError, match="has no rows"):
        reference({"age": []})
