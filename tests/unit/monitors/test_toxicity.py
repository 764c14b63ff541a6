"""Toxicity: shares of flagged texts, by sums made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monitors import build
from monitors.base import ModelContext
from monitors.errors import MonitorSettingsError
from monitors.frames import Frame, frame_of_columns, frames_of
from monitors.reference import reference_of
from monitors.statistics import wilson
from monitors.toxicity import Toxicity
from storage.records import EventId, Measurement, Value
from storage.summary import Example, Summary
from tests.helpers.monitoring import PANE, SCORER
from tests.helpers.scoring import FORUM, a_comment

CONTEXT = ModelContext(manifest=FORUM, scorer=SCORER)
MONITOR = Toxicity(model=CONTEXT)
NAN = float("nan")


def frame_of(scores: list[list[float]], texts: list[Value] | None = None) -> Frame:
    """Comments with scores for toxicity and insult."""
    column = np.array(scores, dtype=np.float32).reshape(len(scores), 2)
    return frame_of_columns({"comment": texts or ["a text"] * len(scores)}, FORUM, scores={"comment": column})


def flagged(share: float, n: int = 1000) -> Frame:
    """So many comments of which a share is toxic, at .9."""
    return frame_of([[0.9, 0.1]] * round(share * n) + [[0.1, 0.1]] * (n - round(share * n)))


def measured(monitor: Toxicity, current: Summary, reference: Summary | None = None) -> dict[str, Measurement]:
    found = monitor.assess(current, reference)
    return {f"{one.metric} {one.column}": one for one in found}


def test_shares_are_those_of_the_scored_texts() -> None:
    scores = [[0.49, 0.0], [0.5, 0.0], [0.79, 0.5], [0.8, 0.9], [1.0, 0.1], [NAN, NAN]] * 20

    found = measured(MONITOR, MONITOR.observe(frame_of(scores)))

    assert found["toxic_share comment.toxicity"].value == 80 / 100  # .5 itself is flagged
    assert found["toxic_share comment.toxicity"].interval == pytest.approx(wilson(80, 100))
    assert found["severe_share comment.toxicity"].value == 40 / 100
    assert found["toxic_share comment.insult"].value == 40 / 100
    assert found["severe_share comment.insult"].value == 20 / 100
    assert found["scored_share comment"].value == 100 / 120
    # (.49 + .5 + .79 + .8 + 1) / 5
    assert found["mean_score comment.toxicity"].value == pytest.approx(0.716, abs=1e-6)


def test_what_is_no_text_is_counted_as_what_it_is() -> None:
    texts: list[Value] = ["a text", "", " \t", None, NAN, 7, "\ud800", "not scored"]
    scores = [[0.9, 0.1]] + [[NAN, NAN]] * 7

    summary = MONITOR.observe(frame_of(scores, texts))

    # rows, scored, unscored, truncated, empty, missing, wrong type, invalid
    assert summary["texts input comment"].tolist() == [8, 1, 1, 0, 2, 2, 1, 1]


def test_a_share_above_its_limit_is_breached_when_chance_does_not_explain_it() -> None:
    six_of_a_hundred = measured(MONITOR, MONITOR.observe(flagged(0.06, 100)))
    twenty_of_two_hundred = measured(MONITOR, MONITOR.observe(flagged(0.10, 200)))

    few, many = (found["toxic_share comment.toxicity"] for found in (six_of_a_hundred, twenty_of_two_hundred))
    assert few.value == 0.06  # P(at least 6 of 100 at .05) = .384
    assert not few.breached
    assert many.bounds.upper == 0.05  # P(at least 20 of 200 at .05) is about .0027: not below .001
    assert not many.breached
    assert measured(MONITOR, MONITOR.observe(flagged(0.10, 400)))["toxic_share comment.toxicity"].breached


def test_without_a_reference_flags_are_limited_for_the_class_that_covers_the_others_alone() -> None:
    found = measured(MONITOR, MONITOR.observe(frame_of([[0.6, 0.6]] * 200)))

    assert found["toxic_share comment.toxicity"].breached
    assert found["toxic_share comment.insult"].bounds.upper is None
    assert not found["toxic_share comment.insult"].breached
    assert found["severe_share comment.insult"].bounds.upper == 0.01


def test_few_texts_say_nothing() -> None:
    found = measured(MONITOR, MONITOR.observe(flagged(1.0, 99)))["toxic_share comment.toxicity"]

    assert found.value is None
    assert not found.breached


def test_a_scored_reference_sets_the_limit() -> None:
    reference = reference_of(flagged(0.20), FORUM, "a test", {"toxicity": Toxicity}, SCORER)
    monitor = Toxicity(model=ModelContext(manifest=FORUM, reference=reference, scorer=SCORER))
    then = reference.summaries["toxicity"]

    found = measured(monitor, monitor.observe(flagged(0.22)), then)["toxic_share comment.toxicity"]

    margin = 2 * math.sqrt(0.2 * 0.8 / 1000)  # above the tolerance of .01 and ten rows in a thousand
    assert found.bounds.upper == pytest.approx(0.2 + margin)
    assert not found.breached
    assert measured(monitor, monitor.observe(flagged(0.35)), then)["toxic_share comment.toxicity"].breached


def test_a_limit_of_the_operator_holds_beside_the_reference() -> None:
    reference = reference_of(flagged(0.20), FORUM, "a test", {"toxicity": Toxicity}, SCORER)
    monitor = Toxicity(
        model=ModelContext(manifest=FORUM, reference=reference, scorer=SCORER), max_share={"toxicity": 0.1}
    )

    found = measured(monitor, monitor.observe(flagged(0.2)), reference.summaries["toxicity"])

    assert found["toxic_share comment.toxicity"].bounds.upper == 0.1
    assert found["toxic_share comment.toxicity"].breached
    assert found["toxic_share comment.insult"].bounds.upper == pytest.approx(
        0.01
    )  # 0 + ten rows in a thousand


def test_a_reference_that_another_model_scored_is_not_compared_with() -> None:
    reference = Summary(MONITOR.observe(flagged(0.9)).counts, "another hash")

    found = measured(MONITOR, MONITOR.observe(flagged(0.2)), reference)

    assert found["toxic_share comment.toxicity"].bounds.upper == 0.05


def test_counts_of_other_thresholds_are_kept_apart() -> None:
    stricter = Toxicity(model=CONTEXT, threshold={"insult": 0.25})
    together = MONITOR.observe(frame_of([[0.3, 0.3]] * 100)) + stricter.observe(frame_of([[0.3, 0.3]] * 200))

    assert measured(MONITOR, together)["toxic_share comment.insult"].n == 100
    assert measured(stricter, together)["toxic_share comment.insult"].n == 200
    assert measured(MONITOR, together)["toxic_share comment.insult"].value == 0
    assert measured(stricter, together)["toxic_share comment.insult"].value == 1
    assert measured(stricter, together)["toxic_share comment.toxicity"].value == 0


def test_the_worst_texts_are_kept_by_their_place() -> None:
    events = [
        (EventId(producer="p", segment=2, offset=10 * place), a_comment("one", "two")) for place in range(30)
    ]
    scores = np.zeros((60, 2), dtype=np.float32)
    scores[[7, 40, 41], 0] = 0.75, 0.5, 1.0
    scores[:, 1] = 0.25

    (frame,) = frames_of(events, FORUM, PANE, lambda _: {"comment": scores})
    examples = MONITOR.observe(frame).examples

    assert examples["comment/toxicity"] == (
        Example(score=1_000_000, producer="p", segment=2, offset=200, row=1),
        Example(score=750_000, producer="p", segment=2, offset=30, row=1),
        Example(score=500_000, producer="p", segment=2, offset=200, row=0),
    )
    assert len(examples["comment/insult"]) == 20  # of sixty equal ones those with the greatest place
    assert {example.offset for example in examples["comment/insult"]} == set(range(200, 300, 10))


def test_a_generated_text_counts_where_it_was_answered() -> None:
    manifest = FORUM.model_copy(update={"task": "generation"})
    context = ModelContext(manifest=manifest, scorer=SCORER)
    columns: dict[str, list[Value]] = {"comment": ["a"] * 2, "text": ["b"] * 2}
    scores = {name: np.full((2, 2), 0.9, dtype=np.float32) for name in columns}

    summary = Toxicity(model=context).observe(frame_of_columns(columns, manifest, scores=scores))

    assert summary["texts output text"].tolist() == [2, 2, 0, 0, 0, 0, 0, 0]
    assert summary["texts input comment"].tolist() == [2, 2, 0, 0, 0, 0, 0, 0]


def test_without_a_scorer_nothing_is_said() -> None:
    monitor = Toxicity(model=ModelContext(manifest=FORUM))

    assert not monitor.observe(flagged(0.5))
    assert list(monitor.assess(MONITOR.observe(flagged(0.5)), None)) == []


@pytest.mark.parametrize("options", [{"threshold": 1.5}, {"severe": {"insult": -0.1}}, {"max_share": "much"}])
def test_a_threshold_that_can_never_be_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(MonitorSettingsError, match="cannot be"):
        build("toxicity", options, CONTEXT)
