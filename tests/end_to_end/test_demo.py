"""The demo from its start to its end, as somebody sees it who types `inferwatch demo`: seven minutes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from gateway.demo.ports import DemoPorts
from gateway.demo.story import MINUTE, SCENES
from tests.helpers.demo import demo_command, free_offset, running
from tests.helpers.deployment import answers, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]  # one demo serves them all

STORY_S = 600.0
FIRST_MAIL_S = 120.0
READY_S = 60.0  # 10 where nothing else runs


@dataclass
class Told:
    """What a whole demo left behind, and how long it took to get there."""

    folder: Path
    output: str
    ready_s: float
    first_mail_s: float
    alerts: list[dict[str, Any]]
    samples: list[dict[str, Any]]
    accounting: dict[str, Any]
    left_running: list[str]
    begin: datetime  # of the simulated time
    mails: list[EmailMessage] = field(default_factory=list)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Started in an empty folder, watched to its end, and interrupted."""
    folder = tmp_path_factory.mktemp("somebody")
    demo, output, offset = folder / "demo", folder / "output", free_offset()
    url, started = DemoPorts.moved(offset).gateway_url, time.monotonic()
    with running(demo_command(demo, offset), output) as process:
        wait_until(lambda: answers(f"{url}/readyz"), "the gateway", 60)
        ready_s = time.monotonic() - started
        wait_until(lambda: any((demo / "mails").glob("*.eml")), "the first mail", 300)
        first_mail_s = time.monotonic() - started
        wait_until(lambda: "the story is over" in output.read_text(), "the end of the story", STORY_S)
        family = process.children(recursive=True)
        alerts = httpx.get(f"{url}/api/alerts?limit=1000").json()["alerts"]
        samples = httpx.get(f"{url}/api/samples?model=demo-loans&version=1").json()["samples"]
        accounting = httpx.get(f"{url}/api/accounting").json()
        judged = httpx.get(f"{url}/api/measurements?model=demo-loans&metric=requests&limit=10000").json()
    begin = min(each["start"] for each in judged["measurements"])
    return Told(
        folder=demo, output=output.read_text(), ready_s=ready_s, first_mail_s=first_mail_s, alerts=alerts,
        samples=samples, accounting=accounting, begin=datetime.fromisoformat(begin),
        left_running=[each.name() for each in psutil.wait_procs(family, timeout=1)[1]],
        mails=[mail_of(path) for path in sorted((demo / "mails").glob("*.eml"))],
    )  # fmt: skip


def mail_of(path: Path) -> EmailMessage:
    mail = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def scene_of(told: Told, at: str) -> str | None:
    """The monitor whose alert is expected in the scene that a simulated time lies in."""
    passed = datetime.fromisoformat(at) - told.begin
    for scene in SCENES:
        if passed < scene.minutes * MINUTE:
            return scene.monitor
        passed -= scene.minutes * MINUTE
    return "after the story"


def test_it_is_ready_and_the_first_mail_is_there_soon(told: Told) -> None:
    assert told.ready_s < READY_S
    assert told.first_mail_s < FIRST_MAIL_S


@pytest.mark.parametrize("monitor", ["drift", "toxicity", "bias", "accuracy"])
def test_each_scene_raises_its_own_alert_and_none_begins_before_its_scene(told: Told, monitor: str) -> None:
    began = sorted(alert["starts_at"] for alert in told.alerts if alert["monitor"] == monitor)

    assert began
    assert scene_of(told, began[0]) == monitor


def test_nothing_else_raises_an_alert(told: Told) -> None:
    fired = [alert for alert in told.alerts if alert["status"] != "pending"]

    assert {alert["monitor"] for alert in fired} == {"drift", "toxicity", "bias", "accuracy"}
    assert min(alert["starts_at"] for alert in fired) >= (told.begin + timedelta(minutes=40)).isoformat()[:19]


def test_drift_is_in_exactly_the_two_columns(told: Told) -> None:
    drifts = [alert for alert in told.alerts if alert["monitor"] == "drift" and alert["status"] != "pending"]

    assert {alert["column"] for alert in drifts if alert["slice"] == "all"} == {"car_age", "region"}
    assert {alert["column"] for alert in drifts} == {"car_age", "region"}
    assert {alert["model"] for alert in drifts} == {"demo-loans"}


def test_every_alert_ends_in_the_recovery_and_mails_say_so(told: Told) -> None:
    assert not [alert for alert in told.alerts if alert["status"] == "firing"]

    subjects = [str(mail["Subject"]) for mail in told.mails]
    for monitor in ("drift", "toxicity", "bias", "accuracy"):
        about = [subject for subject in subjects if f": {monitor}" in subject]
        assert about[0].startswith("[FIRING:")
        assert about[-1].startswith("[RESOLVED]")


def test_mails_say_that_they_come_from_a_simulation(told: Told) -> None:
    assert all("simulated" in str(mail["From"]) for mail in told.mails)
    assert "SIMULATED" in (told.folder / "inferwatch.yaml").read_text()


def test_every_event_is_counted_and_some_are_left_for_people_to_label(told: Told) -> None:
    assert told.accounting["quarantined"] == told.accounting["dropped"] == 0
    assert told.samples


def test_ctrl_c_leaves_no_process_behind(told: Told) -> None:
    assert told.left_running == []
    assert "The demo has ended" in told.output


def test_it_starts_again_afresh_and_with_keep_goes_on_without_a_second_story(told: Told) -> None:
    offset, output = free_offset(), told.folder.parent / "again"
    url, mails = DemoPorts.moved(offset).gateway_url, told.folder / "mails"

    with running(demo_command(told.folder, offset), output):
        wait_until(lambda: output.exists() and "scene: All is well" in output.read_text(), "the story", 60)
        assert not list(mails.glob("*.eml"))
        wait_until(lambda: measured(url), "the first window to be judged", 60)
    assert "Starting afresh" in output.read_text()

    with running(demo_command(told.folder, offset, "--keep"), output):
        wait_until(lambda: "the story is over" in output.read_text(), "the trickle", 60)
    assert "Going on" in output.read_text()


def measured(url: str) -> bool:
    """Whether anything was judged."""
    answer = httpx.get(f"{url}/api/measurements?model=demo-loans&limit=1")
    return answer.status_code == 200 and bool(answer.json()["measurements"])
