"""The demo prepares itself in a folder of its own, and harms nothing there."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from gateway.demo.folder import DemoFolder
from gateway.demo.ports import DemoPorts, settings_text
from gateway.demo.prepare import prepare
from gateway.errors import StartError
from gateway.settings_file import load_settings
from inference.repository import Repository
from monitors.reference import Reference
from tests.helpers.demo import demo_command, environment, free_offset

MODELS = {"demo-loans": 5_000, "demo-messages": 2_000}


def test_the_demo_is_made_once_and_found_again(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path / "demo")
    with folder.held():
        settings = prepare(folder, DemoPorts())
        made = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()}

        again = prepare(folder, DemoPorts())

    assert again == settings
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()} == made
    repository = Repository(settings.engine.repository)
    for model, rows in MODELS.items():
        reference = Reference.from_bytes(repository.reference_path(model, "1").read_bytes())
        assert reference.rows == reference.columns["score"].rows == rows
        assert repository.manifest(model, "1").description.startswith("SIMULATED")
    assert "toxicity" in reference.summaries  # the texts were scored by the bundled model


def test_the_settings_of_a_demo_are_read_back_as_its_ports(tmp_path: Path) -> None:
    config = tmp_path / "inferwatch.yaml"
    config.write_text(settings_text(DemoPorts.moved(300)))

    settings = load_settings(config)

    assert DemoPorts.of(settings) == DemoPorts.moved(300)
    assert settings.alerts.dashboard_url == "http://127.0.0.1:8801"
    assert "SIMULATED" in config.read_text()


def test_starting_afresh_deletes_what_the_demo_made_and_nothing_else(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    with folder.held():
        folder.write_settings("gateway: {}\n")
        folder.mails.mkdir()
        (folder.mails / "one.eml").write_text("a mail")
        (tmp_path / "notes.txt").write_text("of the user")

        kept = folder.clear()

    assert kept is None
    assert not folder.mails.exists()
    assert not folder.config.exists()
    assert (tmp_path / "notes.txt").read_text() == "of the user"


def test_settings_that_were_edited_are_kept_under_another_name(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    with folder.held():
        folder.write_settings("gateway: {}\n")
        folder.config.write_text("gateway: {port: 9}\n")

        kept = folder.clear()

    assert kept is not None
    assert kept.read_text() == "gateway: {port: 9}\n"
    assert not folder.config.exists()


def test_a_model_that_somebody_added_is_not_deleted(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    own = tmp_path / ".inferwatch" / "models" / "churn" / "1"
    with folder.held():
        own.mkdir(parents=True)
        folder.mails.mkdir()

        with pytest.raises(StartError, match=r"churn .* --keep"):
            folder.clear()

    assert own.exists()
    assert folder.mails.exists()


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(StartError, match="--folder"), DemoFolder(path=tmp_path).held():
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        DemoFolder(path=tmp_path / "demo").held(),
        pytest.raises(StartError, match="another demo runs"),
        DemoFolder(path=tmp_path / "demo").held(),
    ):
        pass


def test_a_busy_port_is_named_with_its_holder_and_the_way_out_and_nothing_is_made(tmp_path: Path) -> None:
    offset = free_offset()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", DemoPorts.moved(offset).inbox))
        taken.listen()

        ended = subprocess.run(
            demo_command(tmp_path / "demo", offset), check=False, capture_output=True, text=True,
            timeout=60, env=environment(), cwd=tmp_path,
        )  # fmt: skip

    assert ended.returncode == 1
    assert f"inbox: 127.0.0.1:{DemoPorts.moved(offset).inbox}" in ended.stderr
    assert "holds it" in ended.stderr
    assert "--port-offset" in ended.stderr
    assert not (tmp_path / "demo" / "inferwatch.yaml").exists()
