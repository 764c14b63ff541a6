"""Reports, made in the monitor process: by a child, one at a time, whatever becomes of it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitors.errors import ReportError
from monitors.process.tenure import Tenure
from monitors.report import make_report
from monitors.reporting.maker import MOST_TRIES, Limits, ReportMaker
from storage import tables
from storage.counting import Counting
from storage.database import Database, open_writer
from storage.framing import encode
from storage.leases import Leases
from storage.models import put_reference_rows
from storage.records import InferenceEvent, Outcome, ReportKind, ReportWish
from storage.reports import Report, ReportState, ask_for_report, begin_report, find_report, report_html
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings
from tests.helpers.browser import chromium
from tests.helpers.reporting import BEGIN, DAY, a_wish
from tests.helpers.seeded import HOSTILE_COLUMN, seeded_database

pytestmark = pytest.mark.xdist_group("reports")  # what they share is set up once

ROWS = 60
HOSTILE_DAY = BEGIN + 20 * DAY
SCRIPT = "</script><script>window.hacked = 1</script>"
HOSTILE_EVENT = InferenceEvent(
    at=HOSTILE_DAY,
    outcome=Outcome.OK,
    protocol="v1",
    total_s=0.01,
    model="shop",
    version="1",
    rows=ROWS,
    inputs={
        "age": [40.0 + row % 7 for row in range(ROWS)],
        "income": [20_000.0 + row for row in range(ROWS)],
        HOSTILE_COLUMN: [SCRIPT, "<img src=x onerror='window.hacked = 2'>", "red"] * (ROWS // 3),
    },
    outputs={"class": ["yes", "no"] * (ROWS // 2), "score": [0.7, 0.3] * (ROWS // 2)},
    replay=True,
)
DIES = (sys.executable, "-S", "-c", "raise SystemExit(9)")
HANGS = (sys.executable, "-S", "-c", "import sys; print(0.25, flush=True); sys.stdin.read()")


@dataclass(slots=True)
class Workshop:
    """A maker of reports on a database."""

    database: Database
    url: str
    limits: Limits = field(default_factory=Limits)
    stop: threading.Event = field(default_factory=threading.Event)

    def ask(self, id_: str, wish: ReportWish | None = None) -> None:
        with self.database.write() as connection:
            ask_for_report(connection, id_, wish or a_wish(), author="ann", asked_at=BEGIN)

    def step(self) -> bool:
        counting = Counting(self.database, SegmentLog(self.database))
        tenure = Tenure(Leases(self.database, owner="test"), ttl_s=15)
        maker = ReportMaker(
            self.database, counting, tenure,
            url=self.url, limits=self.limits, stop=self.stop, clock=lambda: BEGIN + DAY,
        )  # fmt: skip
        return maker.step()

    def found(self, id_: str) -> Report:
        with self.database.read() as connection:
            report = find_report(connection, id_)
        assert report is not None
        return report


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> DatabaseSettings:
    """Ten days of a shop, and a day on which somebody tries to write into reports."""
    settings = seeded_database(tmp_path_factory.mktemp("reports")).settings
    database = open_writer(settings)
    SegmentLog(database).store("hostile", 1, encode(HOSTILE_EVENT))
    database.close()
    return settings


@pytest.fixture
def workshop(settings: DatabaseSettings) -> Iterator[Workshop]:
    database = open_writer(settings)
    yield Workshop(database, settings.url)
    database.close()


@pytest.fixture(scope="module")
def made(settings: DatabaseSettings) -> Iterator[tuple[Report, str]]:
    """A report of the hostile day, made by a child."""
    database = open_writer(settings)
    workshop = Workshop(database, settings.url)
    workshop.ask("made", a_wish(start=HOSTILE_DAY, end=HOSTILE_DAY + DAY))
    worked = workshop.step(), workshop.step()
    assert worked == (True, False)  # nothing else waits
    with database.read() as connection:
        html = report_html(connection, "made")
    assert html is not None
    yield workshop.found("made"), html
    database.close()


def test_a_report_that_was_asked_for_is_made_by_a_child_and_kept(made: tuple[Report, str]) -> None:
    report, html = made

    assert (report.state, report.words, report.current_rows) == (
        ReportState.DONE,
        f"It compares all {ROWS} answered rows of the window with 5,000 of the reference.",
        ROWS,
    )
    assert "<h1>Data drift: shop 1</h1>" in html


def test_what_is_hostile_in_a_column_does_nothing_when_its_report_is_opened(
    made: tuple[Report, str], tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(made[1])
    heard: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        page.on("request", lambda request: heard.append(request.url) if request.url[:4] == "http" else None)
        page.goto(file.as_uri())
        page.get_by_text("Dataset Drift is").wait_for(timeout=30_000)
        name = page.get_by_role("row").filter(has_text=HOSTILE_COLUMN)
        name.get_by_role("button").click()  # its values, as a picture and as texts
        page.get_by_text(SCRIPT).first.wait_for(timeout=30_000)

        assert page.evaluate("window.hacked") is None
    assert heard == []


@pytest.mark.parametrize(
    ("wish", "advice"),
    [
        (a_wish(start=BEGIN - DAY, end=BEGIN), "no answered row"),
        (a_wish(slice="country=DE"), "pick another window or slice"),
        (a_wish(ReportKind.CLASSIFICATION), "no answered row of this window has a label"),
        (a_wish(version="9"), "no version 9 of shop is known"),
    ],
)
def test_what_cannot_be_made_fails_with_words_that_say_what_to_do(
    workshop: Workshop, wish: ReportWish, advice: str
) -> None:
    with pytest.raises(ReportError, match=advice):
        make_report(workshop.database, wish, progress=lambda _: None)


def test_a_reference_that_was_set_before_rows_were_kept_has_to_be_set_again(workshop: Workshop) -> None:
    with workshop.database.write() as connection:
        kept = connection.execute(tables.reference_rows.select()).one()
        connection.execute(tables.reference_rows.delete())

    with pytest.raises(ReportError, match="set it again: `inferwatch reference set shop --from FILE`"):
        make_report(workshop.database, a_wish(), progress=lambda _: None)

    with workshop.database.write() as connection:
        put_reference_rows(connection, kept.hash, kept.body)


def test_a_child_that_dies_is_tried_again_and_then_given_up_with_words(workshop: Workshop) -> None:
    workshop.ask("dies")
    workshop.limits = Limits(command=DIES)

    for tried in range(MOST_TRIES):
        assert workshop.step()
        assert (workshop.found("dies").state, workshop.found("dies").tries) == (ReportState.MAKING, tried + 1)
    workshop.step()

    failed = workshop.found("dies")
    assert failed.state is ReportState.FAILED
    assert "cut off 3 times" in failed.words


def test_a_child_that_takes_too_long_is_ended_and_the_words_say_so(workshop: Workshop) -> None:
    workshop.ask("slow")
    workshop.limits = Limits(seconds=0.3, command=HANGS)

    workshop.step()

    failed = workshop.found("slow")
    assert (failed.state, failed.progress) == (ReportState.FAILED, 0.25)
    assert "longer than 0.3 s" in failed.words


def test_at_the_end_of_the_process_what_is_being_made_waits_for_the_next(workshop: Workshop) -> None:
    workshop.ask("later")
    workshop.limits = Limits(command=HANGS)
    workshop.stop.set()

    assert not workshop.step()

    later = workshop.found("later")
    assert (later.state, later.tries) == (ReportState.ASKED, 0)
    workshop.stop.clear()
    workshop.limits = Limits(seconds=0.1, command=HANGS)
    workshop.step()


def test_what_another_process_left_unfinished_is_made_again(workshop: Workshop) -> None:
    workshop.ask("left")
    with workshop.database.write() as connection:
        begin_report(connection, "left")
    workshop.limits = Limits(seconds=0.1, command=HANGS)

    assert workshop.step()

    assert workshop.found("left").tries == 2
