"""What the monitor of chosen rows says: estimates by hand, who answered, what came unasked, how late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from inference.manifest import ModelSpec
from monitors import build, kinds
from monitors.base import ModelContext
from monitors.frames import frame_of_columns, frames_of, frames_of_changes
from monitors.reference import reference_of
from monitors.statistics import wilson
from storage.records import Arm, LabelChange, Measurement, Value
from storage.summary import Summary
from tests.helpers.monitoring import MODELS, NOON, PANE, event, numbered

TWO, THREE, NUMBER = MODELS["two classes"], MODELS["three classes"], MODELS["regression"]


def change(
    manifest: ModelSpec,
    outputs: dict[str, list[Value]],
    *,
    before: Value = None,
    after: Value = None,
    pi: float | None = None,
    chosen: bool = False,
    after_s: float = 0.0,
) -> LabelChange:
    assert not isinstance(before, list)
    assert not isinstance(after, list)
    return LabelChange(
        event="p-1-0",
        row=0,
        at=NOON,
        labelled_at=NOON + timedelta(seconds=after_s),
        model=manifest.name,
        version=manifest.version,
        arm=Arm.STABLE,
        inputs={},
        outputs=outputs,
        tags={},
        before=before,
        after=after,
        pi=pi,
        chosen=chosen,
    )


def answer(
    manifest: ModelSpec, outputs: dict[str, list[Value]], label: Value, pi: float, **more: float
) -> list[LabelChange]:
    """A choice, and its answer."""
    return [
        change(manifest, outputs, pi=pi, chosen=True),
        change(manifest, outputs, after=label, pi=pi, **more),  # type: ignore[arg-type]  # after_s alone
    ]


def learnt(manifest: ModelSpec, changes: Sequence[LabelChange]) -> Summary:
    monitor = build("sampling", {}, ModelContext(manifest=manifest))
    (joined,) = frames_of_changes(changes, manifest, PANE)
    return monitor.observe(joined.after) - monitor.observe(joined.before)


def said(
    manifest: ModelSpec, summary: Summary, reference: Summary | None = None, **options: float
) -> dict[str, Measurement]:
    monitor = build("sampling", options, ModelContext(manifest=manifest))
    return {one.metric: one for one in monitor.assess(summary, reference)}


def sure(score: float) -> dict[str, list[Value]]:
    return {"class": ["1" if score >= 0.5 else "0"], "score": [score]}


def test_accuracy_and_rates_weigh_each_answer_by_one_over_its_probability() -> None:
    changes = [
        *answer(TWO, sure(0.9), "1", 1.0),
        *answer(TWO, sure(0.8), "0", 0.5),
        *answer(TWO, sure(0.2), "0", 0.25),
        *answer(TWO, sure(0.3), "1", 0.25),
    ]

    found = said(TWO, learnt(TWO, changes), min_answers=4)

    assert found["sampled_accuracy"].value == pytest.approx((1 + 4) / 11)
    assert found["sampled_tpr"].value == pytest.approx(1 / (1 + 4))
    assert found["sampled_fpr"].value == pytest.approx(2 / (2 + 4))
    assert found["sampled_ppv"].value == pytest.approx(1 / (1 + 2))
    assert found["sample_answered_share"].value == 1.0


def test_few_answers_say_nothing() -> None:
    found = said(TWO, learnt(TWO, answer(TWO, sure(0.9), "1", 0.5) * 29))

    assert found["sampled_accuracy"].value is None
    assert "sampled_auc" not in found


def test_a_corrected_answer_takes_the_former_one_out() -> None:
    outputs = sure(0.9)
    correction = change(TWO, outputs, before="1", after="0", pi=0.5)

    corrected = learnt(TWO, [*answer(TWO, outputs, "1", 0.5), correction])

    assert corrected == learnt(TWO, answer(TWO, outputs, "0", 0.5))


def test_a_choice_of_a_row_that_has_a_label_makes_it_the_answer() -> None:
    outputs = sure(0.9)
    quicker = [
        change(TWO, outputs, after="1"),
        change(TWO, outputs, before="1", after="1", pi=0.5, chosen=True),
    ]

    assert learnt(TWO, quicker) == learnt(TWO, answer(TWO, outputs, "1", 0.5))


def test_unasked_labels_are_shown_apart() -> None:
    unasked = [change(TWO, sure(0.9), after="0") for _ in range(40)]
    asked = [each for _ in range(40) for each in answer(TWO, sure(0.9), "1", 0.5)]

    found = said(TWO, learnt(TWO, [*unasked, *asked]))

    assert found["unasked_accuracy"].value == 0.0
    assert found["sampled_accuracy"].value == 1.0


def test_scores_of_all_rows_help_the_assisted_estimate() -> None:
    """Half of the traffic is sure, but three of four answers are of it: the sums say so."""
    outputs = [sure(0.95), sure(0.55)]
    rows = [event(rows=1, outputs=each) for each in outputs for _ in range(500)]
    (frame,) = frames_of(numbered(rows), TWO, PANE)
    traffic = build("sampling", {}, ModelContext(manifest=TWO)).observe(frame)
    labels = [(outputs[0], "1")] * 60 + [(outputs[1], "1")] * 10 + [(outputs[1], "0")] * 10
    changes = [each for one, label in labels for each in answer(TWO, one, label, 0.125)]

    found = said(TWO, traffic + learnt(TWO, changes))

    plain, helped = found["sampled_accuracy"].value, found["sampled_accuracy_assisted"].value
    assert plain == pytest.approx(70 / 80)
    assert helped is not None
    # the slope of right on certainty is clipped to 1, and the bins' middles are some .95 and .56
    assert helped == pytest.approx(70 / 80 - 0.25 * (0.95 - 0.56), abs=0.02)


def test_of_answers_that_are_all_right_no_interval_is_a_point() -> None:
    rows = [event(rows=1, outputs=sure(0.95)) for _ in range(320)]
    (frame,) = frames_of(numbered(rows), TWO, PANE)
    traffic = build("sampling", {}, ModelContext(manifest=TWO)).observe(frame)
    changes = [each for _ in range(40) for each in answer(TWO, sure(0.95), "1", 0.125)]

    found = said(TWO, traffic + learnt(TWO, changes))

    assert found["sampled_accuracy"].interval == pytest.approx(wilson(40, 40))
    assert found["sampled_accuracy_assisted"].interval == pytest.approx(wilson(40, 40))


def test_a_fall_of_accuracy_breaches_and_chance_does_not() -> None:
    known: dict[str, list[Value]] = {"class": ["1"] * 100, "score": [0.9] * 100}
    frame = frame_of_columns(known, TWO, labels=["1"] * 90 + ["0"] * 10)
    reference = reference_of(frame, TWO, "a test", {"sampling": kinds()["sampling"]}).summaries["sampling"]

    def breached(right: int, wrong: int) -> bool:
        labels = ["1"] * right + ["0"] * wrong
        changes = [each for label in labels for each in answer(TWO, sure(0.9), label, 0.5)]
        measured = said(TWO, learnt(TWO, changes), reference)["sampled_accuracy"]
        assert measured.bounds.lower == pytest.approx(0.88)
        return measured.breached

    assert breached(50, 50)
    assert not breached(82, 18)


def test_an_estimate_that_depends_on_who_answered_breaches_nothing() -> None:
    known: dict[str, list[Value]] = {"class": ["1"] * 99, "score": [0.9] * 99}
    frame = frame_of_columns(known, TWO, labels=["1"] * 99)
    reference = reference_of(frame, TWO, "a test", {"sampling": kinds()["sampling"]}).summaries["sampling"]
    wrong = [each for _ in range(100) for each in answer(TWO, sure(0.9), "0", 0.5)]
    few = [change(TWO, sure(0.9), pi=0.5, chosen=True) for _ in range(101)]
    others = [change(TWO, sure(0.5), pi=0.5, chosen=True) for _ in range(60)]

    for silent in (few, others):
        found = said(TWO, learnt(TWO, [*wrong, *silent]), reference)
        assert found["sampled_accuracy"].value == 0.0
        assert not found["sampled_accuracy"].breached
        assert found["sample_depends_on_who"].value == 1.0
    found = said(TWO, learnt(TWO, wrong), reference)
    assert found["sampled_accuracy"].breached
    assert found["sample_depends_on_who"].value == 0.0


def test_of_many_classes_an_answer_is_right_or_wrong() -> None:
    outputs: dict[str, list[Value]] = {"class": ["b"], "score": [0.7], "probabilities": [[0.1, 0.7, 0.2]]}
    changes = [*answer(THREE, outputs, "b", 0.5), *answer(THREE, outputs, "c", 0.25)]

    found = said(THREE, learnt(THREE, changes), min_answers=1)

    assert found["sampled_accuracy"].value == pytest.approx(2 / 6)
    assert "sampled_auc" not in found


def test_errors_of_numbers_weigh_as_their_rows_do() -> None:
    changes = [
        *answer(NUMBER, {"prediction": [3.0]}, 5.0, 0.5),
        *answer(NUMBER, {"prediction": [1.0]}, 0.5, 0.25),
    ]

    found = said(NUMBER, learnt(NUMBER, changes), min_answers=2)

    assert found["sampled_mae"].value == pytest.approx((2 * 2.0 + 4 * 0.5) / 6)
    # sum of w^2 (e - 1)^2 / 6^2: (4 * 1 + 16 * .25) / 36
    low, high = found["sampled_mae"].interval or (0.0, 0.0)
    assert high - 1.0 == pytest.approx(1.96 * (8 / 36) ** 0.5, rel=1e-3)
    assert low == pytest.approx(max(0.0, 2.0 - high))


def test_the_delay_is_that_of_the_first_label() -> None:
    changes = [
        *(change(TWO, sure(0.9), after="1", after_s=60.0) for _ in range(8)),
        *(change(TWO, sure(0.9), after="1", after_s=86_400.0) for _ in range(2)),
        change(TWO, sure(0.9), before="1", after="0", after_s=1e9),
    ]

    found = said(TWO, learnt(TWO, changes))

    assert found["label_delay_median_s"].n == 10
    # the ends of the bins of half an octave that hold a minute and a day
    assert found["label_delay_median_s"].value == 64.0
    assert found["label_delay_p90_s"].value == pytest.approx(2**16.5)
