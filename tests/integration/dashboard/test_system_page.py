"""What the system says of itself: what waits, what was set aside, and what it runs on."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from dashboard.settings import DATABASE_URL, GATEWAY_URL
from storage.database import open_writer
from storage.leases import Leases
from storage.quarantine import Quarantined, add_quarantined
from storage.records import EventId
from storage.scorers import put_scorer
from storage.settings import DatabaseSettings
from tests.helpers.monitoring import NOON, SCORER
from tests.helpers.ports import free_port
from tests.helpers.seeded import HOSTILE_VALUE, Seeded


def system_page(settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(DATABASE_URL, settings.url)
    monkeypatch.setenv(GATEWAY_URL, f"http://127.0.0.1:{free_port()}")  # where no gateway is
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.run()
    app.switch_page("pages/system.py")
    return app.run()


@contextmanager
def a_monitor_at_work(settings: DatabaseSettings) -> Iterator[None]:
    """While this lasts, a monitor process holds a lease."""
    database = open_writer(settings)
    leases = Leases(database, owner="test")
    lease = leases.acquire("sender")
    yield
    if lease is not None:
        leases.release(lease)
    database.close()


def table_with(app: AppTest, column: str) -> pd.DataFrame:
    return next(each.value for each in app.dataframe if column in each.value)


def test_a_system_that_has_counted_all_says_so(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_monitor_at_work(seeded.settings):
        app = system_page(seeded.settings, monkeypatch)

    assert not app.exception
    assert [each.value for each in app.success] == ["Nothing was set aside, nothing waits too long."]
    assert set(table_with(app, "events behind")["events behind"]) == {0}
    journals = table_with(app, "journalled")
    assert (list(journals["answered"]), list(journals["torn tails"])) == ([1000], [0])


def test_a_system_in_which_nothing_is_at_work_is_not_said_to_be_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'still.db'}")
    with a_monitor_at_work(settings):
        pass

    app = system_page(settings, monkeypatch)

    assert not app.success
    assert any("No monitor process is at work" in each.value for each in app.warning)


def test_what_the_journal_holds_is_unknown_while_the_gateway_is_away(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = system_page(seeded.settings, monkeypatch)

    assert "What its journal holds is unknown." in [each.value for each in app.warning]


def test_what_it_runs_on_is_listed(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    app = system_page(seeded.settings, monkeypatch)

    facts = table_with(app, "which").set_index("what")["which"]
    assert facts["Python"] == platform.python_version()
    assert facts["database"].startswith("SQLite 3.")
    assert facts["events ever stored"] == "1,000"
    assert facts["oldest event kept (UTC)"] == "2026-03-01 00:00"


def test_what_was_set_aside_is_shown_with_the_reason_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'aside.db'}")
    database = open_writer(settings)
    aside = Quarantined(
        event=EventId(producer="p", segment=1, offset=7), monitor="drift", partition=0, error=HOSTILE_VALUE,
        event_at=NOON, stored_at=NOON, model="shop", version="1",
    )  # fmt: skip
    with database.write() as connection:
        add_quarantined(connection, [aside])
        put_scorer(connection, SCORER)
    database.close()

    app = system_page(settings, monkeypatch)

    assert not app.exception
    (row,) = table_with(app, "why").to_dict("records")
    assert (row["event"], row["monitor"], row["why"]) == ("p-1-7", "drift", HOSTILE_VALUE)
    said = [each.value for each in app.text]
    assert "words 1: a model of no particular interest (given by the operator)" in said
    assert HOSTILE_VALUE not in said
