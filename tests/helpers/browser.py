"""A real browser on a real dashboard: what a person would see, and what the console says of it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.helpers.ports import free_port

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / ".artifacts"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_LOOKS_AROUND = "/_stcore/"  # a deep link makes Streamlit try two addresses for its server; one is not there

_STAND_STILL = """
() => new Promise(done => {
    const quiet_ms = 350;
    const busy = () =>
        document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') === 'running'
        || document.querySelector('[data-testid=stSkeleton], [data-stale=true]') !== null;
    let timer;
    const again = () => { clearTimeout(timer); timer = setTimeout(look, quiet_ms); };
    const observer = new MutationObserver(again);
    const look = () => { if (busy()) { again(); } else { observer.disconnect(); done(true); } };
    observer.observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
    again();
})
"""
"""Ends once the script has run to its end, and nothing on the page has changed for a while."""

_SAVES_AS_A_LINK = "delete window.showSaveFilePicker"
"""Or Chromium would ask where to, in a window that nobody sees."""

Scheme = Literal["light", "dark"]
_TALL = 4000
"""Pixels that hold any page."""


@dataclass(slots=True)
class Visit:
    """One page that is open, and what went wrong in it."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str, heading: str) -> None:
        """Go there, and wait until Streamlit has finished."""
        self.page.goto(f"{self.url}{path}")
        self.page.get_by_role("heading", name=heading, exact=True).wait_for(timeout=60_000)
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run to its end, and nothing moves any more."""
        self.page.evaluate(_STAND_STILL)

    def text(self) -> str:
        """Everything that is written on the page."""
        return str(self.page.locator("[data-testid=stMain]").inner_text())

    def table(self, key: str) -> list[dict[str, str]]:
        """The rows of a table by its key, as the grid tells screen readers."""
        grid = self.page.locator(f".st-key-{key} canvas[data-testid=data-grid-canvas]")
        grid.wait_for(state="attached", timeout=20_000)
        grid.scroll_into_view_if_needed()
        self.page.wait_for_function(
            "canvas => canvas.querySelectorAll('tr').length > 1", arg=grid.element_handle(), timeout=20_000
        )
        self.page.wait_for_timeout(800)  # the first rows may be those of before
        cells: list[list[str]] = grid.evaluate(
            "canvas => [...canvas.querySelectorAll('tr')].map(row => "
            "[...row.querySelectorAll('th,td')].map(cell => cell.textContent))"
        )
        return [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]

    def tables(self) -> list[str]:
        """The keys of all tables, those in folds too, which are opened."""
        self.page.locator("[data-testid=stMain] details:not([open]) > summary").evaluate_all(
            "folds => folds.forEach(fold => fold.click())"
        )
        self.settle()
        keys: list[str] = self.page.locator("[data-testid=stDataFrame]").evaluate_all(
            "all => all.map(one => [...one.closest('[class*=st-key-]').classList]"
            ".find(name => name.startsWith('st-key-')).slice('st-key-'.length))"
        )
        return keys

    def taken_away(self, key: str) -> list[dict[str, str]]:
        """All rows of a table by its key, as the CSV that a person saves from its toolbar holds them."""
        toolbar = self.page.locator(f".st-key-{key}").get_by_test_id("stElementToolbar")
        with self.page.expect_download() as saving:
            toolbar.get_by_label("Download as CSV").dispatch_event("click")
        with saving.value.path().open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def show_as(self, scheme: Scheme, width: int) -> None:
        """Look at the whole page as it is in light or dark, on a screen of this width."""
        fits = self.page.evaluate("scheme => matchMedia(`(prefers-color-scheme: ${scheme})`).matches", scheme)
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size({"width": width, "height": _TALL})
        if not fits:
            self.page.keyboard.press(
                "r"
            )  # runs the script anew: what it draws in ink of its own follows then
        self.settle()

    def picture(self, name: str) -> None:
        """Keep what it looks like on this screen, down to its end."""
        PICTURES.mkdir(exist_ok=True)
        width = self.page.evaluate("window.innerWidth")
        end = self.page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
        self.page.screenshot(
            path=PICTURES / f"{name}.png",
            clip={"x": 0, "y": 0, "width": width, "height": min(end, _TALL)},
        )

    @property
    def exceptions(self) -> int:
        """Exception boxes on the page."""
        return self.page.locator("[data-testid=stException]").count()

    @property
    def overflows(self) -> bool:
        """Whether the page can be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@contextmanager
def visiting(
    browser: Browser | BrowserContext, url: str, scheme: Scheme = "light", width: int = 1280
) -> Iterator[Visit]:
    """A page in a window of its own. In one context pages load faster: they share what the browser keeps."""
    page = browser.new_page()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(_SAVES_AS_A_LINK)
    visit = Visit(page=page, url=url)

    def heard(message: Any) -> None:
        if message.type == "error" and _LOOKS_AROUND not in str(message.location):
            visit.complaints.append(f"{message.text} at {message.location}")

    visit.page.on("console", heard)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("dialog", lambda dialog: visit.complaints.append(f"a dialog: {dialog.message}"))
    try:
        yield visit
    finally:
        page.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the machine. Skips where there is none, but never in CI."""
    if not CHROMIUM.exists():
        reason = f"needs Chromium at {CHROMIUM} (Debian's package chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def dashboard_on(database_url: str, folder: Path) -> Iterator[str]:
    """The dashboard's process on a database; gives its address."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "INFERWATCH_DATABASE_URL": database_url}
    with (folder / "dashboard.log").open("ab") as log:
        process = subprocess.Popen(  # our own command line
            [sys.executable, "-m", "dashboard", "--port", str(port)],
            cwd=folder, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(f"{url}/_stcore/health")
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(url: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"nothing answered at {url} within {timeout_s:g} s")
