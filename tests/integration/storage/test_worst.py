"""The worst of many windows, on each kind of database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage.database import Database
from storage.judged import Asked
from storage.measurements import add_judgements
from storage.records import Bounds, Judgement, Measurement, Scope, Window
from storage.summaries import SummaryKey, add_summaries, are_rolled_up
from storage.summary import Summary
from storage.worst import (
    BreachedRun,
    Worse,
    across_slices,
    breached_run,
    newest_known,
    standings,
    worst_of_runs,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCOPE = Scope(model="shop", version="1")
SPAN = Window(start=START, end=START + 24 * HOUR)
ASKED = Asked(monitors=("quality",))


def judged(
    hour: int, value: float | None, *, column: str = "age", metric: str = "missing_share"
) -> Judgement:
    return Judgement(
        monitor="quality",
        scope=SCOPE,
        window=Window(start=START + hour * HOUR, end=START + (hour + 1) * HOUR),
        measurement=Measurement(metric=metric, column=column, value=value, bounds=Bounds(upper=0.1), n=100),
    )


@pytest.fixture
def stored(database: Database) -> Database:
    judgements = [
        *(judged(hour, 0.01 * hour) for hour in range(6)),
        judged(2, 0.3, metric="unseen_share"),  # breached: three times its bound
        judged(6, None),
        judged(7, 0.2),
        judged(8, None),
        judged(9, 0.4),
        *(judged(hour, 0.09, column="plan") for hour in range(3)),
        judged(0, None, column="city"),
    ]
    with database.write() as connection:
        add_judgements(connection, judgements, judged_at=START)
    return database


def test_columns_stand_by_their_breached_windows_then_by_their_bound(stored: Database) -> None:
    with stored.read() as snapshot:
        found = standings(snapshot, SCOPE, SPAN, ASKED)

    assert [(each.column, each.breached, each.known) for each in found] == [
        ("age", 3, True),
        ("plan", 0, True),
        ("city", 0, False),
    ]


def test_a_run_is_its_worst_window_and_says_how_many_there_were(stored: Database) -> None:
    with stored.read() as snapshot:
        found = worst_of_runs(snapshot, SCOPE, SPAN, ASKED, columns=["age"], step=6 * HOUR)

    first, second = found
    assert (first.judgement.measurement.metric, first.judgement.measurement.value) == ("unseen_share", 0.3)
    assert (first.windows, first.breached, first.unknown) == (6, 1, 0)
    assert first.span == Window(start=START, end=START + 6 * HOUR)
    assert second.judgement.window.start == START + 9 * HOUR
    assert (second.windows, second.breached, second.unknown) == (4, 2, 2)


def test_the_worst_of_a_number_that_has_a_lower_bound_is_the_least(database: Database) -> None:
    ratios = [
        replace(
            judged(hour, None, column="sex"),
            measurement=Measurement(
                metric="ratio", column="sex", value=value, bounds=Bounds(lower=0.8), n=100
            ),
        )
        for hour, value in enumerate((0.95, 0.0, 0.9))
    ]
    with database.write() as connection:
        add_judgements(connection, ratios, judged_at=START)

    with database.read() as snapshot:
        (found,) = worst_of_runs(snapshot, SCOPE, SPAN, ASKED, columns=["sex"], step=24 * HOUR)

    assert found.judgement.measurement.value == 0.0


def test_a_run_in_which_nothing_is_known_is_unknown(stored: Database) -> None:
    with stored.read() as snapshot:
        (found,) = worst_of_runs(snapshot, SCOPE, SPAN, ASKED, columns=["city"], step=6 * HOUR)

    assert found.judgement.measurement.value is None
    assert found.unknown == 1


def test_unknown_windows_do_not_end_a_row_of_breached_ones_and_healthy_ones_do(stored: Database) -> None:
    with stored.read() as snapshot:
        last, unknown, healthy = (
            breached_run(snapshot, judged(hour, value)) for hour, value in ((9, 0.4), (8, None), (5, 0.05))
        )

    assert last == BreachedRun(since=START + 7 * HOUR, windows=2)
    assert unknown == BreachedRun(since=START + 7 * HOUR, windows=1)
    assert healthy is None


def test_the_newest_known_window_passes_over_unknown_ones(stored: Database) -> None:
    until = Window(start=START, end=START + 9 * HOUR)

    with stored.read() as snapshot:
        assert newest_known(snapshot, SCOPE, until, ASKED) == START + 7 * HOUR
        assert newest_known(snapshot, SCOPE, until, Asked(monitors=("drift",))) is None


def test_slices_are_asked_for_by_name_in_one_window(stored: Database) -> None:
    of_seven = Asked(monitors=("quality",), column="age")

    with stored.read() as snapshot:
        found = across_slices(snapshot, SCOPE, ["all", "country=DE"], judged(7, 0).window, of_seven)

    assert [(each.scope.slice, each.measurement.value) for each in found] == [("all", 0.2)]


def test_a_window_whose_panes_went_into_longer_ones_is_known_to_be(database: Database) -> None:
    key = SummaryKey(monitor="drift", scope=SCOPE, reference=None, start=START, length_s=86_400, partition=0)
    with database.write() as connection:
        add_summaries(connection, {key: Summary.of({"rows": 5})})

    def rolled_up(hour: int, hours: int) -> bool:
        window = Window(start=START + hour * HOUR, end=START + (hour + hours) * HOUR)
        with database.read() as connection:
            return are_rolled_up(connection, "drift", SCOPE, None, window)

    assert rolled_up(0, 1)
    assert rolled_up(5, 1)
    assert not rolled_up(0, 24)
    assert not rolled_up(24, 24)


def test_what_is_worse_without_bounds_is_as_who_asks_knows_it(database: Database) -> None:
    unbounded = [
        replace(each, measurement=replace(each.measurement, bounds=Bounds()))
        for each in (judged(0, 0.9), judged(1, 0.4), judged(2, 0.7))
    ]
    with database.write() as connection:
        add_judgements(connection, unbounded, judged_at=START)

    with database.read() as snapshot:
        worst = {
            worse: worst_of_runs(snapshot, SCOPE, SPAN, ASKED, columns=["age"], step=24 * HOUR, worse=worse)
            for worse in Worse
        }

    assert {worse: found[0].judgement.measurement.value for worse, found in worst.items()} == {
        Worse.GREATER: 0.9,
        Worse.LESS: 0.4,
    }
