"""The page of serving as Streamlit runs it: what SQL knows, and what the gateway alone knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.launch import APP
from dashboard.settings import DATABASE_URL, GATEWAY_URL
from dashboard.views.serving import METRICS
from dashboard.words import size
from tests.helpers.ports import free_port
from tests.helpers.seeded import WINDOWS, Seeded
from tests.helpers.serving import ECHO, serving


@pytest.fixture(autouse=True)
def _surroundings(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATABASE_URL, seeded.settings.url)
    monkeypatch.setenv(GATEWAY_URL, f"http://127.0.0.1:{free_port()}")


def serving_page() -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page("pages/serving.py")
    return app.run()


def test_the_numbers_of_the_newest_window_are_what_was_measured(seeded: Seeded) -> None:
    app = serving_page()

    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "metric" in frame.value)
    shown = dict(zip(table["metric"], table["value"], strict=True))
    assert set(METRICS) <= set(shown)
    for metric in ("requests", "latency_p99_s", "error_share"):
        assert float(shown[metric]) == seeded.value(metric, None, WINDOWS - 1)


def test_while_the_gateway_is_away_what_is_loaded_is_unknown() -> None:
    app = serving_page()

    assert not app.exception
    assert "What is loaded is unknown." in [each.value for each in app.warning]


def test_what_the_gateway_has_loaded_is_shown_with_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path, [ECHO]) as gateway:
        monkeypatch.setenv(GATEWAY_URL, gateway.url)
        row = {"age": 1.0, "country": "DE", "member": True}
        assert gateway.post("/v1/models/echo:predict", {"instances": [row, row, row]}).status == 200

        app = serving_page()

    loaded = next(frame.value for frame in app.dataframe if "rows a batch" in frame.value)
    assert not app.exception
    assert loaded[["model", "state", "answered", "rows a batch"]].values.tolist() == [
        ["echo", "ready", 1, "3"]
    ]


@pytest.mark.parametrize(
    ("n", "expected"), [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 kB"), (2_340_000_000, "2.34 GB")]
)
def test_bytes_are_written_in_the_unit_that_suits_them(n: int, expected: str) -> None:
    assert size(n) == expected
