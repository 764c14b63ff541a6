"""The page of alerts as Streamlit runs it: what fires, who cares, who was told and why, what was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from dashboard.settings import DATABASE_URL, GATEWAY_URL
from storage.alerts import save_alerts
from storage.database import Database, open_writer
from storage.models import register_model
from storage.outbox import OutboxMessage, add_messages
from storage.records import AlertStatus, Arm
from storage.settings import DatabaseSettings
from storage.silences import acknowledge, add_silence
from tests.helpers.acting import AT, a_firing_alert, a_standing_silence
from tests.helpers.ports import free_port
from tests.helpers.seeded import BEGIN, HOSTILE_COLUMN, HOSTILE_VALUE, shop

LATER = datetime(2200, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'alerts.db'}")
    database = open_writer(settings)
    with database.write() as connection:
        manifest = shop("churn").model_dump_json()
        register_model(connection, model="churn", version="12", manifest=manifest, registered_at=BEGIN)
    monkeypatch.setenv(DATABASE_URL, settings.url)
    monkeypatch.setenv(GATEWAY_URL, f"http://127.0.0.1:{free_port()}")
    yield database
    database.close()


def alerts_page(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page("pages/alerts.py")
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def fire(database: Database, *columns: str) -> None:
    alerts = [a_firing_alert(column, fingerprint=f"f-{column}") for column in columns]
    with database.write() as connection:
        save_alerts(connection, alerts, stored_at=AT)


def test_without_an_alert_the_page_says_so(database: Database) -> None:
    app = alerts_page()

    assert not app.exception
    assert [element.value for element in app.success] == ["No alert is open."]


def test_what_fires_is_said_with_what_people_did_about_it(database: Database) -> None:
    fire(database, "age", "plan")
    with database.write() as connection:
        acknowledge(connection, "f-plan", author="bob", comment="mine", made_at=AT)
        add_silence(connection, replace(a_standing_silence(), ends_at=LATER))

    app = alerts_page(alert="f-plan")

    assert not app.exception
    assert [element.value for element in app.error] == [
        "2 alerts are firing; 2 are acknowledged or silenced."
    ]
    assert app.selectbox(key="pick-alert").value == "f-plan"
    assert any("by bob at 2026-03-02 12:00 UTC mine" in element.value for element in app.text)


def test_the_matchers_of_a_new_silence_hit_the_picked_alert_and_no_other_column(database: Database) -> None:
    fire(database, "age")

    app = alerts_page()

    assert app.text_area(key="matchers-f-age").value == (
        'rule="drift"\nmodel="churn"\nversion="12"\narm="stable"\nslice="all"\nmetric="drift"\ncolumn="age"'
    )


def test_every_message_says_why_it_went_out(database: Database) -> None:
    fire(database, "age")
    mine = '{"model":"churn","version":"12"}'
    messages = [
        OutboxMessage(
            message_id=reason, channel="email", recipient="ops@example.org", body=b"", made_at=AT,
            next_at=AT + timedelta(minutes=minute), reason=reason, group=group, subject=HOSTILE_COLUMN,
        )
        for minute, (reason, group) in enumerate(
            [("first", mine), ("repeat", mine), ("digest", '{"model":"other","version":"1"}')]
        )
    ]  # fmt: skip
    with database.write() as connection:
        add_messages(connection, messages)

    app = alerts_page()

    told = next(each.value for each in app.dataframe if "why" in each.value)
    assert set(told["why"]) == {"the first news of it", "nothing changed for long"}


def test_an_alert_that_is_over_stays_in_the_history(database: Database) -> None:
    over = replace(
        a_firing_alert(), status=AlertStatus.RESOLVED, ends_at=AT + timedelta(hours=2), summary=HOSTILE_VALUE
    )
    with database.write() as connection:
        save_alerts(connection, [over], stored_at=AT)

    app = alerts_page()

    assert not app.exception
    episodes = next(each.value for each in app.dataframe if "told" in each.value)
    assert episodes["until (UTC)"].tolist() == ["2026-03-02 14:00"]


def test_while_the_gateway_is_away_nothing_is_done_and_the_page_says_so(database: Database) -> None:
    fire(database, "age")

    app = alerts_page()
    next(button for button in app.button if button.label == "Acknowledge").click().run()

    assert not app.exception
    assert "Nothing was changed." in [element.value for element in app.error]
    assert any("does not answer" in element.value for element in app.text)


def test_a_model_of_the_address_leaves_the_others_out(database: Database) -> None:
    fire(database, "age")
    other = a_firing_alert("price", model="prices", fingerprint="f-price")
    with database.write() as connection:
        save_alerts(connection, [other], stored_at=AT)

    app = alerts_page(model="churn")

    assert [element.value for element in app.error] == ["1 alert is firing."]


def test_alerts_of_two_arms_are_told_apart(database: Database) -> None:
    stable, canary = a_firing_alert(), a_firing_alert(fingerprint="f2")
    canary = replace(canary, scope=replace(canary.scope, arm=Arm.CANARY))
    with database.write() as connection:
        save_alerts(connection, [stable, canary], stored_at=AT)

    app = alerts_page(alert="f2")

    assert 'arm="canary"' in str(app.text_area(key="matchers-f2").value)
    assert len(set(app.selectbox(key="pick-alert").options)) == 2
    assert all(
        set(each.value["arm"]) == {"stable", "canary"} for each in app.dataframe if "arm" in each.value
    )


def test_only_alerts_that_fire_are_counted_among_those_that_somebody_cares_for(database: Database) -> None:
    pending = replace(a_firing_alert("plan", fingerprint="f2"), status=AlertStatus.PENDING)
    with database.write() as connection:
        save_alerts(connection, [a_firing_alert(), pending], stored_at=AT)
        acknowledge(connection, "f2", author="bob", comment="", made_at=AT)

    app = alerts_page()

    assert [element.value for element in app.error] == ["1 alert is firing."]


def test_a_link_to_an_alert_that_is_over_says_so(database: Database) -> None:
    fire(database, "age")

    app = alerts_page(alert="gone")

    assert [each.value for each in app.warning] == [
        "The alert that the address names is not open any more, or not about this model."
    ]
