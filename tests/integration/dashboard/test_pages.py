"""Both pages as Streamlit runs them, on a database as the road leaves it, and where there is none."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from dashboard.settings import DATABASE_URL
from dashboard.tables import is_formula
from dashboard.views.overview import LATE_AFTER
from storage.alerts import save_alerts
from storage.clock import utc_now
from storage.database import open_writer
from storage.models import register_model
from storage.outbox import OutboxMessage, add_messages, due_messages, mark_dead, mark_failed
from storage.records import Matcher
from storage.scorers import put_scorer
from storage.settings import DatabaseSettings
from storage.silences import acknowledge, add_silence
from tests.helpers.acting import a_firing_alert, a_standing_silence
from tests.helpers.monitoring import SCORER
from tests.helpers.seeded import BEGIN, HOSTILE_COLUMN, HOSTILE_VALUE, MODEL, VERSION, WINDOWS, Seeded, shop


@pytest.fixture
def shown(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app on the seeded database, at its first page."""
    return opened(seeded.settings, monkeypatch)


def opened(settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(DATABASE_URL, settings.url)
    return AppTest.from_file(str(APP), default_timeout=60)


def drift_page(app: AppTest, **address: str) -> AppTest:
    app.run()
    app.switch_page("pages/drift.py")
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def texts(app: AppTest) -> str:
    kinds = ("text", "info", "warning", "error", "success", "caption", "code")
    return "\n".join(str(getattr(element, "value", "")) for kind in kinds for element in app.get(kind))


def test_the_overview_says_how_many_alerts_fire(shown: AppTest) -> None:
    app = shown.run()

    assert not app.exception
    assert [element.value for element in app.error] == ["1 alert is firing."]


def test_the_overview_accounts_for_every_event(shown: AppTest) -> None:
    app = shown.run()

    expected = "Every event: 1,000 answered = 1,000 counted + 0 quarantined + 0 dropped + 0 waiting"
    assert expected in [element.value for element in app.text]


def test_every_thing_that_is_watched_has_its_state(shown: AppTest) -> None:
    shown.session_state["in-words"] = True
    app = shown.run()

    (row,) = app.dataframe[1].value.to_dict("records")
    states = {
        title: str(row[title]).rpartition(" ")[2] for title in ("Errors", "Drift", "Quality", "Accuracy")
    }
    assert states == {"Errors": "ok", "Drift": "breached", "Quality": "ok", "Accuracy": "unknown"}
    assert row["Traffic"] == "100"  # nobody said how much is healthy


def test_the_drift_page_shows_the_column_that_drifted_and_since_when(shown: AppTest) -> None:
    app = drift_page(shown)

    assert not app.exception
    assert app.selectbox(key="pick-column").value == "age"
    assert "Breached since 2026-03-07 00:00 UTC: 4 windows in a row." in [each.value for each in app.error]


def test_the_statistics_are_what_was_measured(shown: AppTest, seeded: Seeded) -> None:
    app = drift_page(shown, column="income", window="2026-03-03T00:00:00Z")

    table = app.dataframe[0].value
    values = {metric: float(value) for metric, value in zip(table["metric"], table["value"], strict=True)}
    assert values == {
        metric: seeded.value(metric, "income", 2) for metric in ("drift", "js", "ks", "psi", "wasserstein")
    }


def test_a_pick_is_written_into_the_address(shown: AppTest) -> None:
    app = drift_page(shown)

    app.selectbox(key="pick-column").select(HOSTILE_COLUMN).run()

    assert app.query_params["column"] == HOSTILE_COLUMN
    assert not app.exception


def test_an_earlier_window_is_not_blamed_for_what_came_later(shown: AppTest) -> None:
    app = drift_page(shown, column="age", window="2026-03-02T00:00:00Z")

    assert "Not breached in this window." in [element.value for element in app.success]


def test_a_span_in_the_address_leaves_the_other_windows_out(shown: AppTest) -> None:
    app = drift_page(shown, **{"from": "2026-03-02T00:00:00Z", "to": "2026-03-04T00:00:00Z"})

    assert len(app.selectbox(key="pick-window").options) == 3


def test_a_span_that_is_picked_is_written_into_the_address(shown: AppTest) -> None:
    app = drift_page(shown, range="own")

    app.select_slider[0].set_range("2026-03-05T00:00:00Z", "2026-03-08T00:00:00Z").run()

    assert (app.query_params["from"], app.query_params["to"]) == (
        "2026-03-05T00:00:00Z",
        "2026-03-08T00:00:00Z",
    )
    assert len(app.selectbox(key="pick-window").options) == 4


def test_an_address_that_names_nothing_known_is_said_to(shown: AppTest) -> None:
    app = drift_page(shown, column="no such column", slice="country=XX")

    assert not app.exception
    assert any("not there" in element.value for element in app.warning)


def test_without_a_database_both_pages_say_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'none.db'}")

    overview = opened(settings, monkeypatch).run()
    drift = drift_page(opened(settings, monkeypatch))

    for app in (overview, drift):
        assert not app.exception
        assert "inferwatch up" in texts(app)
    assert not (tmp_path / "none.db").exists()


def test_who_was_not_told_of_an_alert_is_shown_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'dead.db'}")
    database = open_writer(settings)
    made_at = utc_now()
    messages = [
        OutboxMessage(
            message_id=name, channel="email", recipient=f"{name}@example.org", body=b"",
            subject=HOSTILE_COLUMN, made_at=made_at, next_at=made_at,
        )
        for name in ("gone", "slow")
    ]  # fmt: skip
    with database.write() as connection:
        add_messages(connection, messages)
        mark_dead(connection, messages[0], error="mail server refuses the recipient (550)")
        for _ in range(LATE_AFTER):
            (slow,) = due_messages(connection, made_at, limit=9)
            mark_failed(connection, slow, error="mail server not reached", next_at=made_at)
    database.close()

    app = opened(settings, monkeypatch).run()

    assert not app.exception
    assert "1 message about alerts did not arrive and will not be tried again" in texts(app)
    assert "1 message about alerts did not get through yet" in texts(app)
    dead, late = (frame.value for frame in app.dataframe)
    assert (dead["to"][0], dead["why"][0]) == ("gone@example.org", "mail server refuses the recipient (550)")
    assert (late["to"][0], late["tries"][0], late["about"][0]) == ("slow@example.org", 4, HOSTILE_COLUMN)


def test_an_empty_database_asks_for_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'empty.db'}")
    open_writer(settings).close()

    overview = opened(settings, monkeypatch).run()
    drift = drift_page(opened(settings, monkeypatch))

    for app in (overview, drift):
        assert not app.exception
        assert "inferwatch models add" in texts(app)


def test_a_model_without_traffic_is_unknown_and_never_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'new.db'}")
    database = open_writer(settings)
    manifest = shop().model_dump_json()
    with database.write() as connection:
        register_model(connection, model=MODEL, version=VERSION, manifest=manifest, registered_at=BEGIN)
    database.close()

    overview = opened(settings, monkeypatch)
    overview.session_state["in-words"] = True
    overview.run()
    drift = drift_page(opened(settings, monkeypatch))

    (row,) = overview.dataframe[0].value.to_dict("records")
    watched = ("Traffic", "Errors", "Latency p99", "Drift", "Quality", "Accuracy")
    assert {row[title] for title in watched} == {"unknown"}
    assert not overview.success
    for app in (overview, drift):
        assert not app.exception
        assert "inferwatch reference set shop --from FILE" in texts(app)


def test_every_window_of_the_seed_is_shown(shown: AppTest) -> None:
    assert len(drift_page(shown).selectbox(key="pick-window").options) == WINDOWS


def test_the_overview_says_who_silenced_and_who_looks_after_an_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'care.db'}")
    database = open_writer(settings)
    made = replace(a_standing_silence(), author=HOSTILE_VALUE, comment=HOSTILE_COLUMN)
    by_rule = replace(made, id="b-1-0", matchers=(Matcher(label="team", value="risk"),))
    with database.write() as connection:
        save_alerts(connection, [a_firing_alert(), a_firing_alert("plan", fingerprint="f2")], stored_at=BEGIN)
        for silence in (made, by_rule):
            add_silence(connection, replace(silence, ends_at=datetime(2200, 1, 1, tzinfo=UTC)))
        acknowledge(connection, "f1", author="bob", comment="mine", made_at=BEGIN)
    database.close()

    app = opened(settings, monkeypatch).run()

    assert not app.exception
    alerts, silences = app.dataframe[0].value, app.dataframe[1].value
    assert set(alerts["severity"]) == {"warning"}
    by_ann = f"silenced by {HOSTILE_VALUE} until 2200-01-01 00:00 ({HOSTILE_COLUMN})"
    assert dict(zip(alerts["column"], alerts["people"], strict=True)) == {
        "age": f"{by_ann}; acknowledged by bob (mine)",
        "plan": "",
    }
    assert list(silences["matchers"]) == ['model="churn", column=~"a.e|\u00e9"', 'team="risk"']
    assert HOSTILE_VALUE not in texts(app)
    assert not app.markdown


def test_the_overview_says_which_model_scores_texts(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_writer(seeded.settings)
    with database.write() as connection:
        put_scorer(connection, replace(SCORER, words="words 1, which is no moderation model"))
    database.close()

    app = opened(seeded.settings, monkeypatch).run()

    assert not app.exception
    assert "Texts are scored for toxicity by words 1, which is no moderation model." in texts(app)


def test_a_text_that_a_spreadsheet_would_run_is_made_harmless_in_a_table() -> None:
    app = AppTest.from_function(_table_of_formulas).run()

    assert list(app.dataframe[0].value["name"]) == ["'=1+1", "'@x", "'-a", "-0.5", "plain"]
    assert [each.value for each in app.caption] == [
        "An apostrophe stands before each text that a spreadsheet would run."
    ]
    assert [is_formula(each) for each in ("=1+1", "-0.5", -1.0, math.nan, None)] == [True, *[False] * 4]


def _table_of_formulas() -> None:
    import pandas as pd  # noqa: PLC0415  Streamlit runs this function as a script of its own

    from dashboard.tables import show  # noqa: PLC0415  as above

    show(pd.DataFrame({"name": ["=1+1", "@x", "-a", "-0.5", "plain"]}), key="table")
