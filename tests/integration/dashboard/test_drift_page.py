"""The page of drift where there is more than can be told apart, and its slices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.settings import DATABASE_URL
from dashboard.views.columns import MOST
from storage.database import open_writer
from storage.measurements import add_judgements
from storage.models import register_model
from storage.records import Bounds, Judgement, Measurement, Scope, Window
from storage.settings import DatabaseSettings
from tests.helpers.labelled import Labelled
from tests.helpers.pages import measurements_on, page_at, texts
from tests.helpers.seeded import MODEL, VERSION, Seeded, shop

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS, COLUMNS = 480, 45
BAD_HOURS = (200, 201)


@pytest.fixture(scope="module")
def long_history(tmp_path_factory: pytest.TempPathFactory) -> DatabaseSettings:
    """Twenty days of hours; the last column moved for two of them, and many others are steady."""
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path_factory.mktemp('long') / 'inferwatch.db'}")
    database = open_writer(settings)
    judgements = [_hour(hour, f"c{column:02}") for hour in range(HOURS) for column in (0, COLUMNS - 1)]
    judgements += [_hour(0, f"c{column:02}") for column in range(1, COLUMNS - 1)]
    manifest = shop().model_dump_json()
    with database.write() as connection:
        register_model(connection, model=MODEL, version=VERSION, manifest=manifest, registered_at=START)
        add_judgements(connection, judgements, judged_at=START)
    database.close()
    return settings


def _hour(hour: int, column: str) -> Judgement:
    bad = column == f"c{COLUMNS - 1}" and hour in BAD_HOURS
    value = 0.5 if bad else 0.01
    return Judgement(
        monitor="drift",
        scope=Scope(model=MODEL, version=VERSION),
        window=Window(start=START + hour * HOUR, end=START + (hour + 1) * HOUR),
        measurement=Measurement(metric="drift", column=column, value=value, bounds=Bounds(upper=0.1), n=500),
    )


def test_more_windows_than_can_be_told_apart_are_put_together_and_the_page_says_so(
    long_history: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, long_history.url)

    app = page_at("drift", range="all")

    assert not app.exception
    # 480 hours in at most a hundred cells: six hours each
    assert "each cell is the worst of 6 hours" in texts(app)
    assert f"1 of {COLUMNS} columns breached in the windows shown" in texts(app)
    assert app.selectbox(key="pick-column").value == f"c{COLUMNS - 1}"
    assert len(app.selectbox(key="pick-window").options) == HOURS


def test_the_columns_after_the_worst_can_be_seen_too(
    long_history: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, long_history.url)

    app = page_at("drift", range="all", columns=f"{MOST + 1}-{COLUMNS}")

    assert not app.exception
    assert app.selectbox(key="pick-columns").value == f"{MOST + 1}-{COLUMNS}"
    assert not any("not there" in each.value for each in app.warning)


def test_a_breach_is_dated_from_its_first_window_even_if_that_is_not_shown(
    long_history: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, long_history.url)
    second = "2026-01-09T09:00:00Z"  # hour 201

    app = page_at("drift", **{"from": second, "to": second, "window": second})

    assert "Breached since 2026-01-09 08:00 UTC: 2 windows in a row." in [each.value for each in app.error]


def test_an_older_window_that_a_link_names_is_opened(
    long_history: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, long_history.url)

    app = page_at("drift", column=f"c{COLUMNS - 1}", window="2026-01-09T08:00:00Z")

    assert any("Breached since 2026-01-09 08:00 UTC" in each.value for each in app.error)
    assert not any("not there" in each.value for each in app.warning)


def test_the_slices_of_a_column_are_what_was_measured(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, labelled.settings.url)

    app = page_at("drift", column="age", window="2026-03-04T12:00:00Z")

    shown = measurements_on(app)
    assert {row["slice"] for row in shown} == {"all", "country=DE", "country=FR"}
    assert all(labelled.agrees(row) for row in shown)


def test_a_link_to_a_time_that_is_not_kept_says_so_and_shows_the_newest(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, seeded.settings.url)

    app = page_at("drift", **{"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"})

    assert not app.exception
    assert "names something that is not there" in texts(app)
    assert app.selectbox(key="pick-range").value == "newest"
