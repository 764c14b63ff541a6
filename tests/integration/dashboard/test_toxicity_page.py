"""The page of toxicity as Streamlit runs it: shares by class, and texts for those alone who ask for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from dashboard.settings import DATABASE_URL
from monitors.toxicity import Cell
from storage.database import open_writer
from storage.models import register_model
from storage.score_bins import CELLS
from storage.settings import DatabaseSettings
from tests.helpers.harms import (
    HOSTILE_COLUMN,
    HOSTILE_TEXT,
    RUDE,
    TEXTS,
    WRITER,
    Harms,
    bank,
    starts,
    writer,
)
from tests.helpers.scoring import FORUM, WordScorer, comments
from tests.helpers.station import a_station

TOXIC = f"{HOSTILE_COLUMN}.toxicity"


@pytest.fixture(autouse=True)
def _surroundings(harmed: Harms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATABASE_URL, harmed.settings.url)


def toxicity_page(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("pages/toxicity.py")
    for name, value in {"model": WRITER, **address}.items():
        app.query_params[name] = value
    return app.run()


def table(app: AppTest, *columns: str) -> list[dict[str, object]]:
    """The first table that has these columns."""
    found = next(frame.value for frame in app.dataframe if set(columns) <= set(frame.value))
    return [{str(name): cell for name, cell in row.items()} for row in found.to_dict("records")]


def test_the_class_that_turned_is_shown_first_with_since_when() -> None:
    app = toxicity_page()

    assert not app.exception
    assert str(app.selectbox(key="pick-column").value).startswith(HOSTILE_COLUMN)
    (error,) = [each.value for each in app.error]
    assert "breached since 2026-03-02 12:20 UTC: 1 window" in error
    assert any(each.value.startswith("Alert firing since") for each in app.text)
    assert any("Read the worst examples" in each.value for each in app.caption)


@pytest.mark.parametrize("window", [0, 2])
def test_the_numbers_are_those_that_were_measured(harmed: Harms, window: int) -> None:
    app = toxicity_page(column=TOXIC, window=f"{starts(window):%Y-%m-%dT%H:%M:%SZ}")

    shown = {(row["column"], row["metric"]): row["value"] for row in table(app, "metric", "value")}
    assert shown[TOXIC, "toxic_share"] == repr(RUDE[window] / TEXTS)
    for metric in ("toxic_share", "severe_share", "mean_score"):
        assert shown[TOXIC, metric] == harmed.values(metric, window)[TOXIC]
    for metric in ("scored_share", "truncated_share"):
        assert shown[HOSTILE_COLUMN, metric] == harmed.values(metric, window)[HOSTILE_COLUMN]


def test_texts_that_come_in_and_that_go_out_are_told_apart() -> None:
    app = toxicity_page(column="text.insult")

    texts = [each.value for each in app.text]
    assert f"Inputs: {HOSTILE_COLUMN}" in texts
    assert "Answers: text" in texts
    assert "Texts of text, which go out as answers:" in texts
    assert [each.value for each in app.success] == ["Not breached in this window."]


def test_the_histogram_adds_up_to_the_texts_of_the_window_and_of_the_reference() -> None:
    app = toxicity_page(column=TOXIC)

    bins = table(app, "current texts")
    severe = [row for row in bins if float(str(row["from"])) >= 0.8]
    assert sum(int(str(row["current texts"])) for row in bins) == TEXTS
    assert sum(int(str(row["current texts"])) for row in severe) == RUDE[2]  # .9375 each
    assert sum(int(str(row["reference texts"])) for row in bins) == 200
    assert sum(int(str(row["reference texts"])) for row in severe) == 2


def test_what_became_of_the_texts_is_counted() -> None:
    app = toxicity_page(column=TOXIC)

    counted = {each.label: each.value for each in app.metric}
    long = RUDE[2]  # the hostile text has more than the 50 characters that the model reads
    assert (counted["Scored"], counted["Not scored: unknown"]) == (f"{TEXTS}", "0")
    assert counted["Cut: too long"] == f"{long}"


def test_no_text_is_read_before_somebody_asks() -> None:
    app = toxicity_page(column=TOXIC)

    assert not app.toggle[0].value
    assert not any("alert(3)" in each.value for each in app.code)


def test_the_worst_texts_are_shown_to_who_asks_and_do_nothing() -> None:
    app = toxicity_page(column=TOXIC)

    app.toggle[0].set_value(True).run()

    assert not app.exception
    shown = [each.value for each in app.code if "alert(3)" in each.value]
    assert len(shown) == 10
    assert all(text.startswith(HOSTILE_TEXT) for text in shown)
    assert sum("Score 0.937500" in each.value for each in app.text) == 10
    spoken = (*app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.success)
    assert not any("javascript" in each.value for each in spoken)


def test_texts_of_a_class_are_hidden_again_when_another_is_picked() -> None:
    app = toxicity_page(column=TOXIC)
    app.toggle[0].set_value(True).run()

    app.selectbox(key="pick-column").select(f"{HOSTILE_COLUMN}.insult").run()

    assert not app.toggle[0].value
    assert not any("alert(3)" in each.value for each in app.code)


def test_the_model_that_scores_is_named_with_what_it_is_not() -> None:
    app = toxicity_page()

    assert "Scored by words 1: a model of no particular interest." in [each.value for each in app.text]
    assert any("this is no moderation" in each.value for each in app.caption)


def test_while_texts_wait_for_the_model_they_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'waiting.db'}")
    scorer = WordScorer()
    scorer.missing = True
    with a_station(settings.url, partitions=1, scorer=scorer) as station:
        station.register(FORUM)
        station.store(comments(20))
        station.count()
        station.score()
    monkeypatch.setenv(DATABASE_URL, settings.url)

    app = toxicity_page(model="forum")

    assert not app.exception
    assert not app.success
    assert any("Texts wait for their scores" in each.value for each in app.warning)
    assert any("20 events wait to be scored" in each.value for each in app.text)
    assert any("No window of this version has been judged" in each.value for each in app.info)


def test_a_model_without_texts_is_said_to_have_none() -> None:
    app = toxicity_page(model="bank")

    assert not app.exception
    assert any("no texts to score" in each.value for each in app.info)


def test_where_nobody_scores_texts_are_unknown_and_never_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'off.db'}")
    database = open_writer(settings)
    with database.write() as connection:
        for manifest in (writer(), bank()):
            register_model(
                connection,
                model=manifest.name,
                version="1",
                manifest=manifest.model_dump_json(),
                registered_at=starts(0),
            )
    database.close()
    monkeypatch.setenv(DATABASE_URL, settings.url)

    app = toxicity_page()

    assert not app.exception
    assert not app.success
    assert any("unknown, and not harmless" in each.value for each in app.info)


def test_cells_are_called_what_the_monitor_counts() -> None:
    said = {"not scored": "unscored", "cut": "truncated"}

    assert [said.get(name, name).replace(" ", "_") for name in CELLS] == [cell.name.lower() for cell in Cell]
