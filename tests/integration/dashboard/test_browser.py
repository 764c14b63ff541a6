"""Every page in Chromium on texts that would do harm: they are shown as they are, and do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext

from dashboard.site import ALERTS, BIAS, EVENTS, OVERVIEW, PAGES, REPORTS, SYSTEM, TOXICITY, Site
from tests.helpers.browser import Visit, chromium, dashboard_on, visiting
from tests.helpers.harms import HOSTILE_GROUP, WRITER
from tests.helpers.hostile import HARM, HOSTILE_BANK, hostile

pytestmark = pytest.mark.xdist_group("pages")  # what they share is set up once

SITES = [site for sites in PAGES.values() for site in sites]
TELLING = (OVERVIEW, ALERTS, EVENTS, SYSTEM, REPORTS)
"""Pages whose tables hold what somebody wrote."""
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with chromium() as browser:
        yield browser.new_context()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = hostile(tmp_path_factory.mktemp("hostile"))
    with dashboard_on(settings.url, tmp_path_factory.mktemp("dashboard")) as url:
        yield url


@pytest.fixture
def visit(browser: BrowserContext, url: str) -> Iterator[Visit]:
    """A page; when the test is over nothing may have gone wrong in it."""
    with visiting(browser, url) as visit:
        yield visit
        assert visit.exceptions == 0
        assert visit.complaints == []  # a dialog is one
        assert not visit.overflows


def opened(visit: Visit, site: Site, **picks: str) -> None:
    path = "/" if site is OVERVIEW else f"/{site.path}"
    visit.open(f"{path}?{urlencode(picks)}" if picks else path, site.title)


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.path)
def test_hostile_texts_do_nothing_on_a_page_and_nothing_in_its_tables(visit: Visit, site: Site) -> None:
    picks: Mapping[Site, dict[str, str]] = {OVERVIEW: {}, TOXICITY: {"model": WRITER}}
    opened(visit, site, **picks.get(site, {"model": HOSTILE_BANK}))

    cells = [
        text
        for key in visit.tables()
        for row in visit.taken_away(key)
        for text in (*row.keys(), *row.values())
    ]

    assert site not in TELLING or any(HARM in text for text in cells)
    assert visit.page.locator("img[src=x]").count() == 0
    assert visit.page.locator("a[href^='javascript' i]").count() == 0
    assert visit.page.evaluate("window.hacked === undefined")
    assert [text for text in cells if text.startswith(FORMULAS) and not is_number(text)] == []


def test_a_hostile_name_is_shown_as_it_is(visit: Visit) -> None:
    opened(visit, BIAS, model=HOSTILE_BANK)

    assert visit.page.get_by_role("combobox", name="Model").input_value() == HOSTILE_BANK
    assert f"colour={HOSTILE_GROUP}" in {row["column"] for row in visit.table("statistics")}


def test_a_line_of_the_overview_leads_to_the_page_about_it(visit: Visit) -> None:
    opened(visit, OVERVIEW)

    visit.page.locator(".st-key-versions path[aria-label*='watch: Toxicity']").click(force=True)
    visit.page.get_by_role("heading", name="Toxicity", exact=True).wait_for()

    assert f"model={WRITER}" in visit.page.url


def test_a_click_on_a_cell_opens_that_class_in_that_window(visit: Visit) -> None:
    opened(visit, TOXICITY, model=WRITER)

    visit.page.locator(".st-key-heat-map path[aria-label*='; window: ']").first.click()

    visit.page.wait_for_url(lambda url: "column=" in url and "window=" in url)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
