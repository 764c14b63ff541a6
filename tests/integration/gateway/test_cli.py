"""The command line: what a person types, and the one line they get when it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from gateway.checks import findings
from gateway.cli import app
from gateway.settings_file import parse_settings
from monitors.reference import Reference
from tests.helpers.acting import a_firing_alert
from tests.helpers.detoxify import bert_checkpoint
from tests.helpers.overseeing import overseen
from tests.helpers.ports import free_port
from tests.helpers.serving import ECHO, Serving, add_models, serving

ROOT = Path(__file__).resolve().parents[3]


def inferwatch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with settings and a model that is not added yet."""
    ports = {
        "gateway": {"port": free_port()},
        "dashboard": {"port": free_port()},
        "monitor": {"metrics_port": free_port()},
    }
    (tmp_path / "inferwatch.yaml").write_text(yaml.safe_dump(ports))
    (tmp_path / "echo").mkdir()
    (tmp_path / "echo" / "model.yaml").write_text(yaml.safe_dump(ECHO))
    return tmp_path


def refused(ran: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that failed."""
    assert ran.returncode in (1, 2)
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    return ran.stderr


def test_help_lists_every_command(tmp_path: Path) -> None:
    shown = inferwatch(tmp_path, "--help").stdout

    for command in (
        "init",
        "check",
        "up",
        "serve",
        "monitor",
        "dashboard",
        "models",
        "reference",
        "keys",
        "replay",
        "demo",
    ):
        assert f" {command} " in shown


def test_init_writes_once_and_leaves_what_is_there(tmp_path: Path) -> None:
    assert inferwatch(tmp_path, "init").returncode == 0
    assert "#gateway:" in (tmp_path / "inferwatch.yaml").read_text()
    assert "exists" in refused(inferwatch(tmp_path, "init"))


def test_without_settings_a_command_says_how_to_make_them(tmp_path: Path) -> None:
    assert "inferwatch init" in refused(inferwatch(tmp_path, "serve"))


def test_a_mistake_in_the_settings_is_one_line(folder: Path) -> None:
    (folder / "inferwatch.yaml").write_text("gateway: {prot: 1}")

    assert "did you mean 'port'?" in refused(inferwatch(folder, "models", "list"))


def test_a_model_is_added_listed_and_given_a_reference_that_it_scores_itself(folder: Path) -> None:
    rows = pd.DataFrame(
        {"age": [1.0, 2.0, 3.0], "country": ["DE", "FR", "XX"], "member": [True, False, True]}
    )
    rows.to_csv(folder / "reference.csv.gz", index=False)

    assert inferwatch(folder, "models", "add", "echo").returncode == 0
    made = inferwatch(folder, "reference", "set", "echo", "--from", "reference.csv.gz")
    listed = inferwatch(folder, "models", "list").stdout

    assert made.returncode == 0, made.stderr
    assert "1 rows were refused by the model, the first: row 3: input 'country'" in made.stderr
    assert listed.startswith("echo\t1\tclassification\techo\treference set")
    (path,) = folder.rglob("reference.bin")
    reference = Reference.from_bytes(path.read_bytes())
    assert reference.rows == 3
    assert reference.columns["score"].rows == 2


def test_a_model_folder_without_model_yaml_is_named(folder: Path) -> None:
    assert "model.yaml" in refused(inferwatch(folder, "models", "add", str(folder)))


def test_a_detoxify_checkpoint_is_added_with_its_tokenizer(folder: Path) -> None:
    bert_checkpoint(folder).saved("tiny.ckpt")

    added = inferwatch(folder, "models", "add", "tiny.ckpt", "--tokenizer", "tokenizer", "--version", "1")

    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout.startswith("detoxify-tiny 1 added to ")


def test_a_reference_of_an_unknown_model_or_column_is_refused(folder: Path) -> None:
    (folder / "rows.csv").write_text("age\n1\n")
    inferwatch(folder, "models", "add", "echo")

    assert "'nobody'" in refused(inferwatch(folder, "reference", "set", "nobody", "--from", "rows.csv"))
    assert "'country'" in refused(inferwatch(folder, "reference", "set", "echo", "--from", "rows.csv"))
    assert "does not exist" in refused(inferwatch(folder, "reference", "set", "echo", "--from", "none.csv"))


def test_keys_are_made_shown_once_and_revoked(folder: Path) -> None:
    key = inferwatch(folder, "keys", "create", "app", "--right", "infer").stdout.strip()
    inferwatch(folder, "keys", "revoke", "app")

    listed = inferwatch(folder, "keys", "list").stdout
    assert key.startswith("iw_")
    assert listed.split("\t")[:4] == ["app", f"{key[:8]}…", "infer", "revoked"]
    assert key not in listed
    assert "there are infer, label, read" in refused(
        inferwatch(folder, "keys", "create", "b", "--right", "all")
    )


def test_check_says_what_is_wrong_and_what_is_well(folder: Path) -> None:
    before = inferwatch(folder, "check")
    inferwatch(folder, "models", "add", "echo")
    after = inferwatch(folder, "check")

    assert before.returncode == 1
    assert "models: none" in before.stderr
    assert "inferwatch models add" in before.stderr
    assert after.returncode == 0, after.stderr
    assert "uvloop and httptools" in after.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{monitors: {bias: {max_diference: 0.2}}}", "did you mean 'max_difference'?"),
        ("{monitors: {biass: {}}}", "did you mean 'bias'?"),
        ("{off: [toxcity]}", "did you mean 'toxicity'?"),
    ],
)
def test_check_finds_what_would_stop_the_monitor_process_at_its_start(
    text: str, said: str, tmp_path: Path
) -> None:
    settings = parse_settings(f"monitor: {text}", tmp_path / "inferwatch.yaml", {})

    (found,) = [each for each in findings(settings) if each.what == "monitors"]

    assert not found.well
    assert said in found.words


@pytest.mark.parametrize(("group", "well"), [("race=A", True), ("rase=A", False), ("race=A & sex=f", False)])
def test_check_finds_a_reference_group_of_something_that_nobody_protects(
    group: str, well: bool, tmp_path: Path
) -> None:
    text = f"monitor: {{monitors: {{bias: {{reference_groups: ['{group}']}}}}}}"
    settings = parse_settings(text, tmp_path / "inferwatch.yaml", {})
    add_models(tmp_path, settings, [{**ECHO, "protected": ["race", "sex"]}])

    (found,) = [each for each in findings(settings) if each.what == "bias"]

    assert found.well is well
    assert "race, sex" in found.words
    assert well or group in found.words


def test_serving_on_a_port_that_is_taken_says_by_whom(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(tmp_path_factory.mktemp("taken"), []) as running:
        (folder / "inferwatch.yaml").write_text(f"gateway: {{port: {running.port}}}")

        said = refused(inferwatch(folder, "serve"))

    assert f"127.0.0.1:{running.port}" in said
    assert f"process {os.getpid()}" in said


def test_a_file_is_replayed_with_labels_tags_ids_and_times(folder: Path, gateway: Serving) -> None:
    rows = pd.DataFrame(
        {
            "age": [3, 1, 2], "country": ["DE", "FR", "DE"], "member": [True, False, True],
            "truth": [1.0, None, 0.0], "at": ["2024-01-03", "2024-01-01", "2024-01-02"],
            "group": ["f", "m", None], "order": ["c", "a", "b"],
        }
    )  # fmt: skip
    rows.to_parquet(folder / "rows.parquet")
    events, labels = len(gateway.events()), len(gateway.labels())

    ran = inferwatch(
        folder, "replay", "rows.parquet", "--model", "echo", "--label", "truth", "--time", "at",
        "--tag", "group", "--id", "order", "--concurrency", "1", "--url", gateway.url,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("3 rows, 2 labels, 0 errors")
    sent = gateway.events()[events:]
    assert [event.app_id for event in sent] == ["a", "b", "c"]
    assert [event.at.day for event in sent] == [1, 2, 3]
    assert [event.tags["group"] for event in sent] == [["m"], [None], ["f"]]
    assert [label.value for label in gateway.labels()[labels:]] == ["0", "1"]


def test_rows_of_a_version_are_replayed_in_blocks(folder: Path, gateway: Serving) -> None:
    (folder / "rows.csv").write_text("age,country,member\n1,DE,true\n2,FR,false\n3,DE,1\n")
    before = len(gateway.events())

    ran = inferwatch(
        folder,
        "replay",
        "rows.csv",
        "--model",
        "echo",
        "--version",
        "1",
        "--batch",
        "2",
        "--url",
        gateway.url,
    )

    assert ran.returncode == 0, ran.stderr
    assert [event.rows for event in gateway.events()[before:]] == [2, 1]


def test_a_row_that_the_model_refuses_is_counted_and_its_error_shown(folder: Path, gateway: Serving) -> None:
    (folder / "rows.csv").write_text("age,country,member\n1,XX,true\n")

    ran = inferwatch(folder, "replay", "rows.csv", "--model", "echo", "--url", gateway.url)

    assert ran.returncode == 1
    assert "1 rows, 0 labels, 1 errors" in ran.stdout
    assert "'country'" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.csv", "--model", "echo"], "does not exist"),
        (["rows.csv", "--model", "nobody"], "no model 'nobody'"),
        (["rows.csv", "--model", "echo"], "no column 'country'"),
        (["rows.csv", "--model", "echo", "--label", "truth"], "no column 'truth'"),
        (["rows.csv", "--model", "echo", "--time", "age"], "nobody answers"),
        (["inferwatch.yaml", "--model", "echo"], "convert it"),
    ],
)
def test_a_replay_that_cannot_be_says_why(
    folder: Path, gateway: Serving, arguments: list[str], said: str
) -> None:
    (folder / "rows.csv").write_text("age\n1\n")
    url = "http://127.0.0.1:1" if "nobody answers" in said else gateway.url

    assert said in inferwatch(folder, "replay", *arguments, "--url", url).stderr


def test_a_terminal_lists_every_alert_however_many_there_are(tmp_path: Path) -> None:
    many = [replace(a_firing_alert(), fingerprint=f"f{number}") for number in range(1001)]
    with overseen(tmp_path, many) as both:
        ran = CliRunner().invoke(app, ["alerts", "list", "--url", both.gateway.url])

    assert len(ran.stdout.splitlines()) == 1001


def test_alerts_and_silences_are_looked_after_from_a_terminal(tmp_path: Path) -> None:
    hostile = replace(a_firing_alert(), summary="drift \x1b[2J of age")
    with overseen(tmp_path, [hostile]) as both:

        def said(*arguments: str) -> str:
            ran = CliRunner().invoke(app, [*arguments, "--url", both.gateway.url])
            assert ran.exit_code == 0, ran.output
            return ran.stdout

        listed = said("alerts", "list")
        added = said("silence", "add", 'model="churn"', "column=~ag.", "--for", "4h", "--author", "ann")
        both.wait_for(both.silences)
        silences = said("silence", "list")
        said("alerts", "acknowledge", "f1", "--author", "bob")
        both.wait_for(lambda: both.alert("f1")["acknowledged"])
        seen = said("alerts", "list", "--all")
        id_ = added.split()[0]
        said("silence", "end", id_, "--author", "eve")
        both.wait_for(lambda: not both.silences())
        over = said("silence", "list", "--expired")
        config = tmp_path / "inferwatch.yaml"
        config.write_text(yaml.safe_dump({"database": {"url": both.gateway.settings.database.url}}))
        trail = CliRunner().invoke(app, ["audit", "--config", str(config)])

    assert listed == "f1\tfiring\tchurn 12\tdrift \N{REPLACEMENT CHARACTER}[2J of age\n"
    assert added.splitlines()[1].startswith("f1\tfiring")
    assert 'model="churn" column=~"ag."\tann' in silences
    assert f"silenced by {id_}, acknowledged by bob" in seen
    assert "ended by eve" in over
    assert [line.split("\t")[2:5] for line in trail.stdout.splitlines()] == [
        ["silence", id_, "ann"], ["acknowledge", "f1", "bob"], ["unsilence", id_, "eve"],
    ]  # fmt: skip
    assert "the trail is whole" in trail.stderr


def test_what_a_gateway_refuses_is_said_in_one_line(gateway: Serving, tmp_path: Path) -> None:
    said = refused(inferwatch(tmp_path, "silence", "add", "model", "--for", "4h", "--url", gateway.url))

    assert 'matchers[0]: write label="value"' in said


def test_a_gateway_that_is_not_there_is_said_in_one_line(folder: Path) -> None:
    assert "no gateway answers at http://127.0.0.1:" in refused(inferwatch(folder, "alerts", "list"))
