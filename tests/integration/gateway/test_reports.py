"""Reports over HTTP: asked for with what is newest, told how far they are, handed out as foreign pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.front import right_for
from storage.database import Database, open_writer
from storage.keys import Right
from storage.reports import MOST_WAITING, MadeReport, ask_for_report, finish_report
from tests.helpers.reporting import BEGIN, DAY, a_wish
from tests.helpers.seeded import WINDOWS, seeded_database
from tests.helpers.serving import ECHO, Serving, serving

pytestmark = pytest.mark.xdist_group("report-routes")  # what they share is set up once

HTML = "<!DOCTYPE html><script>window.hacked = 1</script>"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    seeded = seeded_database(tmp_path_factory.mktemp("seeded"))
    settings = {"database": {"url": seeded.settings.url}}
    with serving(tmp_path_factory.mktemp("gateway"), [ECHO], settings) as running:
        yield running


@pytest.fixture
def database(gateway: Serving) -> Iterator[Database]:
    database = open_writer(gateway.settings.database)
    yield database
    database.close()


def asked(**more: Any) -> dict[str, Any]:
    return {"kind": "data_drift", "model": "shop", **more}


def test_what_is_not_said_is_the_newest_version_and_its_newest_judged_window(gateway: Serving) -> None:
    reply = gateway.post("/api/reports", asked(author="ann"))

    last = BEGIN + (WINDOWS - 1) * DAY
    assert reply.status == 200, reply.body
    assert reply.json | {"id": "", "asked_at": ""} == {
        "id": "", "state": "asked", "progress": 0.0, "kind": "data_drift", "model": "shop", "version": "1",
        "arm": "stable", "slice": "all", "start": f"{last:%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{last + DAY:%Y-%m-%dT%H:%M:%SZ}", "author": "ann", "words": "", "asked_at": "",
        "made_at": None, "reference_rows": None, "current_rows": None, "size": None,
    }  # fmt: skip
    assert gateway.get(f"/api/reports/{reply.json['id']}").json == reply.json


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"model": "nobody"}, 404, "there are shop"),
        ({"version": "9"}, 404, "there are 1"),
        ({"kind": "regression"}, 400, "there are data_drift, data_summary, classification"),
        ({"start": "2026-03-02"}, 400, "give both"),
        ({"start": "2026-03-02", "end": "2026-03-01"}, 400, "after the start"),
        ({"slice": "country=DE"}, 404, "give start and end"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_what_there_is(
    gateway: Serving, more: dict[str, Any], status: int, words: str
) -> None:
    reply = gateway.post("/api/reports", asked(**more))

    assert (reply.status, words in reply.error) == (status, True), reply.error


def test_a_report_that_is_made_comes_as_a_page_without_an_origin(
    gateway: Serving, database: Database
) -> None:
    with database.write() as connection:
        ask_for_report(connection, "p-1-0", a_wish(), author="ann", asked_at=BEGIN)
    waiting = gateway.get("/api/reports/p-1-0/html")
    with database.write() as connection:
        made = MadeReport(html=HTML, words="all", reference_rows=2, current_rows=1)
        finish_report(connection, "p-1-0", made, made_at=BEGIN)

    page = gateway.get("/api/reports/p-1-0/html")

    assert (waiting.status, waiting.error) == (404, "this report is asked")
    assert (page.status, page.body.decode()) == (200, HTML)
    assert page.headers["content-security-policy"] == "sandbox allow-scripts"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-disposition"] == 'attachment; filename="report-p-1-0.html"'
    assert [each["state"] for each in gateway.get("/api/reports?model=shop").json["reports"]] == ["done"]
    assert gateway.get("/api/reports?model=other").json == {"reports": []}


def test_no_more_than_so_many_wait(gateway: Serving, database: Database) -> None:
    with database.write() as connection:
        for place in range(MOST_WAITING):
            ask_for_report(connection, f"w-{place:x}-0", a_wish(), author="ann", asked_at=BEGIN)

    reply = gateway.post("/api/reports", asked())

    assert (reply.status, "ask again later" in reply.error) == (409, True)


def test_what_is_on_its_way_to_the_database_counts_among_those_that_wait(tmp_path: Path) -> None:
    seeded = seeded_database(tmp_path)
    settings = {"database": {"url": seeded.settings.url}}
    with serving(tmp_path, [ECHO], settings) as gateway:  # nothing ships its journal
        statuses = [gateway.post("/api/reports", asked()).status for _ in range(MOST_WAITING + 2)]

    assert statuses == [200] * MOST_WAITING + [409] * 2


def test_asking_wants_the_right_to_act_and_looking_the_right_to_read() -> None:
    assert right_for("POST", "/api/reports") is Right.ACT
    assert right_for("GET", "/api/reports/p-1-0/html") is Right.READ
