"""The monitor and the channel that the documentation writes keep what is asked of those in the tables."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from monitors.base import ModelContext
from storage.summary import Summary
from tests.docs.blocks import blocks_of
from tests.docs.workshop import ROOT
from tests.helpers.alerts import a_notice, an_alert
from tests.helpers.monitoring import MODELS, tame_frame


def example(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that a page writes."""
    (block,) = [each for each in blocks_of(ROOT / "docs" / page) if each.file and each.language == "python"]
    path = folder / str(block.file)
    path.write_text(block.text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    return module


def test_the_monitor_adds_up_and_counts_what_is_negative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = MODELS["regression"]
    monitor = example("write-a-monitor.md", tmp_path, monkeypatch).Negatives(
        model=ModelContext(manifest=manifest)
    )
    rows = tame_frame(manifest)
    first = np.arange(rows.rows) < 200

    together = monitor.observe(rows)

    assert monitor.observe(rows.where(first)) + monitor.observe(rows.where(~first)) == together
    assert list(monitor.assess(Summary(), None)) == []
    said = {each.column: each for each in monitor.assess(together, None)}
    assert (said["age"].value, said["age"].n) == (0.0, 500)
    assert said["prediction"].breached  # normal about 0: half of them are below


def test_the_channel_writes_a_line_and_says_what_keeps_it_from_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = example("write-a-channel.md", tmp_path, monkeypatch)
    channel = diary.Diary(path=tmp_path / "alerts.txt")

    message = channel.render(a_notice(an_alert()))
    channel.send(message)

    assert (tmp_path / "alerts.txt").read_bytes() == message.body
    with pytest.raises(diary.ChannelError, match="cannot be written"):
        diary.Diary(path=tmp_path).send(message)
