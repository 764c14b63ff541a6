"""`inferwatch rules test`: what the rules would have told of stored history is what they told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from gateway.cli import app
from monitors.settings import AlertSettings, EmailSettings, Security
from storage import tables
from tests.helpers.station import NOON, Station, a_reference, a_station, traffic

pytestmark = pytest.mark.xdist_group("rehearsal")  # what they share is set up once

TEN = timedelta(minutes=10)
MAIL = EmailSettings(
    host="localhost", security=Security.NONE, sender="watch@example.org", to=("ops@example.org",)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="module")
def station(folder: Path) -> Iterator[Station]:
    """Two hours of windows of ten minutes that drift from the third to the seventh, judged as they came."""
    with a_station(f"sqlite:///{folder}/watch.db", partitions=1, alerts=AlertSettings(email=MAIL)) as made:
        made.register(reference=a_reference())
        for place in range(12):
            shift = 0.6 if 2 <= place < 7 else 0.0
            made.store(traffic(400, seed=10 + place, start=NOON + place * TEN, shift=shift))
            made.count()
            made.judge()
            for _ in range(60):
                made.notify()
                made.clock.move(seconds=10)
        yield made


def rules(folder: Path, *arguments: str, **alerts: object) -> Result:
    settings = folder / "inferwatch.yaml"
    settings.write_text(
        yaml.safe_dump({"database": {"url": f"sqlite:///{folder}/watch.db"}, "alerts": alerts})
    )
    return CliRunner().invoke(app, ["rules", *arguments, "--config", str(settings)])


def test_what_was_told_is_what_would_have_been(station: Station, folder: Path) -> None:
    told = [(row.reason, row.subject) for row in station.rows(tables.outbox)]
    firing = [row for row in station.rows(tables.alert) if row.status != "pending"]
    assert len(told) == 2

    output = rules(folder, "test").stdout

    notices = [tuple(line.split("  ")[1:]) for line in output.splitlines() if line.startswith("2026-")]
    assert notices == told
    assert f"{len(firing)} alerts would have fired, and 2 notices gone out. Nothing was sent." in output


def test_other_rules_tell_something_else(station: Station, folder: Path) -> None:
    strict = rules(folder, "test", rules=[{"name": "drift", "for": "1h"}]).stdout
    off = rules(folder, "test", rules=[{"name": "drift", "off": True}]).stdout

    assert "0 alerts would have fired" in strict
    assert "0 alerts would have fired" in off


def test_a_span_of_time_and_a_model_can_be_chosen(station: Station, folder: Path) -> None:
    early = rules(folder, "test", "--until", "2026-03-02T12:20").stdout
    other = rules(folder, "test", "--model", "other").stdout

    assert "0 alerts would have fired" in early
    assert "2 windows" in early
    assert "0 windows" in other


def test_what_is_no_time_is_refused(station: Station, folder: Path) -> None:
    result = rules(folder, "test", "--since", "yesterday")

    assert result.exit_code == 2
    assert "is no time" in result.output


def test_the_list_shows_the_rules_as_the_settings_change_them(folder: Path) -> None:
    mine = {"name": "prices", "monitor": "drift", "column": "price", "labels": {"team": "sales"}}

    lines = rules(folder, "list", rules=[{"name": "drift", "for": "1h", "severity": "critical"}, mine]).stdout

    assert "drift\tcritical\tdrift\tall metrics\t2 of 3 windows, for 1h" in lines
    assert "no_data\twarning\ttraffic\tmetric=no_events\tby the clock" in lines
    assert "prices\twarning\tdrift\tcolumn=price\t1 of 1 windows\tteam=sales" in lines
