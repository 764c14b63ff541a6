"""What every channel says of a notice."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from dashboard.advice import site_about
from dashboard.site import PAGES
from gateway.silence_body import SilenceBody, silencing
from monitors import MONITORS
from monitors.alerts import telling
from monitors.alerts.groups import NoticeReason, Words
from storage.matching import matches, read_matcher
from storage.records import AlertStatus, Severity
from tests.helpers.alerts import AT, a_notice, an_alert

OVER = an_alert("loan", status=AlertStatus.RESOLVED)


def test_the_worst_that_fires_is_named_first() -> None:
    worst = replace(an_alert("plan", summary="plan is bad"), severity=Severity.CRITICAL)

    notice = a_notice(an_alert("age"), OVER, standing=(worst,))

    assert telling.headline(notice) == (
        "churn 12: plan is bad, critical, since 2026-03-02 12:00 UTC. 1 new, 1 still firing, 1 over."
    )


def test_what_is_over_says_so() -> None:
    notice = a_notice(replace(OVER, summary="loan was bad"))

    assert telling.headline(notice) == (
        "churn 12: over. loan was bad, from 2026-03-02 12:00 UTC to 2026-03-02 13:00 UTC. 1 over."
    )


def test_a_repeat_says_that_nothing_changed() -> None:
    notice = replace(a_notice(an_alert()), reason=NoticeReason.REPEAT, fired=(), standing=(an_alert(),))

    assert telling.headline(notice).endswith("Nothing changed: 1 still firing.")


def test_a_digest_says_how_many_were_held_back() -> None:
    notice = replace(a_notice(), reason=NoticeReason.DIGEST, fired=(), group={}, held=("a", "b"))

    assert telling.headline(notice) == "inferwatch: 2 messages were held back."


def test_what_a_rule_advises_is_said_once() -> None:
    alerts = [an_alert("age"), an_alert("plan"), an_alert("slow", rule="latency")]
    about = {each.fingerprint: Words(text=f"look at {each.rule}") for each in alerts}

    said = telling.advice(replace(a_notice(*alerts), about=about))

    assert said == ["drift: look at drift", "latency: look at latency"]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil.org", "https://a b"])
def test_a_runbook_that_is_no_web_address_is_left_out(address: str) -> None:
    notice = a_notice(an_alert())
    words = Words(runbook=address)

    assert telling.runbooks(replace(notice, about={an_alert().fingerprint: words})) == []


def test_labels_are_alertmanager_s_and_those_of_the_rule_come_on_top() -> None:
    words = Words(labels={"team": "risk", "severity": "mine", "empty": ""})
    notice = replace(a_notice(an_alert()), about={an_alert().fingerprint: words})

    assert telling.labels_of(notice, an_alert()) == {
        "alertname": "drift", "arm": "stable", "column": "age", "metric": "drift", "model": "churn",
        "monitor": "drift", "rule": "drift", "severity": "warning", "slice": "all", "team": "risk",
        "version": "12",
    }  # fmt: skip


@pytest.mark.parametrize("model", ["churn", "a'b; rm -rf /", '"$(id)"', "x\r\ny", "\u202eevil"])
def test_the_line_that_silences_silences_the_group_and_runs_nothing_else(model: str) -> None:
    notice = replace(a_notice(an_alert(model=model)), group={"model": model, "version": "12"})

    *commands, asking = telling.silencing(notice, "https://gate.example.org/")

    words = shlex.split(asking)
    assert words[:2] == ["curl", "https://gate.example.org/api/silences"]
    assert words[-2] == "-d"
    made = silencing(msgspec.json.decode(words[-1], type=SilenceBody), AT, None)
    assert matches(made.matchers, {"model": model, "version": "12"})
    assert not matches(made.matchers, {"model": "other", "version": "12"})
    assert json.loads(words[-1])["duration"] == "4h"
    for command in commands:
        *_, one, other, flag, span = shlex.split(command)
        assert (flag, span) == ("--for", "4h")
        assert matches([read_matcher(one), read_matcher(other)], {"model": model, "version": "12"})


def test_a_message_leads_to_the_page_that_explains_its_gravest_alert() -> None:
    light, grave = an_alert("age"), replace(an_alert("plan"), severity=Severity.CRITICAL)

    address = telling.page_of(a_notice(light, grave), "https://watch.example.org/")

    expected = "https://watch.example.org/drift?model=churn&version=12&arm=stable&slice=all&column=plan"
    assert address == expected


def test_a_name_cannot_make_an_address_lead_elsewhere() -> None:
    hostile = "x&model=other#frag?@evil.example.org/\r\n<script>\udc80"

    address = telling.page_about(an_alert(hostile), "https://watch.example.org")

    parts = urlsplit(address)
    assert (parts.netloc, parts.path, parts.fragment) == ("watch.example.org", "/drift", "")
    assert parse_qs(parts.query)["column"] == [hostile.replace("\udc80", "?")]
    assert parse_qs(parts.query)["model"] == ["churn"]


def test_messages_lead_to_pages_that_the_dashboard_has() -> None:
    known = {site.path for sites in PAGES.values() for site in sites}

    led_to = {monitor: urlsplit(telling.page_about(replace(an_alert(), monitor=monitor), "http://d")).path[1:]
              for monitor in (*MONITORS, "of somebody")}  # fmt: skip

    assert set(led_to.values()) <= known
    for monitor in MONITORS:
        site = site_about(monitor)
        assert site is not None
        assert site.path == led_to[monitor]
