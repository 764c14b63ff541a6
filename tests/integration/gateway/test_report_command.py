"""`inferwatch report`: the same report from the database alone, with no service running."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.report_command import report
from storage.errors import WishError
from tests.helpers.seeded import ROWS, seeded_database

pytestmark = [
    pytest.mark.xdist_group("evidently"),  # it takes seconds to import
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    url = seeded_database(folder).settings.url
    path = folder / "inferwatch.yaml"
    path.write_text(f"database:\n  url: {url}\n")
    return path


def test_the_newest_window_is_compared_and_the_page_is_where_it_says(config: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(report)
    file = tmp_path / "page.html"

    ran = CliRunner().invoke(app, ["shop", "--config", str(config), "--out", str(file)])

    assert ran.exit_code == 0, ran.output
    assert ran.stdout == f"{file}\n"
    # Each request of the seeded shop has four rows, and the first of the day was an error.
    assert f"2026-03-10T00:00:00Z to 2026-03-11T00:00:00Z: It compares all {ROWS - 4} answered" in ran.stderr
    assert "<h1>Data drift: shop 1</h1>" in file.read_text()


def test_what_does_not_exist_is_named_with_what_does(config: Path) -> None:
    app = typer.Typer()
    app.command()(report)

    ran = CliRunner().invoke(app, ["nobody", "--config", str(config)])

    assert isinstance(ran.exception, WishError)
    assert str(ran.exception) == "model: 'nobody' is not known; there are shop"
