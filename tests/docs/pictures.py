"""`python -m tests.docs.pictures DASHBOARD INBOX`: takes the pictures of the documentation, of a demo."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from tests.docs.workshop import ROOT
from tests.helpers.browser import chromium, visiting

FOLDER = ROOT / "docs" / "pictures"

LOANS, MESSAGES = "model=demo-loans", "model=demo-messages"
PICTURES: Mapping[str, tuple[str, str, int]] = {
    "overview": ("/", "Overview", 1250),
    "drift": (f"/drift?{LOANS}&column=car_age", "Drift", 1150),
    "toxicity": (f"/toxicity?{MESSAGES}", "Toxicity", 1000),
    "bias": (f"/bias?{LOANS}", "Bias", 1100),
    "accuracy": (f"/accuracy?{LOANS}", "Accuracy", 1000),
    "alerts": ("/alerts", "Alerts", 1000),
    "label": (f"/label?{LOANS}", "Label", 800),
    "events": (f"/events?{LOANS}", "Events", 1000),
    "serving": (f"/serving?{LOANS}", "Serving", 1000),
}
"""By name: the address, the heading to wait for, and the height."""

_WIDTH = 1280


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dashboard", help="its address; once accuracy is lost every alert fires")
    parser.add_argument("inbox", help="and that of the inbox")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser:
        for name, (path, heading, height) in PICTURES.items():
            with visiting(browser, arguments.dashboard, width=_WIDTH) as visit:
                visit.page.set_viewport_size({"width": _WIDTH, "height": height})
                visit.open(path, heading)
                visit.page.wait_for_timeout(1500)  # charts are drawn after the text
                visit.page.screenshot(path=FOLDER / f"{name}.png")
        with visiting(browser, arguments.inbox, width=_WIDTH) as visit:
            visit.page.goto(arguments.inbox)
            visit.page.wait_for_timeout(1500)
            visit.page.screenshot(path=FOLDER / "inbox.png")


if __name__ == "__main__":
    main()
