"""Every command of README and docs is run, in the order of a reader, against a real inferwatch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks_of
from tests.docs.workshop import ROOT, Workshop
from tests.helpers.deployment import deployed
from tests.helpers.mail import mail_server
from tests.helpers.models import bert_folder

pytestmark = pytest.mark.xdist_group("docs")  # one inferwatch serves all of it

TOGETHER = (
    "README.md",
    "docs/put-it-in-front-of-an-app.md",
    "docs/serve-a-hugging-face-classifier.md",
    "docs/send-labels.md",
    "docs/give-it-a-reference.md",
    "docs/alerts.md",
    "docs/toxicity-models.md",
    "docs/dashboard.md",
    "docs/reports.md",
    "docs/grafana.md",
    "docs/promises.md",
    "docs/personal-data.md",
    "docs/gpu.md",
    "docs/postgresql.md",
    "docs/write-a-monitor.md",
    "docs/write-a-channel.md",
    "docs/write-a-backend.md",
    "docs/serve-a-torch-module.md",
)
"""Pages that go on from the README, in this order, in one folder."""

APART = ("docs/keys.md",)
"""Pages that each begin in a folder of their own, with nothing running: a key would close the door."""

READ = ("docs/README.md", "docs/demo.md", "docs/peers.md", "SECURITY.md", "CHANGELOG.md")
"""Pages that say nothing to run."""

ELSEWHERE = {"CONTRIBUTING.md": "`make` is what runs these tests"}

NOT_RUN = {"needs the network", "belongs to Prometheus", "needs the line above"}
"""Why a block may be left out: a new reason has to be thought about."""


def blocks(pages: tuple[str, ...]) -> list[Block]:
    return [block for page in pages for block in blocks_of(ROOT / page)]


def called(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """An empty folder, a mail server, and a text classifier as `save_pretrained` would leave it."""
    folder = tmp_path_factory.mktemp("reader")
    with mail_server() as mailbox:
        email = {
            "host": "127.0.0.1", "port": mailbox.port, "security": "none", "sender": "watch@example.org",
            "to": ["ops@example.org"],
        }  # fmt: skip
        with deployed(folder, {"alerts": {"email": email}, "monitor": {"quiet_s": 1.0}}) as deployment:
            (bert_folder(folder / "mood") / "model.yaml").unlink()
            settings = deployment.config.read_text()
            deployment.config.unlink()
            yield Workshop(deployment, settings=settings)


@pytest.mark.parametrize("block", blocks(TOGETHER), ids=called)
def test_a_reader_can_do_what_a_page_says(workshop: Workshop, block: Block) -> None:
    if block.not_run is None:
        workshop.follow(block)


@pytest.mark.parametrize("page", APART)
def test_a_reader_can_do_what_a_page_of_its_own_says(page: str, tmp_path: Path) -> None:
    with deployed(tmp_path) as deployment:
        for block in blocks((page,)):
            if block.not_run is None:
                Workshop(deployment).follow(block)


def test_every_page_is_followed_or_has_nothing_to_run() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]}

    assert pages == {*TOGETHER, *APART, *READ, *ELSEWHERE}
    assert [called(block) for block in blocks(READ)] == []


def test_what_is_not_run_says_why() -> None:
    reasons = {block.not_run for block in blocks((*TOGETHER, *APART)) if block.not_run}

    assert reasons <= NOT_RUN


def test_every_line_of_a_console_is_a_command() -> None:
    for block in blocks((*TOGETHER, *APART, *ELSEWHERE)):
        if block.language == "console":
            lines = block.text.replace("\\\n", "").splitlines()
            assert all(line.startswith("$ ") for line in lines), called(block)
