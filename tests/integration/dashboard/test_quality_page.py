"""The page of quality as Streamlit runs it: which shares are breached, since when, and in how many rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.settings import DATABASE_URL
from tests.helpers.labelled import ROWS, Labelled
from tests.helpers.pages import measurements_on, page_at, rows_with, texts

BAD = "2026-03-03T12:00:00Z"


@pytest.fixture(scope="module")
def bad(labelled: Labelled) -> Iterator[AppTest]:
    """The page at a window in which a tenth of a column is missing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATABASE_URL, labelled.settings.url)
        yield page_at("quality", window=BAD)


def test_the_share_that_is_breached_is_named_with_its_since_when(bad: AppTest) -> None:
    assert not bad.exception
    assert bad.selectbox(key="pick-column").value == "age"
    assert [each.value for each in bad.error] == [
        "`missing_share`: breached since 2026-03-03 00:00 UTC: 2 windows in a row."
    ]


def test_every_number_is_what_was_measured(bad: AppTest, labelled: Labelled) -> None:
    shown = measurements_on(bad)

    assert {row["metric"] for row in shown} == {
        "missing_share",
        "wrong_type_share",
        "not_finite_share",
        "out_of_range_share",
    }
    assert all(labelled.agrees(row) for row in shown)


def test_the_rows_behind_the_shares_are_those_that_were_sent(bad: AppTest) -> None:
    counts = {row["what"]: row["rows of the window"] for row in rows_with(bad, "what", "rows of the window")}

    # every tenth row of the day, in the later of its two windows
    assert (counts["rows"], counts["missing"], counts["unseen"]) == (ROWS // 2, ROWS // 2 // 10, 0)


def test_the_slices_are_shown_with_the_worst_first(bad: AppTest) -> None:
    slices = [row["slice"] for row in measurements_on(bad)]

    assert slices[:3] == ["country=DE", "all", "country=FR"]


def test_every_share_is_explained(bad: AppTest) -> None:
    said = texts(bad)

    for metric in ("missing_share", "wrong_type_share", "not_finite_share", "out_of_range_share"):
        assert f"`{metric}`: rows" in said


def test_a_column_that_is_not_there_is_said_to_be(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_URL, labelled.settings.url)

    app = page_at("quality", column="no such column")

    assert not app.exception
    assert "not there" in texts(app)
