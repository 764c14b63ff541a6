"""Every page after the replay of car loans and COMPAS, in Chromium: what it shows is what the API gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext

from dashboard.site import BIAS, DRIFT, OVERVIEW, PAGES, Site
from tests.end_to_end.conftest import CAR_LOAN, EVERYBODY, Road
from tests.helpers.browser import Scheme, Visit, visiting

pytestmark = pytest.mark.xdist_group("road")  # one road serves them all

Row = Mapping[str, Any]
SITES = [site for sites in PAGES.values() for site in sites]
SCREENS: Sequence[tuple[Scheme, int]] = (("light", 1280), ("dark", 1280), ("dark", 640))


MEASURED = frozenset(
    {
        "statistics",
        "measurements",
        "numbers",
        "gaps",
        "pairs",
        "slices",
        "classes",
        "sampled",
        "unasked",
        "breached",
    }
)
"""The keys of all tables of measurements, on any page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is picked on a page; and by the key of a table, what all its rows have in common."""

    picks: Mapping[str, str] = field(default_factory=lambda: {"model": CAR_LOAN})
    common: Mapping[str, Row] = field(default_factory=dict)
    tables: frozenset[str] = frozenset({"statistics", "measurements"})  # of those in MEASURED


def of_column(monitor: str, column: str) -> Look:
    """One column of the car loans."""
    return Look(
        picks={"model": CAR_LOAN, "column": column},
        common={"statistics": {"monitor": monitor, "column": column}},
    )


PARITY = "demographic_parity_difference"
LOOKS: Mapping[str, Look] = {
    "overview": Look(picks={}, tables=frozenset({"numbers"})),
    "drift": of_column("drift", "car_value"),
    "quality": of_column("quality", "car_value"),
    "toxicity": Look(tables=frozenset()),  # neither model has texts
    "bias": Look(
        picks={"model": EVERYBODY, "grouping": "race", "metric": "selection_rate", "gap": PARITY},
        common={
            "statistics": {"monitor": "bias", "metric": "selection_rate"},
            "gaps": {"monitor": "bias", "column": "race"},
            "pairs": {"monitor": "bias", "metric": PARITY},
        },
        tables=frozenset({"statistics", "gaps", "pairs", "measurements"}),
    ),
    "accuracy": Look(
        common={
            "statistics": {"monitor": "accuracy", "column": None},
            "sampled": {"monitor": "sampling", "column": None},
            "unasked": {"monitor": "sampling", "column": None},
        },
        tables=frozenset({"statistics", "sampled", "unasked", "measurements"}),
    ),
    "events": Look(picks={"model": EVERYBODY}, tables=frozenset({"breached"})),
    "serving": Look(common={"statistics": {"monitor": "traffic", "column": None}}),
}
"""A page that is not here is opened about car loans; all its measurements say what they are of."""


@pytest.fixture
def visit(browser: BrowserContext, road: Road) -> Iterator[Visit]:
    """A page; when the test is over nothing may have gone wrong in it."""
    with visiting(browser, road.dashboard_url) as visit:
        yield visit
        assert visit.exceptions == 0
        assert visit.complaints == []
        assert not visit.overflows


def opened(visit: Visit, site: Site, picks: Mapping[str, str]) -> None:
    path = "/" if site is OVERVIEW else f"/{site.path}"
    visit.open(f"{path}?{urlencode(picks)}" if picks else path, site.title)


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.path)
def test_a_page_shows_the_numbers_of_the_api_and_fits_every_screen(
    visit: Visit, road: Road, site: Site
) -> None:
    look = LOOKS.get(site.path, Look(tables=frozenset()))
    opened(visit, site, look.picks)

    assert MEASURED & set(visit.tables()) == look.tables
    for key in look.tables:
        for row in visit.taken_away(key):
            assert_measured(road, row, {**look.picks, **look.common.get(key, {})})
    for scheme, width in SCREENS:
        visit.show_as(scheme, width)
        assert not visit.overflows, (scheme, width)
        visit.picture(f"road-{site.path}-{scheme}-{width}")


@pytest.mark.parametrize("column", ["salary_range", "repaid_loan_on_prev_car"])  # a category, a boolean
def test_the_statistics_of_a_column_are_all_those_of_the_api(visit: Visit, road: Road, column: str) -> None:
    visit.open(f"/drift?model={CAR_LOAN}&column={column}", "Drift")

    shown = visit.table("statistics")

    measured = [
        each
        for each in newest(measured_of(road, CAR_LOAN))
        if (each["monitor"], each["column"]) == ("drift", column)
    ]
    assert {row["metric"] for row in shown} == {each["metric"] for each in measured}
    for row in shown:
        assert_measured(road, row, {"model": CAR_LOAN, "monitor": "drift", "column": column})


def test_the_overview_accounts_for_every_row_and_lists_the_open_alerts_as_the_api_does(
    visit: Visit, road: Road
) -> None:
    visit.open("/", "Overview")

    accounting = road.get("/api/accounting")
    parts = " + ".join(
        f"{accounting[name]:,} {name}" for name in ("counted", "quarantined", "dropped", "waiting")
    )
    assert f"{accounting['answered']:,} answered = {parts}" in visit.text()
    shown = {(row["model"], row["metric"], row["column"]) for row in visit.taken_away("alerts")}
    assert shown == {
        (alert["model"], alert["metric"], alert["column"] or "")
        for alert in road.get("/api/alerts")["alerts"]
        if alert["status"] in {"pending", "firing"}
    }


def test_the_heat_map_marks_the_breached_cells_of_the_api_and_a_column_says_since_when(
    visit: Visit, road: Road
) -> None:
    visit.open(f"/drift?model={CAR_LOAN}&column=car_value", "Drift")

    cells = visit.page.locator(".st-key-heat-map path[aria-label*='; window: ']")
    labels = cells.evaluate_all("paths => paths.map(path => path.getAttribute('aria-label'))")

    measured = [each for each in measured_of(road, CAR_LOAN) if each["metric"] == "drift"]
    breached = [each for each in measured if each["breached"]]
    assert len(labels) == len(measured)
    assert sum("state: breached" in label for label in labels) == len(breached)
    since = min(each["start"] for each in breached if each["column"] == "car_value")
    assert f"Breached since {since[:10]}" in visit.text()


@pytest.mark.parametrize(
    ("site", "model", "picker", "picked"),
    [(DRIFT, CAR_LOAN, "Column", "loan_length"), (BIAS, EVERYBODY, "Metric", "precision")],
)
def test_what_was_picked_survives_a_reload(
    visit: Visit, site: Site, model: str, picker: str, picked: str
) -> None:
    opened(visit, site, {"model": model})
    visit.page.get_by_role("combobox", name=picker).click()
    visit.page.keyboard.type(picked)
    visit.page.get_by_role("option", name=picked, exact=True).click()
    visit.page.wait_for_url(lambda url: f"{picker.lower()}={picked}" in url)

    visit.page.reload()
    visit.settle()

    assert visit.page.get_by_role("combobox", name=picker).input_value() == picked
    assert f"{picker.lower()}={picked}" in visit.page.url


def test_a_silence_and_an_acknowledgement_do_what_they_say(visit: Visit, road: Road) -> None:
    visit.open(f"/alerts?model={CAR_LOAN}", "Alerts")
    visit.page.get_by_role("combobox", name="Alert").click()
    visit.page.get_by_role("option", name="drift of car_value").click()
    visit.settle()

    visit.page.locator(".st-key-acknowledge-comment input").fill("I look")
    visit.page.get_by_role("button", name="Acknowledge").click()
    visit.page.get_by_text("Acknowledged.", exact=True).wait_for()
    assert alert_of(road, "car_value")["acknowledged"]["comment"] == "I look"

    visit.page.locator(".st-key-silence-comment input").fill("being mended")
    visit.page.get_by_role("button", name="Silence", exact=True).click()
    visit.page.get_by_text("Silenced.", exact=True).wait_for()
    (silence,) = road.get("/api/silences")["silences"]
    assert silence["comment"] == "being mended"
    assert alert_of(road, "car_value")["silenced"] == [silence["id"]]
    assert alert_of(road, "loan_length")["silenced"] == []
    visit.settle()
    people = {row["column"]: row["people"] for row in visit.taken_away("alerts")}
    assert "acknowledged" in people["car_value"]
    assert "silenced" in people["car_value"]
    assert people["loan_length"] == ""
    visit.show_as("light", 1280)
    visit.picture("road-alerts-silenced")

    visit.page.get_by_role("button", name="End it now").click()
    visit.page.get_by_text("The silence is over.").wait_for()
    assert road.get("/api/silences")["silences"] == []
    assert alert_of(road, "car_value")["silenced"] == []


def alert_of(road: Road, column: str) -> Row:
    """The open alert about the drift of a column."""
    (found,) = [
        alert
        for alert in road.get(f"/api/alerts?model={CAR_LOAN}")["alerts"]
        if (alert["metric"], alert["column"], alert["status"]) == ("drift", column, "firing")
    ]
    return dict(found)


@cache
def measured_of(road: Road, model: str) -> Sequence[Row]:
    """Everything that was measured of a model."""
    return road.measurements(model=model)


def newest(measurements: Sequence[Row]) -> list[Row]:
    """Those of the newest window."""
    last = max(each["start"] for each in measurements)
    return [each for each in measurements if each["start"] == last]


_NAMES = ("model", "version", "arm", "slice", "monitor", "metric", "column", "start", "end")


def assert_measured(road: Road, row: Mapping[str, str], common: Row) -> None:
    """The row is one measurement of the API to the last digit; of the newest window, if it names none."""
    facts = {**common, **{name: row[name] or None for name in _NAMES if name in row}}
    found = measured_of(road, facts["model"])
    (same,) = [
        each
        for each in (found if "start" in facts else newest(found))
        if all(each[name] == facts[name] for name in _NAMES if name in facts)
    ]
    low, high = same["interval"] or (None, None)
    lower, upper = same["bounds"]
    assert (None if row["value"] == "unknown" else float(row["value"])) == same["value"], row
    assert int(row["n"].replace(",", "")) == same["n"]
    if "state" in row:
        assert (row["state"] == "breached") == same["breached"]
    ends = {"interval low": low, "interval high": high, "lower bound": lower, "upper bound": upper}
    for name, end in ends.items():
        if name in row:
            assert (float(row[name]) if row[name] else None) == end, (name, row)
