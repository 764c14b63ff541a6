"""Labelling by keyboard in Chromium: keys become labels, and labels become measurements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.settings import GATEWAY_URL
from tests.helpers.browser import Visit, chromium, dashboard_on, visiting
from tests.helpers.overseeing import Overseen, overseen
from tests.helpers.serving import ECHO

DAY = "2026-01-05T00:00:00Z"
LATE = "2026-01-05T23:59:00Z"  # few rows are to come that day, so many of these are chosen
FEW = {"accuracy": {"min_labels": 1}, "sampling": {"min_answers": 1}}
YES = (
    "<img src=x onerror='alert(1)'> [x](javascript:alert(2)) **yes**"  # would do harm, were it read as a page
)
SHOP = {**ECHO, "label": "bought", "outputs": {"classes": ["no", YES]}}
PEOPLE = [{"age": age, "country": "DE", "member": True} for age in range(200)]


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Overseen]:
    with overseen(tmp_path, models=[SHOP], options=FEW) as running:
        monkeypatch.setenv(GATEWAY_URL, running.gateway.url)
        running.gateway.post("/v1/models/echo:predict", {"instances": PEOPLE, "at": LATE})
        running.wait_for(lambda: samples(running)["samples"])
        yield running


def samples(both: Overseen) -> dict[str, Any]:
    return dict(both.gateway.get("/api/samples?limit=40").json)


def measured(both: Overseen, monitor: str) -> dict[str, dict[str, Any]]:
    """What a monitor says of the day's last window, once that is judged."""
    query = f"/api/measurements?monitor={monitor}&slice=all&start={DAY}&end=2026-01-06T00:00:00Z"
    return {each["metric"]: each for each in both.gateway.get(query).json["measurements"]}


def press(visit: Visit, key: str, then: dict[str, Any]) -> None:
    """Press a key, and wait until this row is asked about, down to the last button."""
    visit.page.keyboard.press(key)
    visit.page.locator(f".st-key-show-{then['event']}-{then['row']}").wait_for(timeout=10_000)
    visit.page.wait_for_function(
        "document.querySelector('[data-testid=stApp]').getAttribute('data-test-script-state') !== 'running'"
    )


def test_keys_become_labels_and_labels_become_accuracy(both: Overseen, tmp_path: Path) -> None:
    asked = samples(both)["samples"]
    chosen = len(asked)
    keys = ["1" if place % 3 else "2" for place in range(chosen)]

    with (
        chromium() as browser,
        dashboard_on(both.gateway.settings.database.url, tmp_path) as url,
        visiting(browser, url) as visit,
    ):
        visit.open("/label?model=echo", "Label")
        assert visit.page.get_by_role("button", name=YES).count() == 1
        assert visit.page.locator("img[src=x], a[href^=javascript]").count() == 0
        press(visit, "2", asked[1])  # a slip, which is taken back
        press(visit, "u", asked[0])
        for key, then in zip(keys[:-1], asked[1:], strict=True):
            press(visit, key, then)
        visit.page.get_by_text(f"{chosen - 1} of {chosen} chosen rows").wait_for()
        visit.page.keyboard.press(keys[-1])
        visit.page.get_by_text("Every row that was chosen is answered.").wait_for()
        assert (visit.exceptions, visit.complaints) == (0, [])  # a dialog is a complaint
    both.wait_for(lambda: samples(both)["progress"][0]["answered"] == chosen)
    both.gateway.post("/v1/models/echo:predict", {"instances": PEOPLE[:1], "at": "2026-01-08T00:00:00Z"})
    sampling = both.wait_for(lambda: measured(both, "sampling"), 30)
    accuracy = both.wait_for(lambda: measured(both, "accuracy"), 30)

    said = ["no" if key == "1" else YES for key in keys]
    story = both.gateway.get(f"/api/events/{asked[0]['event']}").json
    assert {each["row"]: each["label"] for each in story["labels"]} == {
        each["row"]: label for each, label in zip(asked, said, strict=True)
    }
    right = [float(each["outputs"]["class"] == label) for each, label in zip(asked, said, strict=True)]
    weights = [1 / each["pi"] for each in asked]
    hajek = sum(weight * hit for weight, hit in zip(weights, right, strict=True)) / sum(weights)
    assert sampling["sampled_accuracy"]["value"] == pytest.approx(hajek)
    assert sampling["sample_answered_share"]["value"] == 1.0
    assert sampling["sample_answered_share"]["n"] == chosen
    assert accuracy["accuracy"]["value"] == pytest.approx(sum(right) / chosen)
    assert accuracy["label_conflict_share"]["value"] == 0.0  # a slip that was taken back is none
