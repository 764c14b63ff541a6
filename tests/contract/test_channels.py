"""What every channel promises: pure messages within the other side's limits, and honest failures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitors.alerts import CHANNELS, build_channels
from monitors.alerts.channels import Channel, Message, wants
from monitors.alerts.groups import History, Notice, NoticeReason, Point, Words
from monitors.errors import ChannelError
from monitors.settings import AlertSettings
from storage.records import AlertStatus, Bounds, Severity
from tests.helpers.alerts import AT, a_notice, an_alert
from tests.helpers.mail import mail_server
from tests.helpers.ports import free_port
from tests.helpers.receiver import Answer, receiver

SECRET = "dont-tell"  # noqa: S105  # it is looked for wherever it must not be
EVIL = (
    "<img src=x onerror=alert(1)>\r\nBcc: x@evil.org\r\n\r\n<script>alert(2)</script> "
    "\u202egnp.exe & <!channel> *b* é 漢字"
)


@dataclass
class Other:
    """The other side: where it listens, what it took, and how it is made to fail."""

    port: int
    taken: Callable[[], list[bytes]]
    fail: Callable[[str], None]  # "later" or "never"


@dataclass(frozen=True)
class Case:
    """How a channel is set up, who takes its messages, and what a message must be like."""

    section: Callable[[int], dict[str, Any]]
    other: Callable[[], AbstractContextManager[Other]]
    check: Callable[[bytes], None]


@contextmanager
def smtp() -> Iterator[Other]:
    with mail_server() as mailbox:
        answers = {"later": "451 later", "never": "550 no"}
        yield Other(mailbox.port, lambda: mailbox.bodies, lambda how: mailbox.answers.append(answers[how]))


@contextmanager
def http() -> Iterator[Other]:
    with receiver() as kept:
        answers = {"later": Answer(status=503), "never": Answer(status=400)}
        yield Other(
            kept.port,
            lambda: [request.body for request in kept.requests],
            lambda how: kept.answers.append(answers[how]),
        )


def email_section(port: int) -> dict[str, Any]:
    return {
        "host": "localhost", "port": port, "security": "none", "sender": "watch@example.org",
        "to": ["ops@example.org"], "timeout_s": 5,
    }  # fmt: skip


def http_section(port: int) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{port}/{SECRET}", "name": "ops", "private": True, "timeout_s": 5}


def check_mail(body: bytes) -> None:
    mail = message_from_bytes(body, policy=default)
    assert not mail.defects
    assert body.isascii(), "not every server takes 8 bits"
    assert max(map(len, body.splitlines())) <= 998, "RFC 5322"
    assert mail["Bcc"] is None
    assert [len(mail.get_all(name, [])) for name in ("Subject", "From", "To", "Message-ID", "Date")] == [
        1
    ] * 5
    parts = list(mail.walk())
    html = next(part for part in parts if part.get_content_type() == "text/html").get_content()
    assert len(html.encode()) < 102 * 1024
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "\u202e" not in html
    assert all(
        len(part.get_content()) <= 100 * 1024 for part in parts if part.get_content_type() == "image/png"
    )
    assert len(body) < 2**20


def check_alertmanager(body: bytes) -> None:
    """The fields of https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, no more."""
    data = json.loads(body)
    assert data.keys() == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "alerts",
    }  # fmt: skip
    assert data["version"] == "4"
    assert data["status"] in {"firing", "resolved"}
    assert isinstance(data["truncatedAlerts"], int)
    assert len(body) < 2**20
    for alert in data["alerts"]:
        assert alert.keys() == {
            "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint",
        }  # fmt: skip
        assert datetime.fromisoformat(alert["startsAt"]).tzinfo is not None
        assert (alert["endsAt"] == "0001-01-01T00:00:00Z") == (alert["status"] == "firing")
        assert alert["labels"]["alertname"]
        for texts in (alert["labels"], alert["annotations"], data["commonLabels"], data["groupLabels"]):
            assert all(isinstance(text, str) for text in texts.values())
            assert not any(character in text for text in texts.values() for character in "\r\n\u202e")


def check_slack(body: bytes) -> None:
    """Limits of https://docs.slack.dev/reference/block-kit/blocks."""
    data = json.loads(body)
    assert 0 < len(data["text"]) <= 4000
    assert 0 < len(data["blocks"]) <= 50
    texts = [block["text"] for block in data["blocks"] if "text" in block]
    assert all(0 < len(text["text"]) <= 3000 for text in texts)
    assert all(len(block["text"]["text"]) <= 150 for block in data["blocks"] if block["type"] == "header")
    for text in [data["text"], *(text["text"] for text in texts if text["type"] == "plain_text")]:
        assert "<" not in text
        assert ">" not in text
        assert "\u202e" not in text


def check_pagerduty(body: bytes) -> None:
    """Limits of https://developer.pagerduty.com/docs/send-alert-event."""
    data = json.loads(body)
    assert data["event_action"] in {"trigger", "resolve"}
    assert 0 < len(data["dedup_key"]) <= 255
    assert len(body) < 512 * 1024
    if data["event_action"] == "trigger":
        payload = data["payload"]
        assert 0 < len(payload["summary"]) <= 1024
        assert payload["source"]
        assert payload["severity"] in {"critical", "error", "warning", "info"}
        assert not any(character in payload["summary"] for character in "\r\n\u202e")


CASES = {
    "email": Case(email_section, smtp, check_mail),
    "webhook": Case(
        lambda port: http_section(port) | {"secret": SECRET, "bearer": SECRET}, http, check_alertmanager
    ),
    "slack": Case(http_section, http, check_slack),
    "pagerduty": Case(lambda port: http_section(port) | {"routing_key": SECRET}, http, check_pagerduty),
}


def built(name: str, port: int = 9, **changes: object) -> Channel:
    section = CASES[name].section(port) | changes
    (channel,) = build_channels(
        AlertSettings.model_validate({name: section, "dashboard_url": "https://watch.example.org"})
    )
    return channel


def notices() -> dict[str, Notice]:
    """One of each kind, a hostile one and a huge one."""
    over = an_alert("loan", status=AlertStatus.RESOLVED)
    evil = an_alert(EVIL, model=EVIL, rule=EVIL, slice_=f"country={EVIL}", summary=EVIL * 9)
    many = [an_alert(f"{n} {EVIL}", slice_=f"country={EVIL}", summary=EVIL * 9) for n in range(1000)]
    history = History(
        fingerprint=an_alert("age").fingerprint,
        points=tuple(Point(at=AT.replace(hour=n), value=n / 10, low=n / 11, high=n / 9) for n in range(20)),
        bounds=Bounds(upper=0.5),
    )
    runbook = Words(text=EVIL, runbook="javascript:alert(1)", labels={"rule": EVIL})
    hostile = a_notice(evil)
    return {
        "first": replace(a_notice(an_alert("age")), reason=NoticeReason.FIRST, histories=(history,)),
        "changed": a_notice(an_alert("age"), over, standing=(an_alert("plan"),)),
        "resolved": a_notice(over),
        "replay": a_notice(an_alert("age", replay=True)),
        "digest": replace(
            a_notice(an_alert()), reason=NoticeReason.DIGEST, fired=(), group={}, held=(EVIL,) * 500
        ),
        "hostile": replace(hostile, thread=EVIL, about={evil.fingerprint: runbook}),
        "huge": a_notice(
            *many, standing=tuple(replace(each, fingerprint=each.fingerprint + "s") for each in many)
        ),
    }


NOTICES = notices()


@pytest.fixture(params=sorted(CHANNELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def refusal(channel: Channel, message: Message) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        channel.send(message)
    return caught.value


def test_every_channel_of_the_table_is_tested() -> None:
    assert set(CASES) == set(CHANNELS)


@pytest.mark.parametrize("kind", sorted(NOTICES))
def test_a_message_is_within_the_limits_and_the_same_twice(name: str, kind: str) -> None:
    message = built(name).render(NOTICES[kind])

    assert message == built(name).render(NOTICES[kind])
    assert (message.channel, message.recipient) == (name, built(name).recipient)
    CASES[name].check(message.body)


@given(text=st.text(max_size=60))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_makes_a_message(name: str, text: str) -> None:
    alert = an_alert(text, model=text, rule=f"r{text}", slice_=f"x={text}", summary=text)

    CASES[name].check(built(name).render(a_notice(alert)).body)


@pytest.mark.parametrize("kind", sorted(NOTICES))
def test_no_secret_lies_in_the_outbox_or_shows(name: str, kind: str) -> None:
    channel = built(name)
    message = channel.render(NOTICES[kind])

    assert SECRET.encode() not in message.body
    assert SECRET not in f"{message!r} {channel!r} {channel.recipient}"


def test_news_has_an_id_of_its_own(name: str) -> None:
    first, resolved = (built(name).render(NOTICES[kind]).id for kind in ("first", "resolved"))

    assert first != resolved


def test_a_replay_says_that_it_is_one(name: str) -> None:
    assert "replay of past traffic" in said(name, NOTICES["replay"])
    assert "replay of past traffic" not in said(name, NOTICES["first"])


def test_lighter_alerts_than_a_channel_wants_are_left_out(name: str) -> None:
    channel = built(name, min_severity="critical")
    heavy = replace(an_alert("age"), severity=Severity.CRITICAL)
    both = a_notice(heavy, an_alert("secondary"))

    assert wants(channel, both)
    assert not wants(channel, a_notice(an_alert("secondary")))
    body = channel.render(replace(both, stem="churn 12")).body.decode()
    assert "age" in body
    assert "secondary" not in body


def test_a_message_arrives_at_a_real_server(name: str) -> None:
    with CASES[name].other() as other:
        channel = built(name, other.port)
        message = channel.render(NOTICES["hostile"])

        channel.send(message)

        (taken,) = other.taken()
    CASES[name].check(taken)


@pytest.mark.parametrize(("how", "permanent"), [("later", False), ("never", True)])
def test_a_failure_is_for_good_only_if_the_other_side_says_so(name: str, how: str, permanent: bool) -> None:
    with CASES[name].other() as other:
        channel = built(name, other.port)
        other.fail(how)

        error = refusal(channel, channel.render(NOTICES["first"]))

    assert error.permanent is permanent
    assert SECRET not in str(error)


def test_a_server_that_is_not_there_is_tried_again(name: str) -> None:
    channel = built(name, free_port())

    error = refusal(channel, channel.render(NOTICES["first"]))

    assert not error.permanent
    assert SECRET not in str(error)


def said(name: str, notice: Notice) -> str:
    """The text of a message, decoded."""
    body = built(name).render(notice).body
    if name != "email":
        return body.decode()
    part = message_from_bytes(body, policy=default).get_body(("plain",))
    return "" if part is None else str(part.get_content())


def test_a_web_hook_is_signed_as_standard_webhooks_says() -> None:
    with receiver() as kept:
        channel = built("webhook", kept.port, secret="whsec_" + base64.b64encode(b"k" * 24).decode())
        channel.send(channel.render(NOTICES["first"]))

    (request,) = kept.requests
    signed = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    )
    wanted = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{wanted}"
    assert request.headers["authorization"] == f"Bearer {SECRET}"


def test_pagerduty_gets_the_key_of_the_service_and_closes_what_it_opened() -> None:
    with receiver() as kept:
        channel = built("pagerduty", kept.port)
        for kind in ("first", "resolved"):
            channel.send(channel.render(NOTICES[kind]))

    opened, closed = (json.loads(request.body) for request in kept.requests)
    assert opened["routing_key"] == SECRET
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]
    page = "https://watch.example.org/drift?model=churn&version=12&arm=stable&slice=all&column=age"
    assert opened["links"][0]["href"] == page


def test_notices_of_no_group_are_incidents_of_their_own() -> None:
    one, other = (replace(NOTICES["first"], group={}, thread=thread) for thread in ("outage", "undelivered"))

    keys = [json.loads(built("pagerduty").render(notice).body)["dedup_key"] for notice in (one, other)]

    assert keys[0] != keys[1]
