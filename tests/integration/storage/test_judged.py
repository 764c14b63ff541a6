"""What pages ask of judged windows: which scopes there are, the newest windows, and sums over columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from storage import judged
from storage.database import Database
from storage.judged import Figures
from storage.measurements import add_judgements
from storage.records import Arm, Bounds, Judgement, Measurement, Scope, Window
from tests.helpers.events import START

HOUR = timedelta(hours=1)
SCOPE = Scope(model="churn", version="1")


def hour(number: int) -> Window:
    return Window(start=START + number * HOUR, end=START + (number + 1) * HOUR)


def judgement(
    number: int,
    value: float | None,
    column: str = "age",
    *,
    scope: Scope = SCOPE,
    monitor: str = "drift",
    metric: str = "drift",
    bounds: Bounds = Bounds(upper=0.1),  # noqa: B008  # frozen
) -> Judgement:
    measured = Measurement(metric=metric, value=value, n=10, column=column, bounds=bounds)
    return Judgement(monitor=monitor, scope=scope, window=hour(number), measurement=measured)


def add(database: Database, judgements: Iterable[Judgement]) -> None:
    with database.write() as connection:
        add_judgements(connection, list(judgements), judged_at=START)


def test_every_scope_that_a_monitor_judged_is_found_and_no_other(database: Database) -> None:
    german = Scope(model="churn", version="1", slice="country=DE")
    canary = Scope(model="churn", version="1", arm=Arm.CANARY)
    add(
        database,
        [
            *(judgement(number, 0.2, scope=scope) for number in range(3) for scope in (SCOPE, german)),
            judgement(0, 0.2, scope=canary, monitor="quality", metric="missing_share"),
            judgement(0, 0.2, scope=Scope(model="churn", version="2", arm=Arm.SHADOW)),
        ],
    )

    with database.read() as snapshot:
        assert judged.scopes(snapshot, "churn", "1", "drift") == [SCOPE, german]
        assert judged.scopes(snapshot, "churn", "1", "quality") == [canary]
        assert judged.scopes(snapshot, "churn", "3", "drift") == []


def test_an_arm_counts_once_whatever_was_judged_of_it(database: Database) -> None:
    canary = Scope(model="churn", version="1", arm=Arm.CANARY)
    sliced = Scope(model="churn", version="1", arm=Arm.SHADOW, slice="country=DE")  # and not as a whole
    add(
        database,
        [judgement(number, 0.2, scope=scope) for number in range(3) for scope in (SCOPE, canary, sliced)],
    )

    with database.read() as snapshot:
        assert judged.arms(snapshot, "churn", "1") == sorted([SCOPE, canary])


@pytest.mark.parametrize(("most", "first"), [(2, 5), (3, 2), (50, 0)])
def test_the_newest_windows_are_counted_and_not_the_hours_between_them(
    database: Database, most: int, first: int
) -> None:
    add(database, [judgement(number, 0.2, column) for number in (0, 2, 5, 6) for column in ("age", "plan")])

    with database.read() as snapshot:
        span = judged.newest_span(snapshot, SCOPE, most)

    assert span == Window(start=hour(first).start, end=hour(6).end)


def test_where_nothing_was_judged_there_are_no_newest_windows(database: Database) -> None:
    with database.read() as snapshot:
        assert judged.newest_span(snapshot, SCOPE, 9) is None


def test_figures_hold_the_largest_known_value_and_how_many_are_breached(database: Database) -> None:
    add(
        database,
        [
            judgement(1, 0.3),
            judgement(1, 0.02, "plan"),
            judgement(1, None, "country"),
            judgement(1, 0.9, "age", metric="psi", bounds=Bounds()),
            judgement(0, 0.9),
        ],
    )

    with database.read() as snapshot:
        figures = judged.figures_between(snapshot, SCOPE, hour(1), {"drift": {"drift"}})

    assert figures == [
        Figures(
            monitor="drift", metric="drift", window=hour(1), largest=0.3, largest_bounded=0.3, known=2,
            breached=1,
        )
    ]  # fmt: skip


def test_without_a_metric_all_of_a_monitor_are_one_figure_beside_those_that_were_named(
    database: Database,
) -> None:
    add(
        database,
        [
            judgement(1, 0.12, monitor="bias", metric="demographic_parity_difference"),
            judgement(1, 0.7, monitor="bias", metric="selection_rate", bounds=Bounds()),
            judgement(1, 0.9, monitor="bias", metric="disparate_impact", bounds=Bounds(lower=0.8)),
            judgement(1, 0.05),
        ],
    )

    with database.read() as snapshot:
        found = judged.figures_between(snapshot, SCOPE, hour(1), {"bias": set(), "drift": {"drift"}})

    by_monitor = {each.monitor: each for each in found}
    assert set(by_monitor) == {"bias", "drift"}
    bias = by_monitor["bias"]
    assert (bias.metric, bias.largest, bias.largest_bounded) == ("", 0.9, 0.12)
    assert (bias.known, bias.breached) == (2, 1)
