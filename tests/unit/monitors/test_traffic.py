"""Traffic: requests and their outcomes, rows, and how long answers took."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from monitors import build
from monitors.base import ModelContext
from monitors.frames import frames_of
from storage.records import InferenceEvent, Measurement, Outcome
from storage.summary import Summary
from tests.helpers.monitoring import PANE, event, model, numbered

SHOP = model()
TRAFFIC = build("traffic", {}, ModelContext(manifest=SHOP))


def seen(events: Sequence[InferenceEvent]) -> Summary:
    (frame,) = frames_of(numbered(events), SHOP, PANE)
    return TRAFFIC.observe(frame)


def judged(events: Sequence[InferenceEvent], **options: float) -> dict[str, Measurement]:
    traffic = build("traffic", options, ModelContext(manifest=SHOP))
    return {one.metric: one for one in traffic.assess(seen(events), None)}


def test_requests_rows_and_outcomes_are_counted() -> None:
    events = (
        [event(rows=3)] * 85
        + [event(outcome=Outcome.ERROR)] * 10
        + [event(rows=0, outcome=Outcome.REJECTED)] * 5
    )

    found = judged(events)

    assert (found["requests"].value, found["rows"].value) == (100.0, 265.0)
    assert (found["error_share"].value, found["rejected_share"].value) == (0.10, 0.05)


def test_many_errors_are_breached_and_a_few_may_be_chance() -> None:
    def errors(n: int, failed: int) -> Measurement:
        return judged([event()] * (n - failed) + [event(outcome=Outcome.ERROR)] * failed)["error_share"]

    assert errors(200, 40).breached
    assert not errors(200, 12).breached  # 6 % of 200: the interval still holds 5 %
    assert errors(10, 10).value is None  # too few to say


def test_a_cancelled_request_is_no_error() -> None:
    assert judged([event()] * 20 + [event(outcome=Outcome.CANCELLED)] * 20)["error_share"].value == 0.0


@pytest.mark.parametrize(("quantile", "share"), [("p50", 0.5), ("p99", 0.99)])
@pytest.mark.parametrize(
    ("name", "measured"), [("latency", "total_s"), ("queue", "queue_s"), ("compute", "compute_s")]
)
def test_a_time_is_within_a_bin_of_that_of_the_raw_times(
    name: str, measured: str, quantile: str, share: float
) -> None:
    times = np.random.default_rng(0).lognormal(-6, 1, 3_000)

    events = [msgspec.structs.replace(event(), **{measured: float(seconds)}) for seconds in times]
    found = judged(events)[f"{name}_{quantile}_s"]

    exact = float(np.quantile(times, share))
    assert found.value == pytest.approx(exact, rel=0.04)
    assert found.interval is not None
    assert found.interval[0] <= exact * 1.04
    assert found.interval[1] >= exact * 0.96


def test_slow_answers_are_breached_where_the_operator_set_a_bound() -> None:
    slow = [event(total_s=0.5)] * 1_000

    assert judged(slow, max_latency_p99_s=0.2)["latency_p99_s"].breached
    assert not judged(slow)["latency_p99_s"].breached


def test_the_time_of_a_failed_request_is_no_latency() -> None:
    found = judged([event(total_s=0.01)] * 50 + [event(outcome=Outcome.ERROR, total_s=30.0)] * 50)

    assert found["latency_p99_s"].value == pytest.approx(0.01, rel=0.04)


def test_a_request_counts_once_in_each_slice_that_one_of_its_rows_is_in() -> None:
    (frame,) = frames_of(numbered([event(rows=3, tags={"country": ["DE", "FR", "DE"]})]), SHOP, PANE)
    groups = frame.groups("country")

    slices = [TRAFFIC.observe(frame.where(groups.codes == code)) for code in range(2)]

    assert [int(one["requests"].sum()) for one in slices] == [1, 1]
    assert [one.count("rows") for one in slices] == [2, 1]


def test_no_traffic_is_a_count_of_zero_and_unknown_shares() -> None:
    found = {one.metric: one for one in TRAFFIC.assess(Summary(), None)}

    assert found["requests"].value == 0.0
    assert found["error_share"].value is None
    assert found["latency_p99_s"].value is None
