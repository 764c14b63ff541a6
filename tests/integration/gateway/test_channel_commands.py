"""`inferwatch channels` and what `inferwatch check` says of them, against real receivers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from gateway.checks import findings
from gateway.cli import app
from gateway.settings_file import load_settings
from tests.helpers.mail import mail_server
from tests.helpers.ports import free_port
from tests.helpers.receiver import Answer, receiver

TOKEN = "T0K3N"  # noqa: S105  # it is looked for wherever it must not be


def slack(port: int) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{port}/{TOKEN}", "name": "#ops", "private": True, "timeout_s": 2}


def written(folder: Path, alerts: dict[str, Any]) -> Path:
    path = folder / "inferwatch.yaml"
    path.write_text(yaml.safe_dump({"alerts": alerts}))
    return path


def run(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["channels", *arguments, "--config", str(path)])


def test_a_test_reaches_every_recipient_and_says_what_it_is(tmp_path: Path) -> None:
    with mail_server() as mailbox, receiver() as kept:
        email = {
            "host": "localhost", "port": mailbox.port, "security": "none", "sender": "watch@example.org",
            "to": ["ops@example.org"], "min_severity": "critical",
        }  # fmt: skip
        webhook = slack(kept.port) | {"name": "desk"}

        ran = run(written(tmp_path, {"email": email, "webhook": webhook}), "test")

    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines() == [
        "email\tops@example.org\ttook the test",
        "webhook\tdesk\ttook the test",
    ]
    assert [mail["Subject"] for mail in mailbox.mails] == [
        "[FIRING:1] inferwatch: test of the channel",
        "[RESOLVED] inferwatch: test of the channel",
    ]
    assert [json.loads(request.body)["status"] for request in kept.requests] == ["firing", "resolved"]
    assert all(b"this is a test of the channel" in request.body for request in kept.requests)


def test_a_channel_that_refuses_the_test_is_named_with_the_reason(tmp_path: Path) -> None:
    with receiver() as kept:
        kept.answers.append(Answer(status=404, body=b"no_service"))

        ran = run(written(tmp_path, {"slack": slack(kept.port)}), "test", "slack")

    assert ran.exit_code == 1
    assert ran.stderr == "slack\t#ops\tdid not take it: alerts.slack: answered 404 no_service\n"
    assert TOKEN not in ran.output


def test_without_channels_a_test_says_where_they_are_set(tmp_path: Path) -> None:
    ran = run(written(tmp_path, {}), "test")

    assert ran.exit_code == 1
    assert "`alerts` in inferwatch.yaml" in ran.stderr


def test_channels_are_listed_without_their_secrets(tmp_path: Path) -> None:
    ran = run(written(tmp_path, {"slack": slack(9), "pagerduty": {"routing_key": TOKEN}}), "list")

    assert ran.stdout.splitlines() == [
        "slack\t#ops\tfrom warning up",
        "pagerduty\tinferwatch\tfrom warning up",
    ]


@pytest.mark.parametrize("there", [True, False])
def test_check_knocks_at_every_channel_and_sends_nothing(tmp_path: Path, there: bool) -> None:
    with receiver() as kept:
        port = kept.port if there else free_port()
        settings = load_settings(written(tmp_path, {"slack": slack(port)}))

        (found,) = [each for each in findings(settings) if each.what == "channels"]

    assert found.well is there
    assert "slack" in found.words
    assert TOKEN not in found.words
    assert kept.requests == []
