"""Reports as storage keeps them, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inference.manifest import Manifest
from storage.database import Database
from storage.records import Arm, ReportKind, Scope
from storage.reports import (
    MOST_KEPT,
    MOST_WAITING,
    MadeReport,
    Report,
    ReportState,
    ask_for_report,
    begin_report,
    fail_report,
    find_report,
    finish_report,
    kinds_for,
    next_report,
    put_off,
    put_progress,
    report_html,
    reports,
)
from storage.retention import delete_old
from storage.settings import RetentionSettings
from tests.helpers.reporting import BEGIN, DAY, a_wish
from tests.helpers.seeded import shop
from tests.helpers.station import MANIFEST

MADE = MadeReport(html="<p>\u00e9\u2028</p>", words="all of it", reference_rows=9, current_rows=7)


def ask(database: Database, *ids: str) -> None:
    with database.write() as connection:
        for minute, id_ in enumerate(ids):
            wish = a_wish(arm=Arm.CANARY, slice="country=DE")
            at = BEGIN + timedelta(minutes=minute)
            ask_for_report(connection, id_, wish, author="ann", asked_at=at)


def found(database: Database, id_: str) -> Report:
    with database.read() as connection:
        report = find_report(connection, id_)
    assert report is not None
    return report


def test_a_report_is_asked_for_made_and_kept(database: Database) -> None:
    ask(database, "a", "a")

    asked = found(database, "a")
    with database.write() as connection:
        begin_report(connection, "a")
        put_progress(connection, "a", 0.5)
        making = find_report(connection, "a")
        finish_report(connection, "a", MADE, made_at=BEGIN + DAY)

    done = found(database, "a")
    assert (asked.state, asked.scope) == (
        ReportState.ASKED,
        Scope(model="shop", version="1", arm=Arm.CANARY, slice="country=DE"),
    )
    assert making is not None
    assert (making.state, making.progress, making.tries) == (ReportState.MAKING, 0.5, 1)
    assert (done.state, done.progress, done.words, done.reference_rows, done.current_rows, done.size) == (
        ReportState.DONE, 1.0, "all of it", 9, 7, len(MADE.html.encode()),
    )  # fmt: skip
    with database.read() as connection:
        assert report_html(connection, "a") == MADE.html
        assert [each.id for each in reports(connection)] == ["a"]


def test_what_was_begun_comes_before_what_waits_and_what_waits_in_its_order(database: Database) -> None:
    ask(database, "a", "b", "c")

    with database.write() as connection:
        begin_report(connection, "b")
        first = next_report(connection)
        fail_report(connection, "b", "no rows", made_at=BEGIN)
        second = next_report(connection)

    assert first is not None
    assert second is not None
    assert (first.id, second.id) == ("b", "a")
    assert found(database, "b").words == "no rows"


def test_a_report_that_is_put_off_has_lost_no_try(database: Database) -> None:
    ask(database, "a")

    with database.write() as connection:
        begin_report(connection, "a")
        put_off(connection, "a")

    assert (found(database, "a").state, found(database, "a").tries) == (ReportState.ASKED, 0)


def test_more_than_may_wait_are_refused_in_words(database: Database) -> None:
    ask(database, *(f"r{n:02d}" for n in range(MOST_WAITING + 1)))

    last = found(database, f"r{MOST_WAITING:02d}")
    assert last.state is ReportState.FAILED
    assert "ask again" in last.words


def test_old_reports_go_and_no_more_than_the_newest_hundred_stay(database: Database) -> None:
    ids = [f"r{n:03d}" for n in range(MOST_KEPT + 5)]
    for id_ in ids:
        ask(database, id_)
        with database.write() as connection:
            finish_report(connection, id_, MADE, made_at=BEGIN)

    few = delete_old(database, RetentionSettings(reports_days=90), BEGIN + DAY)
    rest = delete_old(database, RetentionSettings(reports_days=90), BEGIN + 91 * DAY)

    assert (few.reports, rest.reports) == (5, MOST_KEPT)


@pytest.mark.parametrize(
    ("change", "last"),
    [
        ({}, ReportKind.CLASSIFICATION),
        ({"task": "regression", "outputs": {}}, ReportKind.REGRESSION),
        ({"task": "embedding", "outputs": {}}, ReportKind.DATA_SUMMARY),
        ({"task": "text-classification", "outputs": {"classes": ["a", "b"], "multi_label": True}},
         ReportKind.DATA_SUMMARY),
    ],
)  # fmt: skip
def test_the_kinds_of_report_follow_from_the_task(change: dict[str, object], last: ReportKind) -> None:
    base = shop().model_dump(mode="json") | {"label": None}
    manifest = Manifest.model_construct(**(base | change))

    assert kinds_for(MANIFEST.model_dump_json())[0] is ReportKind.DATA_DRIFT
    assert kinds_for(manifest.model_dump_json(warnings=False))[-1] is last
