"""The desk of a person who labels: what comes next, what was done, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.views.labelling import BLOCK, FRESH, Desk, Row, Samples, is_long, samples_of
from dashboard.words import literal

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def found(*rows: int, answered: int = 0, chosen: int = 10) -> Samples:
    """What the gateway says: these rows are open."""
    day = {"model": "shop", "version": "1", "day": "2026-03-02T00:00:00Z", "budget": 100.0}
    return samples_of(
        {
            "samples": [_sample(row) for row in rows],
            "progress": [{**day, "chosen": chosen, "answered": answered}],
        }
    )


def _sample(row: int) -> dict[str, Any]:
    return {
        "event": "p-1-0",
        "row": row,
        "model": "shop",
        "version": "1",
        "arm": "stable",
        "at": "2026-03-02T11:00:00Z",
        "pi": 0.5,
        "inputs": {"age": 40, "note": None},
        "outputs": {"class": "1"},
        "tags": {"country": "DE"},
        "question": {"label": None, "type": "class", "classes": ["0", "1"]},
    }


def desk(*rows: int, answered: int = 0) -> Desk:
    return Desk(model=None, filled_at=NOON).filled(found(*rows, answered=answered), None, NOON)


def asked(desk: Desk) -> int | None:
    return None if desk.row is None else desk.row.row


def answered(desk: Desk) -> int:
    (day,) = desk.today
    return day.answered


def test_after_an_answer_the_next_row_comes_and_the_day_has_one_more() -> None:
    after = desk(1, 2, answered=3).answered("1")

    assert (asked(after), answered(after)) == (2, 4)


def test_a_skipped_row_is_passed_over_and_not_counted() -> None:
    after = desk(1, 2).skip()

    assert (asked(after), answered(after), after.skipped) == (2, 0, 1)


def test_undo_asks_about_the_row_again() -> None:
    after = desk(1, 2).answered("1").undone()

    assert (asked(after), answered(after), after.last) == (1, 0, None)


def test_undo_goes_back_step_by_step() -> None:
    after = desk(1, 2, 3).answered("1").skip().answered("0").undone()
    last = after.last

    assert (asked(after), answered(after)) == (3, 1)
    assert last is not None
    assert last.label is None
    assert asked(after.undone()) == 2
    assert asked(after.undone().undone()) == 1


def test_rows_that_were_done_with_do_not_come_again_while_their_labels_are_on_the_way() -> None:
    one = desk(1, 2).answered("1").skip()

    two = one.filled(found(1, 2, 3, answered=0), None, NOON)

    assert [row.row for row in two.waiting] == [3]
    assert answered(two) == 1  # the first, which the gateway does not know of yet


def test_an_answer_that_arrived_is_counted_once() -> None:
    one = desk(1, 2).answered("1").answered("0")

    two = one.filled(found(2, 3, answered=1), None, NOON)

    assert answered(two) == 2
    assert answered(two.undone()) == 1


def test_what_was_skipped_can_be_asked_about_again() -> None:
    one = desk(1).skip()

    two = one.anew().filled(found(1), None, NOON)

    assert (asked(two), two.skipped) == (1, 0)


def test_rows_come_in_blocks_and_more_are_asked_for_than_were_passed_over() -> None:
    one = desk(*range(30))
    for _ in range(5):
        one = one.skip()

    assert len(desk(*range(30)).waiting) == BLOCK
    assert one.wanted >= BLOCK + 5


def test_a_block_is_asked_for_anew_when_it_is_empty_old_or_of_another_model() -> None:
    one = desk(1)

    assert not one.is_stale(None, NOON)
    assert one.is_stale("shop", NOON)
    assert one.is_stale(None, NOON + FRESH + timedelta(seconds=1))
    assert one.answered("1").is_stale(None, NOON)


def test_an_answer_of_an_earlier_day_is_not_counted_for_this_one() -> None:
    sample = {**_sample(1), "at": "2026-03-01T11:00:00Z"}
    early = Samples(samples=[_row(sample)], progress=found().progress)

    after = Desk(model=None, filled_at=NOON).filled(early, None, NOON).answered("1")

    assert answered(after) == 0


def _row(sample: dict[str, Any]) -> Row:
    (row,) = samples_of({"samples": [sample], "progress": []}).samples
    return row


@pytest.mark.parametrize(
    ("value", "long"), [("short", False), ("a\nb", True), ("x" * 61, True), (3.5, False)]
)
def test_a_text_to_read_stands_apart_from_values_to_see(value: str | float, *, long: bool) -> None:
    assert is_long(value) is long


def test_every_sign_of_markdown_in_a_name_means_itself() -> None:
    assert literal("![x](http://y) **b** $z$ :red[r]") == (
        r"\!\[x\]\(http\:\/\/y\) \*\*b\*\* \$z\$ \:red\[r\]"
    )
    assert literal("two\nlines") == "two lines"
    assert literal("x" * 90, longest=10) == "x" * 9 + "…"
