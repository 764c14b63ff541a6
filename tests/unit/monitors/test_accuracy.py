"""Accuracy against scikit-learn on the raw rows, and what late, double and odd labels do to the counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn import metrics

from inference.manifest import ModelSpec
from monitors import build, kinds
from monitors.base import ModelContext
from monitors.blocks import Label
from monitors.frames import frame_of_columns, frames_of, frames_of_changes
from monitors.reference import reference_of
from storage.records import Arm, LabelChange, Measurement, Value
from storage.summary import Summary
from tests.helpers.monitoring import MODELS, NOON, PANE, event, numbered

TWO, THREE, NUMBER = MODELS["two classes"], MODELS["three classes"], MODELS["regression"]


def judged(
    manifest: ModelSpec,
    columns: dict[str, list[Value]],
    labels: Sequence[Label],
    reference: Summary | None = None,
    **options: float,
) -> dict[str, Measurement]:
    accuracy = build("accuracy", options, ModelContext(manifest=manifest))
    summary = accuracy.observe(frame_of_columns(columns, manifest, labels=labels))
    return {one.metric: one for one in accuracy.assess(summary, reference)}


def value(found: dict[str, Measurement], metric: str) -> float:
    measured = found[metric].value
    assert measured is not None
    return measured


def scored(n: int, seed: int) -> tuple[dict[str, list[Value]], list[str], np.ndarray]:
    random = np.random.default_rng(seed)
    score = random.beta(0.7, 0.7, n)
    score[:20] = [0.0, 1.0] * 10  # certain, and now and then wrong
    truth = np.where(random.random(n) < 0.15 + 0.7 * score, "1", "0").tolist()
    return {"class": np.where(score >= 0.5, "1", "0").tolist(), "score": score.tolist()}, truth, score


def test_two_classes_are_measured_as_scikit_learn_does() -> None:
    columns, truth, score = scored(4_000, seed=0)
    predicted, positive = columns["class"], [label == "1" for label in truth]

    found = judged(TWO, columns, truth)

    assert value(found, "accuracy") == metrics.accuracy_score(truth, predicted)
    for name in ("precision", "recall", "f1"):
        theirs = getattr(metrics, f"{name}_score")(truth, predicted, pos_label="1")
        assert value(found, name) == pytest.approx(theirs, abs=1e-12)
    assert value(found, "roc_auc") == pytest.approx(metrics.roc_auc_score(positive, score), abs=5e-4)
    assert value(found, "brier") == pytest.approx(metrics.brier_score_loss(positive, score), abs=1e-7)
    assert value(found, "log_loss") == pytest.approx(metrics.log_loss(positive, score), abs=1e-6)
    assert value(found, "label_coverage") == 1.0


def test_three_classes_are_measured_as_scikit_learn_does() -> None:
    random = np.random.default_rng(1)
    p = random.dirichlet([0.6, 0.6, 0.3], 3_000)
    truth = [str(random.choice(list("abc"), p=0.6 * row + 0.4 / 3)) for row in p]
    predicted = [list("abc")[i] for i in p.argmax(axis=1)]
    columns: dict[str, list[Value]] = {
        "class": list(predicted),
        "score": p.max(axis=1).tolist(),
        "probabilities": p.tolist(),
    }

    found = judged(THREE, columns, truth)

    assert value(found, "accuracy") == metrics.accuracy_score(truth, predicted)
    for name in ("precision", "recall", "f1"):
        theirs = getattr(metrics, f"{name}_score")(truth, predicted, average="macro")
        assert value(found, name) == pytest.approx(theirs, abs=1e-12)
    assert value(found, "brier") == pytest.approx(metrics.brier_score_loss(truth, p), abs=1e-7)
    assert value(found, "log_loss") == pytest.approx(metrics.log_loss(truth, p), abs=1e-6)
    assert found["roc_auc"].value is None


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_numbers_are_measured_as_scikit_learn_does(scale: float) -> None:
    random = np.random.default_rng(2)
    truth, predicted = random.normal(0, scale, 2_000), random.normal(0, scale, 2_000)

    found = judged(NUMBER, {"prediction": predicted.tolist()}, truth.tolist())

    assert value(found, "mae") == pytest.approx(metrics.mean_absolute_error(truth, predicted), rel=1e-6)
    assert value(found, "rmse") == pytest.approx(metrics.root_mean_squared_error(truth, predicted), rel=1e-6)


def test_intervals_of_means_hold_the_truth_95_times_in_100() -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        found = judged(NUMBER, {"prediction": [0.0] * 400}, random.exponential(1, 400).tolist())
        low, high = found["rmse"].interval or (0.0, 0.0)
        held += low <= 2**0.5 <= high  # the mean square of an exponential is 2

    assert held / 200 >= 0.88  # the tail is long, and the normal law a little too sure


def test_events_without_labels_are_rows_that_lack_one() -> None:
    accuracy = build("accuracy", {}, ModelContext(manifest=TWO))
    (frame,) = frames_of(numbered([event(rows=3, outputs={"class": ["1"] * 3})]), TWO, PANE)

    found = {one.metric: one for one in accuracy.assess(accuracy.observe(frame), None)}

    assert found["label_coverage"].value == 0.0
    assert found["accuracy"].value is None


def change(before: Label, after: Label, conflict: bool = False) -> LabelChange:
    return LabelChange(
        event="p-1-0",
        row=0,
        at=NOON,
        labelled_at=NOON,
        model="shop",
        version="1",
        arm=Arm.STABLE,
        inputs={},
        outputs={"class": ["1"], "score": [0.8]},
        tags={},
        before=before,
        after=after,
        conflict=conflict,
    )


def counted(*changes: LabelChange) -> Summary:
    accuracy = build("accuracy", {}, ModelContext(manifest=TWO))
    total = Summary()
    for one in changes:
        (frames,) = frames_of_changes([one], TWO, PANE)
        total += accuracy.observe(frames.after) - accuracy.observe(frames.before)
    return total


def test_a_label_that_comes_later_adds_no_row() -> None:
    summary = counted(change(None, "1"))

    assert (summary.count("rows"), summary.count("labelled")) == (0, 1)
    assert summary["confusion"].tolist() == [[0, 0], [0, 1], [0, 0]]


def test_a_corrected_label_takes_the_former_one_out() -> None:
    corrected = counted(change(None, "1"), change("1", "0", conflict=True))

    assert corrected.count("conflicts") == 1
    assert corrected.counts["confusion"].tolist() == counted(change(None, "0"))["confusion"].tolist()
    assert corrected["scores"].tolist() == counted(change(None, "0"))["scores"].tolist()
    assert corrected["losses"].tolist() == counted(change(None, "0"))["losses"].tolist()


def test_a_label_taken_back_leaves_nothing() -> None:
    assert not counted(change(None, "1"), change("1", None))


def test_a_correction_that_is_counted_before_its_label_leaves_the_figures_unknown() -> None:
    accuracy = build("accuracy", {}, ModelContext(manifest=TWO))
    early = counted(*[change("1", "0")] * 5, *[change(None, "1")] * 100) - counted(*[change(None, "0")] * 6)

    found = {one.metric: one.value for one in accuracy.assess(early, None)}

    assert found["accuracy"] is None
    assert found["roc_auc"] is None


def test_a_label_of_no_known_class_is_counted_apart() -> None:
    summary = counted(change(None, "maybe"))

    assert (summary.count("not_allowed"), summary.count("labelled")) == (1, 0)
    assert "confusion" not in summary


def test_a_prediction_that_is_no_class_is_wrong() -> None:
    found = judged(TWO, {"class": ["1"] * 30 + ["?"] * 10 + [None] * 10}, ["1"] * 50)

    assert value(found, "accuracy") == 0.6
    assert value(found, "recall") == 0.6


def test_conflicts_are_a_share_of_the_labelled_rows() -> None:
    accuracy = build("accuracy", {}, ModelContext(manifest=TWO))
    (frames,) = frames_of_changes([change(None, "1")] * 9 + [change("0", "1", conflict=True)], TWO, PANE)

    found = {one.metric: one for one in accuracy.assess(accuracy.observe(frames.after), None)}

    assert found["label_conflict_share"].value == 0.1


def test_few_labels_are_unknown() -> None:
    found = judged(TWO, {"class": ["1"] * 29}, ["1"] * 29)

    assert found["accuracy"].value is None
    assert value(found, "label_coverage") == 1.0


def test_accuracy_that_fell_below_the_reference_is_breached_once_it_cannot_be_chance() -> None:
    columns, truth, _ = scored(4_000, seed=0)
    made = reference_of(frame_of_columns(columns, TWO, labels=truth), TWO, "a test", kinds())
    again, same, _ = scored(4_000, seed=1)
    flipped = [("0" if label == "1" else "1") if i % 8 == 0 else label for i, label in enumerate(same)]

    def breaches(n: int, labels: Sequence[Label]) -> set[str]:
        part: dict[str, list[Value]] = {name: values[:n] for name, values in again.items()}
        found = judged(TWO, part, labels[:n], made.summaries["accuracy"])
        return {metric for metric, one in found.items() if one.breached}

    assert breaches(4_000, same) == set()
    assert breaches(4_000, flipped) == {"accuracy", "f1", "roc_auc", "brier"}
    assert breaches(40, flipped) == set()


def test_errors_of_numbers_may_grow_by_a_tenth() -> None:
    random = np.random.default_rng(4)
    truth = random.normal(size=3_000).tolist()
    zeros: dict[str, list[Value]] = {"prediction": [0.0] * 3_000}
    made = reference_of(frame_of_columns(zeros, NUMBER, labels=truth), NUMBER, "a test", kinds())

    same = judged(NUMBER, zeros, (1.05 * np.array(truth)).tolist(), made.summaries["accuracy"])
    worse = judged(NUMBER, zeros, (1.3 * np.array(truth)).tolist(), made.summaries["accuracy"])

    assert not any(one.breached for one in same.values())
    assert {metric for metric, one in worse.items() if one.breached} == {"mae", "rmse"}


def test_models_without_classes_or_numbers_have_no_accuracy() -> None:
    assert not kinds()["accuracy"].applies(ModelContext(manifest=_task("embedding")))
    assert not kinds()["accuracy"].applies(ModelContext(manifest=_task("text-classification")))


def _task(name: str) -> ModelSpec:
    text = [{"name": "words", "type": "text"}]
    return ModelSpec.model_validate(
        {"name": "m", "version": "1", "task": name, "backend": "echo", "inputs": text}
    )
