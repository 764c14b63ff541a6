"""Alerts as PagerDuty events (Events API v2): one incident for each group, opened and closed.

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from monitors.alerts import telling
from monitors.alerts.channels import Channel, Message
from monitors.alerts.groups import Notice
from monitors.alerts.posting import Poster, Resolver, addresses_of
from monitors.alerts.words import plain
from monitors.settings import AlertSettings, PagerDutySettings
from storage.clock import Clock, utc_now
from storage.records import Alert, Severity

KEY, SUMMARY = 255, 1024
"""Characters that PagerDuty takes in the key of an incident, and in its summary."""
_SHOWN = 40  # alerts in the details
_SEVERITIES = {Severity.WARNING: "warning", Severity.CRITICAL: "critical"}


def pagerduty_channels(settings: AlertSettings) -> list[Channel]:
    """The one of the settings."""
    if settings.pagerduty is None:
        return []
    return [PagerDutyChannel(settings=settings.pagerduty, dashboard_url=settings.dashboard_url)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyChannel:
    """Calls whoever is on call for one service."""

    settings: PagerDutySettings
    dashboard_url: str | None = None
    clock: Clock = utc_now
    resolve: Resolver = addresses_of
    name: str = "pagerduty"
    per_hour: int | None = None
    pause_s: float = 0.0
    ordered: bool = True  # an incident that is closed before it is opened would stay open

    @property
    def recipient(self) -> str:
        return self.settings.name

    @property
    def min_severity(self) -> Severity:
        return self.settings.min_severity

    def render(self, notice: Notice) -> Message:
        """The event, without the key of the service, which is a secret."""
        notice = telling.at_least(notice, self.settings.min_severity)
        event: dict[str, object] = {
            "event_action": "trigger" if telling.firing(notice) or notice.held else "resolve",
            "dedup_key": dedup_key(notice),
        }
        if event["event_action"] == "trigger":
            event |= {"client": "inferwatch", "links": self._links(notice), "payload": _payload(notice)}
            if self.dashboard_url is not None:
                event["client_url"] = self.dashboard_url
        text = json.dumps(event, ensure_ascii=False)
        return Message(id=notice.id, channel=self.name, recipient=self.recipient, body=text.encode())

    def send(self, message: Message) -> None:
        """Post it, with the key of the service."""
        key = self.settings.routing_key.get_secret_value()
        body = json.dumps({"routing_key": key} | json.loads(message.body)).encode()
        poster = Poster(
            settings=self.settings, where="alerts.pagerduty", resolve=self.resolve, clock=self.clock
        )
        poster.post(body, {})

    def _links(self, notice: Notice) -> list[dict[str, str]]:
        links = [{"href": address, "text": "Runbook"} for address in telling.runbooks(notice)[:5]]
        if self.dashboard_url is not None:
            links.insert(0, {"href": telling.page_of(notice, self.dashboard_url), "text": "Dashboard"})
        return links


def dedup_key(notice: Notice) -> str:
    """The key of the group; a longer one than PagerDuty takes by its hash."""
    key = telling.group_key(notice)
    return key if len(key) <= KEY else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _payload(notice: Notice) -> dict[str, object]:
    alert = telling.leading(notice)
    described: dict[str, object] = {
        "summary": plain(f"{telling.subject(notice)} - {telling.headline(notice)}", SUMMARY),
        "source": telling.where(notice),
        "severity": _SEVERITIES[telling.worst(notice)],
        "component": telling.where(notice),
        "group": plain(notice.group.get("model", "inferwatch")),
        "custom_details": _details(notice),
    }
    if alert is not None:
        described |= {"class": plain(alert.rule), "timestamp": alert.starts_at.isoformat()}
    return described


def _details(notice: Notice) -> dict[str, object]:
    details: dict[str, object] = {
        "changed": telling.changes(notice),
        "what_to_do": telling.advice(notice),
        "new": _told(notice.fired),
        "still_firing": _told(notice.standing),
        "over": _told(notice.resolved),
        "held_back": [plain(subject, 200) for subject in notice.held[:_SHOWN]],
        "replay": telling.REPLAY if notice.replay else "",
    }
    return {name: value for name, value in details.items() if value}


def _told(alerts: Sequence[Alert]) -> list[str]:
    told = [f"{telling.place(alert)}: {plain(alert.summary, 400)}" for alert in alerts[:_SHOWN]]
    return told if len(alerts) <= _SHOWN else [*told, f"and {len(alerts) - _SHOWN:,} more"]
