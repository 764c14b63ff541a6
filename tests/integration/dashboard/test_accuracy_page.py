"""The page of accuracy as Streamlit runs it: three kinds of truth, apart, and what to do without any."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.settings import DATABASE_URL
from storage.database import open_writer
from storage.models import register_model
from storage.settings import DatabaseSettings
from tests.helpers.labelled import BEGIN, DAY, HALF, ROWS, Labelled
from tests.helpers.pages import measurements_on, page_at, rows_with, texts
from tests.helpers.seeded import Seeded
from tests.helpers.station import MANIFEST

LAST = BEGIN + 2 * DAY + HALF


@pytest.fixture(scope="module")
def newest(labelled: Labelled) -> Iterator[AppTest]:
    """The page at its newest window, in which the answers are mostly wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATABASE_URL, labelled.settings.url)
        yield page_at("accuracy")


def test_every_number_is_what_was_measured(newest: AppTest, labelled: Labelled) -> None:
    shown = measurements_on(newest)

    assert not newest.exception
    assert {row["metric"] for row in shown} >= {
        *("accuracy", "f1", "roc_auc", "brier", "label_coverage"),
        *("sampled_accuracy", "sample_answered_share", "unasked_accuracy", "label_delay_median_s"),
    }
    assert all(labelled.agrees(row) for row in shown)


def test_what_is_breached_is_said_once_with_its_since_when(newest: AppTest) -> None:
    assert [each.value for each in newest.error] == [
        "`accuracy`, `f1`, `roc_auc`, `brier`: breached since 2026-03-04 00:00 UTC: 2 windows in a row."
    ]


def test_answers_beside_labels_are_those_that_were_sent(newest: AppTest, labelled: Labelled) -> None:
    rows = rows_with(newest, "answer", "label", "rows")

    sent = Counter((each.answer, each.label) for each in labelled.truth if each.at >= LAST)
    assert {(row["answer"], row["label"]): row["rows"] for row in rows} == sent


def test_an_estimate_that_depends_on_who_answered_says_so(newest: AppTest) -> None:
    assert any("Depends on who answered" in each.value for each in newest.warning)


def test_how_many_labels_came_and_how_late_is_said(newest: AppTest, labelled: Labelled) -> None:
    said = {metric.label: metric.value for metric in newest.metric}

    n = sum(each.at >= LAST for each in labelled.truth)
    assert said["Labels seen"] == str(n)
    assert said["Labelled, of all rows"] == f"{100 * n / (ROWS / 2):.3g} % of 200"
    # an hour, to the end of a half octave: 2^12 seconds
    assert said["Delay, half within"] == said["Delay, 90 % within"] == "68.3 min"


def test_a_metric_that_is_picked_is_the_one_whose_slices_are_shown(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, labelled.settings.url)

    app = page_at("accuracy", metric="brier")

    slices = [row for row in measurements_on(app) if row["slice"] != "all"]
    assert {row["metric"] for row in slices} == {"brier"}
    assert {row["slice"] for row in slices} == {"country=DE", "country=FR"}


def test_without_labels_the_page_says_how_to_send_them(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, seeded.settings.url)

    app = page_at("accuracy", **{"from": "2026-03-10T00:00:00Z", "to": "2026-03-10T00:00:00Z"})

    assert not app.exception
    assert "No label came" in texts(app)
    assert "/api/labels" in texts(app)
    assert not app.success


def test_answers_that_no_label_can_call_wrong_are_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'many.db'}")
    database = open_writer(settings)
    many = {**MANIFEST.model_dump(mode="json"), "outputs": {"classes": ["a", "b"], "multi_label": True}}
    with database.write() as connection:
        register_model(connection, model="words", version="1", manifest=json.dumps(many), registered_at=BEGIN)
    database.close()
    monkeypatch.setenv(DATABASE_URL, settings.url)

    app = page_at("accuracy")

    assert not app.exception
    assert "neither right nor wrong" in texts(app)
