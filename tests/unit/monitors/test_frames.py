"""Frames: events grouped, columns gathered, parts that share them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from msgspec.structs import replace

from inference.manifest import ModelSpec
from monitors.errors import FrameError
from monitors.frames import Frame, frame_of_columns, frames_of, frames_of_changes
from storage.records import Arm, InferenceEvent, LabelChange, Outcome
from tests.helpers.monitoring import MODELS, NOON, PANE, event, numbered

SHOP: ModelSpec = MODELS["two classes"]


def frame(*events: InferenceEvent) -> Frame:
    (only,) = frames_of(numbered(events), SHOP, PANE)
    return only


def test_events_are_grouped_by_pane_and_arm() -> None:
    late, canary = event(at=NOON + PANE), event(arm=Arm.CANARY)

    frames = frames_of(numbered([late, event(), canary, event(at=NOON + PANE / 2)]), SHOP, PANE)

    assert [(one.start, one.arm, one.rows) for one in frames] == [
        (NOON, Arm.CANARY, 1),
        (NOON, Arm.STABLE, 2),
        (NOON + PANE, Arm.STABLE, 1),
    ]


def test_a_pane_of_a_week_begins_on_the_grid_from_1970() -> None:
    (week,) = frames_of(numbered([event()]), SHOP, timedelta(weeks=1))

    assert week.start == datetime(2026, 1, 1, tzinfo=UTC)  # 1970 began on a Thursday, and so did 2026


def test_a_column_is_the_values_of_all_events_one_after_the_other() -> None:
    whole = frame(event(rows=2, inputs={"age": [1, 2]}), event(), event(inputs={"age": [3.5]}))

    assert whole.rows == 4
    assert list(whole.column("age")) == [1, 2, None, 3.5]
    assert list(whole.column("nothing like it")) == [None] * 4


def test_outputs_and_tags_are_columns_too() -> None:
    whole = frame(event(outputs={"class": ["1"]}, tags={"country": ["DE"]}), event())

    assert list(whole.column("class")) == ["1", None]
    assert list(whole.tag("country")) == ["DE", None]
    assert whole.tags == ("country",)


def test_slices_are_by_tag_or_else_by_input() -> None:
    whole = frame(event(inputs={"colour": ["red"], "age": [7]}, tags={"colour": ["DE"]}))

    assert whole.groups("colour").names == ("DE",)
    assert whole.groups("age").names == ("7",)


def test_parts_see_their_own_rows_only() -> None:
    whole = frame(event(rows=3, inputs={"age": [1, 2, 3], "colour": ["red", "blue", "red"]}))

    red = whole.where(whole.groups("colour").codes == 0)
    second_red = red.where(np.array([False, True]))

    assert list(red.column("age")) == [1, 3]
    assert red.numbers("age").values.tolist() == [1.0, 3.0]
    assert second_red.numbers("age").values.tolist() == [3.0]
    assert second_red.categories("colour").counts().tolist() == [0, 0, 1, 0]


def test_answered_and_understood_rows_are_told_apart() -> None:
    answered = event(inputs={"age": [1]}, outputs={"class": ["1"]})
    refused = event(outcome=Outcome.REJECTED, inputs={"age": ["x"]})
    unreadable = event(outcome=Outcome.REJECTED)

    whole = frame(answered, refused, unreadable)

    assert whole.rows == 3
    assert list(whole.ok.column("age")) == [1]
    assert list(whole.understood.column("age")) == [1, "x"]
    assert list(whole.where(np.array([False, True, True])).understood.column("age")) == ["x"]


def test_a_request_of_many_rows_counts_once_in_every_part() -> None:
    whole = frame(
        event(rows=3, inputs={"age": [1, 2, 3]}, total_s=0.5), event(rows=0, outcome=Outcome.REJECTED)
    )

    part = whole.where(np.array([True, False, True]))

    assert len(whole.requests) == 2
    assert len(part.requests) == 1
    assert part.requests.total_s.tolist() == [0.5]


def test_an_event_whose_columns_have_other_lengths_is_named() -> None:
    whole = frame(event(rows=2, inputs={"age": [1, 2]}), event(rows=2, inputs={"age": [1]}))

    with pytest.raises(FrameError, match="p-1-1: column 'age' has 1 values for 2 rows"):
        whole.numbers("age")


def test_a_refused_event_may_contradict_itself() -> None:
    whole = frame(event(rows=2, outcome=Outcome.REJECTED, inputs={"age": [1], "colour": ["a", "b"]}))

    assert whole.understood.rows == 0
    assert list(whole.column("age")) == [None, None]


def test_events_of_another_version_are_no_part_of_a_frame() -> None:
    with pytest.raises(FrameError, match="shop 2, not of shop 1"):
        frames_of(numbered([replace(event(), version="2")]), SHOP, PANE)


def test_label_changes_make_a_frame_of_before_and_one_of_after() -> None:
    change = LabelChange(
        event="p-1-0",
        row=0,
        at=NOON,
        labelled_at=NOON,
        model="shop",
        version="1",
        arm=Arm.STABLE,
        inputs={"age": [30]},
        outputs={"class": ["1"]},
        tags={"country": ["DE"]},
        before=None,
        after="1",
        conflict=True,
    )

    (frames,) = frames_of_changes([change], SHOP, PANE)

    assert (frames.before.labels, frames.after.labels) == ([None], ["1"])
    assert (frames.before.conflicts, frames.after.conflicts) == (0, 1)
    assert list(frames.after.groups("country").names) == ["DE"]
    assert list(frames.after.column("age")) == [30]
    assert len(frames.after.requests) == 0


def test_columns_of_a_file_must_have_the_same_length() -> None:
    with pytest.raises(FrameError, match="'colour' has 1 values for 2 rows"):
        frame_of_columns({"age": [1, 2], "colour": ["red"]}, SHOP)
