"""What a thing that is watched is said to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dashboard.states import State, breached_run, state_of, state_of_all
from dashboard.subjects import Subject
from dashboard.views.accuracy import AccuracyView
from dashboard.views.columns import worst_slices
from dashboard.views.overview import Trend, trends
from storage.judged import Figures
from storage.records import Bounds, Judgement, Measurement, Scope, Window
from storage.worst import Worse

DAY = timedelta(days=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def measured(value: float | None, upper: float | None = 0.1, metric: str = "drift") -> Measurement:
    return Measurement(metric=metric, column="age", value=value, n=100, bounds=Bounds(upper=upper))


def judged(day: int, value: float | None, *, replay: bool = True) -> Judgement:
    return Judgement(
        monitor="drift",
        scope=Scope(model="shop", version="1"),
        window=Window(start=BEGIN + day * DAY, end=BEGIN + (day + 1) * DAY),
        measurement=measured(value),
        replay=replay,
    )


def test_a_number_that_is_not_known_is_not_ok() -> None:
    assert state_of(measured(None)) is State.UNKNOWN


def test_a_number_without_bounds_is_neither_ok_nor_breached() -> None:
    assert state_of(measured(5.0, upper=None)) is State.UNBOUNDED


def test_a_number_that_chance_may_have_put_outside_is_neither_ok_nor_breached() -> None:
    outside = replace(measured(0.12), significant=False)

    assert state_of(outside) is State.CHANCE
    assert state_of_all([measured(0.01), outside]) is State.CHANCE
    assert state_of_all([measured(None), outside]) is State.UNKNOWN


def test_a_breach_outweighs_an_unknown_and_that_everything_that_is_ok() -> None:
    assert state_of_all([measured(0.01), measured(None), measured(0.5)]) is State.BREACHED
    assert state_of_all([measured(0.01), measured(None)]) is State.UNKNOWN
    assert state_of_all([measured(0.01), measured(5.0, upper=None)]) is State.OK


def test_nothing_measured_is_unknown() -> None:
    assert state_of_all([]) is State.UNKNOWN


def test_a_run_of_breached_windows_begins_where_it_was_last_well() -> None:
    run = breached_run([judged(0, 0.5), judged(1, 0.01), judged(2, 0.5), judged(3, None), judged(4, 0.5)])

    assert [window.start for window in run] == [BEGIN + 2 * DAY, BEGIN + 4 * DAY]


def test_there_is_no_run_once_the_newest_known_window_is_well() -> None:
    assert breached_run([judged(0, 0.5), judged(1, 0.01), judged(2, None)]) == []


def figures(day: int, value: float | None, monitor: str = "drift", metric: str = "drift") -> Figures:
    return Figures(
        monitor=monitor, metric=metric, window=judged(day, value).window,
        largest=value, largest_bounded=value, known=int(value is not None), breached=0,
    )  # fmt: skip


def trend(title: str, found: Sequence[Trend]) -> Trend:
    return next(each for each in found if each.watch.title == title)


def test_a_trend_keeps_a_gap_where_a_window_was_unknown() -> None:
    drift = trend(
        "Drift", trends([figures(0, 0.5), figures(1, None), figures(2, 0.01)], [judged(2, 0.01)], BEGIN)
    )

    assert drift.points == (0.5, None, 0.01)
    assert drift.words == "0.01 ok"


def test_live_traffic_that_stopped_is_unknown_and_a_replay_is_what_it_was() -> None:
    long_after = BEGIN + 30 * DAY

    live = trends([figures(0, 0.01)], [judged(0, 0.01, replay=False)], long_after)
    replayed = trends([figures(0, 0.01)], [judged(0, 0.01)], long_after)

    assert {each.state for each in live} == {State.UNKNOWN}
    assert State.OK in {each.state for each in replayed}


def test_where_no_label_comes_by_itself_accuracy_is_that_of_those_that_were_asked_for() -> None:
    unlabelled = figures(0, None, "accuracy", "accuracy")
    sampled = figures(0, 0.9, "sampling", "sampled_accuracy")
    asked_for = replace(
        judged(0, None),
        monitor="sampling",
        measurement=Measurement(metric="sampled_accuracy", value=0.9, n=100, bounds=Bounds(lower=0.8)),
    )

    accuracy = trend("Accuracy", trends([unlabelled, sampled], [asked_for], BEGIN))

    assert (accuracy.words, accuracy.monitor) == ("0.9 ok", "sampling")


def test_samples_are_judged_by_days_and_leave_no_gaps_in_what_is_judged_by_hours() -> None:
    hours = [
        replace(
            figures(0, value), window=Window(start=BEGIN + at * DAY / 24, end=BEGIN + (at + 1) * DAY / 24)
        )
        for at, value in enumerate((0.01, 0.02))
    ]
    day = figures(-1, 0.9, "sampling", "sampled_accuracy")

    found = trends([*hours, day], [], BEGIN)

    assert trend("Drift", found).points == (0.01, 0.02)
    assert trend("Accuracy", found).points == (0.9,)


def test_what_was_never_measured_of_a_version_is_left_out_where_it_need_not_apply() -> None:
    found = trends([figures(0, 0.01)], [judged(0, 0.01)], BEGIN)

    titles = [each.watch.title for each in found]
    assert "Bias" not in titles
    assert trend("Quality", found).words == "unknown"


def test_the_worst_slice_of_a_number_that_may_not_fall_is_the_least_with_and_without_bounds() -> None:
    def found(bounds: Bounds) -> list[str]:
        values = {"country=DE": 0.9, "country=FR": 0.4, "country=IT": None}
        slices = [
            replace(
                judged(0, None),
                scope=Scope(model="shop", version="1", slice=name),
                measurement=Measurement(metric="accuracy", value=value, n=100, bounds=bounds),
            )
            for name, value in values.items()
        ]
        return [each.scope.slice for each in worst_slices(slices, Worse.LESS)]

    assert found(Bounds()) == found(Bounds(lower=0.3)) == ["country=FR", "country=DE", "country=IT"]


def test_labels_that_agree_say_nothing_of_how_right_answers_were() -> None:
    def of(metric: str, value: float | None, upper: float | None = None) -> Judgement:
        return replace(judged(0, None), measurement=measured(value, upper, metric))

    agree, coverage = of("label_conflict_share", 0.0, 0.05), of("label_coverage", 0.5)
    without_reference = (of("accuracy", 0.4), of("roc_auc", None), agree, coverage)
    few = (of("accuracy", None), agree, coverage)

    def state(of_window: tuple[Judgement, ...]) -> State:
        return state_of_all(AccuracyView(subject=Subject(), of_window=of_window).deciding)

    assert (state(without_reference), state(few)) == (State.UNBOUNDED, State.UNKNOWN)
