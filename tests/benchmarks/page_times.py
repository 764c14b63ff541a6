"""How long pages take on a database of months: in Chromium, on a real dashboard, by address and by link.

By address the browser also loads Streamlit itself. By link a person goes from page to page; that is held
against the bound.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page

from dashboard.site import DRIFT, OVERVIEW, PAGES, SERVING, Site
from tests.benchmarks.page_database import DAYS, EVENTS, MODELS, large_database
from tests.benchmarks.tables import Table
from tests.helpers.browser import chromium, dashboard_on

BOUND_S, OVERVIEW_BOUND_S, MOST_MB = 2.0, 1.0, 500
_SHOWN: Mapping[str, str] = {"toxicity": "model-02", "bias": "model-01"}
_AT_REST = """([title]) => {
    const app = document.querySelector('[data-testid=stApp]');
    const heading = [...document.querySelectorAll('[data-testid=stMain] h2')].some(each =>
        each.textContent.trim() === title && !each.closest('[data-stale=true]'));
    return heading && app.getAttribute('data-test-script-state') === 'notRunning';
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds until a page stands still."""

    first: float  # by its address, in a browser that has seen nothing
    again: float
    by_link: float


def page_tables() -> Iterator[Table]:
    """Every page of the site, twice by its address and once by its link."""
    settings = large_database()
    table = Table(
        title=f"Pages at {EVENTS:,} events and {DAYS} days of {MODELS} models",
        header=["page", "s by address", "s again", "s by link", "bound", "MB of the dashboard"],
        note=f"The dashboard has at most {MOST_MB} MB.",
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        dashboard_on(settings.url, Path(folder)) as url,
    ):
        for site in [site for sites in PAGES.values() for site in sites]:
            times = _opened(browser, url, site)
            bound = OVERVIEW_BOUND_S if site is OVERVIEW else BOUND_S
            table.add(site.title, times.first, times.again, times.by_link, bound, _resident_mb())
    yield table


def _opened(browser: Browser, url: str, site: Site) -> Times:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    address = f"{_place(url, site)}?model={_SHOWN.get(site.path, 'model-01')}"
    try:
        first, again = (_until_rest(page, site, address) for _ in range(2))
        other = SERVING if site is DRIFT else DRIFT  # pages that hand on which model is looked at
        _until_rest(page, other, address.replace(_place(url, site), _place(url, other), 1))
        page.wait_for_timeout(1000)
        began = time.perf_counter()
        page.locator("[data-testid=stSidebarNavLink]", has_text=site.title).click()
        page.wait_for_function(_AT_REST, arg=[site.title], timeout=60_000)
        return Times(first=first, again=again, by_link=time.perf_counter() - began)
    finally:
        context.close()


def _place(url: str, site: Site) -> str:
    return f"{url}/" if site is OVERVIEW else f"{url}/{site.path}"


def _until_rest(page: Page, site: Site, address: str) -> float:
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_function(_AT_REST, arg=[site.title], timeout=60_000)
    return time.perf_counter() - began


def _resident_mb() -> float:
    """Of the dashboard, the one child of this process that runs Python."""
    children = [each for each in psutil.Process().children() if "dashboard" in each.cmdline()]
    return sum(each.memory_info().rss for each in children) / 1e6
