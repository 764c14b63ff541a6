"""Quality: shares of values that cannot be used, beside the reference's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from monitors import build, kinds
from monitors.base import ModelContext
from monitors.frames import frame_of_columns, frames_of
from monitors.reference import reference_of
from storage.records import Measurement, Outcome, Value
from storage.summary import Summary
from tests.helpers.monitoring import PANE, event, model, numbered

SHOP = model()
BARE = ModelContext(manifest=SHOP)
AGES: list[Value] = [float(20 + i % 40) for i in range(1_000)]


def judged(
    current: Mapping[str, Sequence[Value]], reference: Mapping[str, Sequence[Value]] | None = None
) -> dict[tuple[str, str | None], Measurement]:
    context, then = BARE, None
    if reference is not None:
        made = reference_of(frame_of_columns(reference, SHOP), SHOP, "a test", kinds())
        context, then = ModelContext(manifest=SHOP, reference=made), made.summaries["quality"]
    quality = build("quality", {}, context)
    found = quality.assess(quality.observe(frame_of_columns(current, SHOP)), then)
    return {(one.metric, one.column): one for one in found}


def test_each_fault_of_a_number_has_a_share() -> None:
    ages = [*AGES[:900], *[None] * 40, *["12"] * 30, *[float("inf")] * 20, 19.0, *[60.5] * 9]

    found = judged({"age": ages}, {"age": AGES})

    assert found["missing_share", "age"].value == 0.040
    assert found["wrong_type_share", "age"].value == 0.030
    assert found["not_finite_share", "age"].value == 0.020
    assert found["out_of_range_share", "age"].value == 0.010
    assert found["missing_share", "age"].n == 1_000


def test_each_fault_of_a_category_and_a_text_has_a_share() -> None:
    colours = ["red"] * 90 + ["violet"] * 5 + [None] * 3 + [7] * 2
    comments = ["fine"] * 90 + [""] * 10

    found = judged({"colour": colours, "comment": comments}, {"colour": ["red", "blue"] * 50})

    assert found["unseen_share", "colour"].value == 0.05
    assert found["missing_share", "colour"].value == 0.03
    assert found["wrong_type_share", "colour"].value == 0.02
    assert found["empty_share", "comment"].value == 0.10


def test_a_share_like_the_reference_s_own_is_healthy_and_a_larger_one_is_not() -> None:
    often = {"age": [*AGES[:900], *[None] * 100]}

    assert not judged(often, often)["missing_share", "age"].breached
    assert judged(often, {"age": AGES})["missing_share", "age"].breached
    assert judged({"age": [*AGES[:800], *[None] * 200]}, often)["missing_share", "age"].breached


def test_a_few_bad_values_may_be_chance() -> None:
    # up to .01 is healthy (10 rows of the reference's 1,000); of 200 rows 4 may be chance: P(>= 4) = .14
    few, many = ({"age": [*AGES[: 200 - n], *[None] * n]} for n in (4, 12))

    assert not judged(few, {"age": AGES})["missing_share", "age"].breached
    assert judged(many, {"age": AGES})["missing_share", "age"].breached  # P(>= 12) = 1e-6


def test_the_range_of_a_small_reference_is_not_trusted_to_the_row() -> None:
    reference, current = {"age": AGES[:40] * 3}, {"age": [*AGES[:980], *[61.0] * 20]}

    assert not judged(current, reference)["out_of_range_share", "age"].breached
    assert judged(current, {"age": AGES})["out_of_range_share", "age"].breached is False
    assert judged({"age": [*AGES[:900], *[61.0] * 100]}, {"age": AGES})["out_of_range_share", "age"].breached


def test_too_few_rows_are_unknown() -> None:
    found = judged({"age": [None] * 99})

    assert found["missing_share", "age"].value is None


def test_without_a_reference_categories_are_those_of_the_model_and_ranges_are_unknown() -> None:
    found = judged({"age": AGES[:100], "colour": ["violet"] * 50 + ["red"] * 50, "comment": [""] * 100})

    assert found["unseen_share", "colour"].breached
    assert found["out_of_range_share", "age"].bounds.upper is None
    assert not found["empty_share", "comment"].breached


def test_a_missing_value_that_the_model_replaces_is_not_judged_without_a_reference() -> None:
    lenient = model(inputs=[{"name": "age", "type": "number", "missing": 40.0}])
    quality = build("quality", {}, ModelContext(manifest=lenient))

    summary = quality.observe(frame_of_columns({"age": [None] * 200}, lenient))

    shares = {one.metric: one for one in quality.assess(summary, None) if one.column == "age"}
    assert shares["missing_share"].value == 1.0
    assert not shares["missing_share"].breached


def test_refused_rows_count_for_inputs_and_not_for_outputs() -> None:
    answered = event(inputs={"age": [30.0]}, outputs={"class": ["1"], "score": [0.9]})
    refused = event(outcome=Outcome.REJECTED, inputs={"age": ["old"]})
    unreadable = event(outcome=Outcome.REJECTED)

    (frame,) = frames_of(numbered([answered, refused, unreadable]), SHOP, PANE)
    summary = build("quality", {}, BARE).observe(frame)

    assert summary["age"].tolist() == [2, 0, 1, 0, 0, 0, 0, 0]
    assert summary["score"].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("summary", [Summary()])
def test_columns_that_nobody_sent_are_unknown(summary: Summary) -> None:
    assert all(one.value is None for one in build("quality", {}, BARE).assess(summary, None))
