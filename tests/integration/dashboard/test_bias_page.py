"""The page of bias as Streamlit runs it: groups side by side, gaps, and who makes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from dashboard.settings import DATABASE_URL
from dashboard.subjects import Subject
from dashboard.views.bias import BiasView, names_of
from dashboard.views.fairness_words import GAPS, METRICS
from monitors.fairness import Criterion, Rate
from monitors.groupings import names_in
from storage.database import open_writer
from storage.models import register_model
from storage.records import Bounds, Judgement, Measurement, Scope, Window
from storage.settings import DatabaseSettings
from tests.helpers.harms import BANK, FORMULA_GROUP, GROUPS, HOSTILE_GROUP, WRITER, Harms, bank, starts

BLUE, RED = "colour=blue", f"colour={HOSTILE_GROUP}"
ODD = f"colour={FORMULA_GROUP}".replace("|", "||")


@pytest.fixture(autouse=True)
def _surroundings(harmed: Harms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATABASE_URL, harmed.settings.url)


def bias_page(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("pages/bias.py")
    for name, value in {"model": BANK, **address}.items():
        app.query_params[name] = value
    return app.run()


def table(app: AppTest, *columns: str) -> list[dict[str, object]]:
    """The first table that has these columns."""
    found = next(frame.value for frame in app.dataframe if set(columns) <= set(frame.value))
    return [{str(name): cell for name, cell in row.items()} for row in found.to_dict("records")]


def test_groups_stand_side_by_side_as_they_were_measured(harmed: Harms) -> None:
    app = bias_page(grouping="colour")

    assert not app.exception
    groups = {row["column"]: row for row in table(app, "reading")}
    assert {name: row["value"] for name, row in groups.items()} == {
        name: value for name, value in harmed.values("selection_rate", 2).items() if "region" not in name
    }
    rows, selected = GROUPS["blue"]
    assert groups[BLUE]["value"] == repr(selected / rows)


def test_a_group_of_few_rows_is_said_to_be_and_is_never_ok() -> None:
    groups = {row["column"]: row for row in table(bias_page(grouping="colour"), "reading")}

    assert (groups["colour=rare"]["reading"], groups["colour=rare"]["state"]) == (
        "too few rows: 10",
        "unknown",
    )
    assert (groups[ODD]["reading"], groups[ODD]["value"]) == ("few rows: 50", "unknown")
    assert groups[ODD]["interval low"] != ""
    assert groups[BLUE]["reading"] == "known"


def test_a_gap_is_shown_with_who_makes_it_since_when_and_what_to_do(harmed: Harms) -> None:
    app = bias_page(grouping="colour")

    gaps = {row["metric"]: row for row in table(app, "demanded")}
    parity = gaps["demographic_parity_difference"]
    assert parity["value"] == harmed.values("demographic_parity_difference", 2)["colour"] == "0.4"
    assert (parity["greatest"], parity["least"], parity["demanded"]) == (BLUE, RED, "yes")
    assert (parity["state"], gaps["accuracy_difference"]["demanded"]) == ("breached", "no")
    assert any("breached since 2026-03-02 12:00 UTC: 3 windows in a row" in each.value for each in app.error)
    assert any("Compare the groups side by side" in each.value for each in app.caption)
    assert any(each.value.startswith("Alert firing since") for each in app.text)


def test_an_intersection_is_a_grouping_of_its_own(harmed: Harms) -> None:
    app = bias_page(grouping="colour & region")

    groups = {row["column"]: row["value"] for row in table(app, "reading")}
    assert groups == {
        name: value for name, value in harmed.values("selection_rate", 2).items() if "region" in name
    }


def test_the_reference_group_and_impacts_on_the_others_are_shown(harmed: Harms) -> None:
    app = bias_page(grouping="colour", metric="disparate_impact")

    assert {row["column"]: row["value"] for row in table(app, "reading")} == harmed.values(
        "disparate_impact", 2
    )
    assert f"disparate_impact is breached of {RED}" in [each.value for each in app.text]


def test_an_alert_about_a_group_opens_its_grouping() -> None:
    app = bias_page(column=f"{BLUE} & region=north")

    assert app.selectbox(key="pick-grouping").value == "colour & region"


@pytest.mark.parametrize("metric", ["calibration_error", "mean_score"])
def test_every_metric_is_explained_in_a_sentence(metric: str) -> None:
    app = bias_page(grouping="colour", metric=metric)

    assert not app.exception
    assert app.selectbox(key="pick-metric").value == metric
    assert f"`{metric}`: {METRICS[metric]}." in [each.value for each in app.caption]


def test_the_gap_over_time_is_picked_in_the_address(harmed: Harms) -> None:
    app = bias_page(grouping="colour", gap="equalized_odds_difference")

    everything = app.dataframe[-1].value
    ours = everything[
        (everything["metric"] == "equalized_odds_difference") & (everything["column"] == "colour")
    ]
    assert list(ours.sort_values("start")["value"]) == [
        harmed.values("equalized_odds_difference", window)["colour"] for window in range(3)
    ]
    assert any("Chouldechova" in each.value for each in app.caption)


def test_hostile_groups_are_in_tables_and_texts_alone() -> None:
    app = bias_page(grouping="colour")

    spoken = (*app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.success)
    assert not any("onerror" in each.value or "cmd" in each.value for each in spoken)


def test_a_model_that_protects_nothing_says_which_lines_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path / 'none.db'}")
    database = open_writer(settings)
    manifest = bank(protected=())
    with database.write() as connection:
        register_model(
            connection,
            model=BANK,
            version="1",
            manifest=manifest.model_dump_json(),
            registered_at=starts(0),
        )
    database.close()
    monkeypatch.setenv(DATABASE_URL, settings.url)

    app = bias_page()

    assert not app.exception
    assert not app.success
    assert any("protected: [sex, country, [sex, country]]" in each.value for each in app.code)


def test_a_model_without_two_classes_is_said_to_have_no_groups() -> None:
    app = bias_page(model=WRITER)

    assert not app.exception
    assert any("one of two classes" in each.value for each in app.info)


def test_every_figure_of_the_monitor_has_its_words() -> None:
    differences = {f"{criterion}_difference" for criterion in Criterion}

    assert {rate.value for rate in Rate} <= set(METRICS)
    assert differences <= set(GAPS)


@pytest.mark.parametrize("label", ["a=1 & b=x || y", "a==cmd||' /C calc'!A0", "a & b=other", "a=x && y"])
def test_what_a_group_differs_in_is_read_as_the_monitor_wrote_it(label: str) -> None:
    assert names_of(label) == names_of(f"{label} | {label}") == names_in(label)


def test_groups_that_are_too_small_are_not_said_to_be_treated_alike() -> None:
    def impact(group: str, value: float | None) -> Judgement:
        return Judgement(
            monitor="bias",
            scope=Scope(model="bank", version="1"),
            window=Window(start=starts(0), end=starts(1)),
            measurement=Measurement(
                metric="disparate_impact", column=group, value=value, n=9, bounds=Bounds(lower=0.8)
            ),
        )

    view = BiasView(subject=Subject(), of_window=(impact("sex=f", 0.9), impact("sex=x", None)))

    assert view.too_small == 1
