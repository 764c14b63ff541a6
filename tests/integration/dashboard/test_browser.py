"""Both pages in Chromium: their numbers and links, no exception box, no console error, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import Visit, chromium, dashboard_on, visiting
from tests.helpers.seeded import HOSTILE_COLUMN, HOSTILE_VALUE, WINDOWS, Seeded

pytestmark = pytest.mark.xdist_group("pages")  # what they share is set up once


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(seeded: Seeded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dashboard_on(seeded.settings.url, tmp_path_factory.mktemp("dashboard")) as url:
        yield url


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    """A page; when the test is over nothing may have gone wrong in it."""
    with visiting(browser, url) as visit:
        yield visit
        assert visit.exceptions == 0
        assert visit.complaints == []
        assert not visit.overflows


def test_the_overview_tells_what_is_wrong_and_since_when(visit: Visit) -> None:
    visit.open("/", "Overview")

    assert "1 alert is firing." in visit.text()
    assert "1,000 answered = 1,000 counted + 0 quarantined + 0 dropped + 0 waiting" in visit.text()
    (alert,) = visit.table("alerts")
    assert (alert["column"], alert["since (UTC)"]) == ("age", "2026-03-08 00:00")


def test_the_overview_shows_numbers_in_full(visit: Visit, seeded: Seeded) -> None:
    visit.open("/", "Overview")
    visit.page.get_by_text("The numbers behind the newest points").click()

    shown = {(row["metric"], row["column"]): row["value"] for row in visit.table("numbers")}

    assert float(shown["drift", "age"]) == seeded.value("drift", "age", WINDOWS - 1)
    assert float(shown["error_share", ""]) == seeded.value("error_share", None, WINDOWS - 1)


def test_the_overview_leads_to_the_drift_of_a_version(visit: Visit) -> None:
    visit.open("/", "Overview")

    visit.page.locator(".st-key-versions path[aria-label*='watch: Drift']").click(force=True)
    visit.page.get_by_role("heading", name="Drift", exact=True).wait_for()

    assert "model=shop" in visit.page.url


def test_the_statistics_of_a_window_are_those_that_were_measured(visit: Visit, seeded: Seeded) -> None:
    visit.open("/drift?column=income&window=2026-03-03T00:00:00Z", "Drift")

    shown = {row["metric"]: row["value"] for row in visit.table("statistics")}

    assert {metric: float(value) for metric, value in shown.items()} == {
        metric: seeded.value(metric, "income", 2) for metric in ("drift", "js", "ks", "psi", "wasserstein")
    }


def test_a_click_on_a_cell_opens_the_column_in_that_window(visit: Visit) -> None:
    visit.open("/drift", "Drift")

    visit.page.locator("path[aria-label^='when: 2026-03-03; column: income; window']").click()

    visit.page.wait_for_url(lambda url: "column=income" in url and "window=2026-03-03T00" in url)
    visit.page.get_by_text("Not breached in this window.").wait_for()


def test_what_was_picked_survives_a_reload(visit: Visit) -> None:
    visit.open("/drift", "Drift")
    visit.page.get_by_role("combobox", name="Column").click()
    visit.page.get_by_role("option", name="score").click()
    visit.page.wait_for_url(lambda url: "column=score" in url)

    visit.page.reload()

    visit.page.get_by_text("Not breached in this window.").wait_for()
    assert visit.page.get_by_role("combobox", name="Column").input_value() == "score"


def test_hostile_names_and_values_are_shown_as_they_are_and_do_nothing(visit: Visit) -> None:
    visit.open(f"/drift?column={HOSTILE_COLUMN}", "Drift")
    visit.page.get_by_text("Rows in each bin").click()

    categories = [row["category"] for row in visit.table("bins")]

    assert HOSTILE_VALUE in categories
    assert visit.page.locator("[data-testid=stMain] img[src=x]").count() == 0
    assert visit.page.locator("[data-testid=stMain] a[href^=javascript]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_looked_at_in_light_and_dark(
    browser: Browser, url: str, scheme: Literal["light", "dark"]
) -> None:
    with visiting(browser, url, scheme) as visit:
        for path, heading in (("/", "Overview"), ("/drift", "Drift")):
            visit.open(path, heading)
            visit.picture(f"{heading.lower()}-{scheme}")

        assert visit.complaints == []


def test_pages_fit_half_a_laptop_screen(browser: Browser, url: str) -> None:
    with visiting(browser, url, width=640) as visit:
        for path, heading in (("/", "Overview"), ("/drift", "Drift")):
            visit.open(path, heading)

            assert not visit.overflows
