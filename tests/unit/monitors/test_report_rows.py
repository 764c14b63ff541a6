"""Rows of reports: read as drift reads them, kept with the reference, sampled alike in whatever order."""

from __future__ import annotations

import numpy as np
import pytest

from monitors.errors import InvalidReferenceError, ReportError
from monitors.frames import frame_of_columns
from monitors.reporting.document import About, document
from monitors.reporting.rows import (
    MOST_VALUES,
    OTHERS,
    REFERENCE_ROWS,
    Rows,
    from_bytes,
    rows_of,
    sample_of_reference,
    to_bytes,
    with_few_values,
)
from monitors.reporting.traffic import Sample
from storage.records import Value
from tests.helpers.station import MANIFEST

COLUMNS: dict[str, list[Value]] = {
    "age": [30.0, None, "x", float("inf")],
    "plan": ["free", "paid", None, 7],
    "class": ["1", "0", "1", "0"],
    "score": [0.9, 0.1, 0.8, 0.2],
}


def test_what_cannot_be_read_as_its_kind_is_missing_and_a_label_is_a_class() -> None:
    frame = frame_of_columns(COLUMNS, MANIFEST, labels=[1, None, True, "maybe"])

    rows = rows_of(frame, MANIFEST)

    assert rows.n == 4
    assert np.array_equal(rows.numbers["age"], [30.0, np.nan, np.nan, np.nan], equal_nan=True)
    assert rows.categories["plan"].tolist() == ["free", "paid", None, None]
    assert rows.labels is not None
    assert rows.labels.tolist() == ["1", None, "1", None]
    assert rows.with_label.tolist() == [0, 2]


def test_the_rows_of_a_reference_come_back_from_its_bytes_as_they_were() -> None:
    rows = rows_of(frame_of_columns(COLUMNS, MANIFEST, labels=[1, None, 0, 1]), MANIFEST)

    back, reference = from_bytes(to_bytes(rows, "abc"))

    assert reference == "abc"
    assert back.n == rows.n
    assert np.array_equal(back.numbers["age"], rows.numbers["age"], equal_nan=True)
    assert back.categories["plan"].tolist() == rows.categories["plan"].tolist()
    assert back.labels is not None
    assert back.labels.tolist() == ["1", None, "0", "1"]


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(InvalidReferenceError, match="reference set"):
        from_bytes(b"something else")


def test_of_a_large_reference_the_same_rows_are_kept_each_time() -> None:
    frame = frame_of_columns({"age": list(range(REFERENCE_ROWS + 500))}, MANIFEST)

    first, second = (sample_of_reference(frame, MANIFEST) for _ in range(2))

    assert first.n == REFERENCE_ROWS
    assert len(set(first.numbers["age"])) == REFERENCE_ROWS
    assert np.array_equal(first.numbers["age"], second.numbers["age"])


def test_a_sample_is_the_same_in_whatever_order_its_rows_come() -> None:
    keys = np.random.default_rng(1).permutation(1_000).astype(np.uint64)
    values = keys.astype(np.float64)

    found = []
    for order in (np.arange(1_000), np.arange(1_000)[::-1]):
        sample = Sample(most=100)
        for part in np.array_split(order, 7):
            sample.add(Rows(n=len(part), numbers={"x": values[part]}), keys[part])
        found.append(sample.result().numbers["x"].tolist())

    assert found[0] == found[1] == list(range(100))  # those with the smallest keys
    assert sample.seen == 1_000


def test_a_page_that_is_not_evidently_s_is_no_report() -> None:
    with pytest.raises(ReportError, match=r"0\.7\.23"):
        document("<html></html>", About(title="t", lines=()))


def test_the_rarest_names_of_a_long_column_are_one_and_all_of_a_short_one_stay() -> None:
    rare = [f"order {number}" for number in range(MOST_VALUES)]
    now, then = (
        Rows(
            n=len(names),
            categories={"order": np.array(names, dtype=object), "plan": np.array(plans, dtype=object)},
        )
        for names, plans in ((["often"] * 2 + rare, ["free"] * 202), (["often", None], ["paid", None]))
    )

    (now, then), folded = with_few_values((now, then), {"order", "plan"})

    assert folded == ["order"]
    assert now.categories["order"].tolist() == ["often", "often", *rare[:-1], OTHERS]
    assert then.categories["order"].tolist() == ["often", None]
    assert then.categories["plan"].tolist() == ["paid", None]
