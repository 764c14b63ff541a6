"""The pages after the replay of the car loans, in Chromium: they show what `/api/measurements` gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.end_to_end.conftest import Road
from tests.helpers.browser import Visit, chromium, visiting

pytestmark = pytest.mark.xdist_group("road")  # one replay serves them all

LOOKED_AT = ("car_value", "salary_range", "repaid_loan_on_prev_car")  # one of each kind


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, road: Road) -> Iterator[Visit]:
    """A page; when the test is over nothing may have gone wrong in it."""
    with visiting(browser, road.dashboard_url) as visit:
        yield visit
        assert visit.exceptions == 0
        assert visit.complaints == []
        assert not visit.overflows


def newest(measurements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the newest window."""
    last = max(each["start"] for each in measurements)
    return [each for each in measurements if each["start"] == last]


def test_the_overview_accounts_for_every_row_as_the_api_does(visit: Visit, road: Road) -> None:
    visit.open("/", "Overview")

    accounting = road.get("/api/accounting")
    names = ("counted", "quarantined", "dropped", "waiting")
    parts = " + ".join(f"{accounting[name]:,} {name}" for name in names)
    assert f"{accounting['answered']:,} answered = {parts}" in visit.text()


def test_the_overview_lists_the_open_alerts_of_the_api(visit: Visit, road: Road) -> None:
    visit.open("/", "Overview")

    shown = {(row["model"], row["metric"], row["column"]) for row in visit.table("alerts")}

    alerts = road.get("/api/alerts")["alerts"]
    assert shown == {
        (alert["model"], alert["metric"], alert["column"] or "")
        for alert in alerts
        if alert["status"] in {"pending", "firing"}
    }
    visit.picture("road-overview")


def test_the_numbers_of_the_overview_are_those_of_the_api(visit: Visit, road: Road) -> None:
    visit.open("/", "Overview")
    visit.page.get_by_text("The numbers behind the newest points").click()

    shown = visit.table("numbers")

    assert {row["metric"] for row in shown} >= {"requests", "error_share", "drift", "accuracy"}
    for row in shown:
        (same,) = [
            each
            for each in newest(road.measurements(model="car-loan", metric=row["metric"]))
            if (each["column"] or "") == row["column"] and each["slice"] == "all"
        ]
        assert float(row["value"]) == same["value"], row


@pytest.mark.parametrize("column", LOOKED_AT)
def test_the_statistics_of_a_column_are_those_of_the_api(visit: Visit, road: Road, column: str) -> None:
    visit.open(f"/drift?model=car-loan&column={column}", "Drift")

    shown = {row["metric"]: row for row in visit.table("statistics")}

    measured = [
        each
        for each in newest(road.measurements(model="car-loan", monitor="drift", column=column))
        if each["slice"] == "all"
    ]
    assert set(shown) == {each["metric"] for each in measured}
    for each in measured:
        row = shown[each["metric"]]
        assert float(row["value"]) == each["value"]
        assert int(row["n"].replace(",", "")) == each["n"]
        assert (row["state"] == "breached") == each["breached"]
    visit.picture(f"road-drift-{column}")


def test_the_heat_map_marks_the_breached_cells_of_the_api(visit: Visit, road: Road) -> None:
    visit.open("/drift?model=car-loan", "Drift")

    cells = visit.page.locator(".st-key-heat-map path[aria-label*='; window: ']")
    cells.first.wait_for(state="attached", timeout=20_000)
    labels = cells.evaluate_all("paths => paths.map(path => path.getAttribute('aria-label'))")

    measured = [
        each
        for each in road.measurements(model="car-loan", monitor="drift", metric="drift")
        if each["slice"] == "all"
    ]
    assert len(labels) == len(measured)
    assert sum("state: breached" in label for label in labels) == sum(each["breached"] for each in measured)


def test_a_column_that_drifted_says_since_when(visit: Visit, road: Road) -> None:
    visit.open("/drift?model=car-loan&column=car_value", "Drift")

    breached = [
        each["start"]
        for each in road.measurements(model="car-loan", monitor="drift", metric="drift", column="car_value")
        if each["breached"] and each["slice"] == "all"
    ]
    assert f"Breached since {min(breached)[:10]}" in visit.text()
