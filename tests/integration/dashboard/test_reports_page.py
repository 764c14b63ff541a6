"""The page of reports as Streamlit runs it: what can be asked for, how far each is, the one that is open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard.pages.reports import sandboxed
from dashboard.settings import DATABASE_URL, GATEWAY_URL
from storage import tables
from storage.database import Database, open_writer
from storage.records import ReportKind
from storage.reports import MadeReport, ask_for_report, begin_report, fail_report, finish_report, put_progress
from storage.settings import DatabaseSettings
from tests.helpers.pages import page_at, rows_with, texts
from tests.helpers.ports import free_port
from tests.helpers.reporting import BEGIN, DAY, a_wish
from tests.helpers.seeded import DRIFT_FROM, HOSTILE_VALUE, Seeded

MADE = MadeReport(html="<p>made</p>", words="It compares all rows.", reference_rows=2, current_rows=1)
FIRST = "2026-03-01 00:00 to 2026-03-02 00:00 UTC"


@pytest.fixture
def database(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv(DATABASE_URL, seeded.settings.url)
    monkeypatch.setenv(GATEWAY_URL, f"http://127.0.0.1:{free_port()}")
    database = open_writer(seeded.settings)
    yield database
    with database.write() as connection:
        connection.execute(tables.report.delete())
    database.close()


def ask(database: Database, *ids: str, kind: ReportKind = ReportKind.DATA_DRIFT) -> None:
    with database.write() as connection:
        for minute, id_ in enumerate(ids):
            at = BEGIN + timedelta(minutes=minute)
            ask_for_report(connection, id_, a_wish(kind), author=HOSTILE_VALUE, asked_at=at)


def test_what_can_be_asked_for_fits_the_task_and_begins_at_the_newest_window(database: Database) -> None:
    app = page_at("reports")

    assert not app.exception
    kind, window = app.selectbox(key="pick-kind"), app.selectbox(key="pick-window")
    assert kind.options == ["Data drift", "Data summary", "Classification"]
    assert window.value == "2026-03-10T00:00:00Z"
    assert window.options[-1] == "All windows shown, as one"
    assert "None yet." in texts(app)


def test_what_was_picked_holds_after_a_reload(database: Database) -> None:
    app = page_at("reports", kind="data_summary", window=f"{BEGIN + DRIFT_FROM * DAY:%Y-%m-%dT%H:%M:%SZ}")

    assert app.selectbox(key="pick-kind").value == "data_summary"
    assert app.selectbox(key="pick-window").value == "2026-03-07T00:00:00Z"


def test_every_report_is_listed_with_how_far_it_is_and_why_it_failed(database: Database) -> None:
    ask(database, "a", "b", "c", "d")
    with database.write() as connection:
        begin_report(connection, "b")
        put_progress(connection, "b", 0.45)
        finish_report(connection, "c", MADE, made_at=BEGIN)
        fail_report(connection, "d", "no rows: pick another window", made_at=BEGIN)

    app = page_at("reports")

    assert not app.exception
    rows = rows_with(app, "state", "asked by")
    assert [row["state"] for row in rows] == ["failed", "done", "making, 45%", "waits"]
    assert rows[0]["what it holds, or why there is none"] == "no rows: pick another window"
    assert rows[0]["asked by"] == HOSTILE_VALUE
    assert "The newest could not be made:" in texts(app)
    assert app.selectbox(key="pick-report").options == ["None", f"Data drift of shop 1: {FIRST}"]


def test_a_report_that_is_made_opens_in_a_frame_without_an_origin(database: Database) -> None:
    ask(database, "a")
    with database.write() as connection:
        finish_report(connection, "a", MADE, made_at=BEGIN)

    app = page_at("reports", report="a")

    assert not app.exception
    (frame,) = app.get("iframe")
    assert frame.proto.srcdoc == sandboxed(MADE.html)
    assert 'sandbox="allow-scripts"' in frame.proto.srcdoc
    assert "&lt;p&gt;made&lt;/p&gt;" in frame.proto.srcdoc
    assert len(app.get("download_button")) == 1


def test_a_report_that_is_gone_is_said_to_be(database: Database) -> None:
    app = page_at("reports", report="gone")

    assert not app.exception
    assert "not there (any more)" in texts(app)


def test_while_the_gateway_is_away_no_report_is_asked_for_and_the_page_says_so(database: Database) -> None:
    app = page_at("reports")
    next(button for button in app.button if button.label == "Make report").click().run()

    assert not app.exception
    assert "No report was asked for." in texts(app)
    assert "does not answer" in texts(app)


def test_before_anything_is_served_the_page_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path}/none.db")
    open_writer(settings).close()
    monkeypatch.setenv(DATABASE_URL, settings.url)

    app = page_at("reports")

    assert not app.exception
    assert "inferwatch models add FOLDER" in texts(app)
