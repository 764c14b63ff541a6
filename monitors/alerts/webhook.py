"""Alerts as Alertmanager's webhook JSON (version 4), so that its many receivers understand them. Signed.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitors.alerts import telling
from monitors.alerts.channels import Channel, Message
from monitors.alerts.groups import Notice
from monitors.alerts.posting import Poster, Resolver, addresses_of
from monitors.alerts.words import plain
from monitors.settings import AlertSettings, WebhookSettings
from storage.clock import Clock, utc_now
from storage.records import Alert, Severity

MOST = 500
"""Alerts in one message; it says how many it leaves out."""
_NOT_OVER = "0001-01-01T00:00:00Z"  # Go's zero time, as Alertmanager writes it for what fires
_PREFIX = "whsec_"


def webhook_channels(settings: AlertSettings) -> list[Channel]:
    """The one of the settings."""
    if settings.webhook is None:
        return []
    return [WebhookChannel(settings=settings.webhook, dashboard_url=settings.dashboard_url)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChannel:
    """Posts to the operator's own service."""

    settings: WebhookSettings
    dashboard_url: str | None = None
    clock: Clock = utc_now
    resolve: Resolver = addresses_of
    name: str = "webhook"
    per_hour: int | None = None
    pause_s: float = 0.0
    ordered: bool = False

    @property
    def recipient(self) -> str:
        return self.settings.name

    @property
    def min_severity(self) -> Severity:
        return self.settings.min_severity

    def render(self, notice: Notice) -> Message:
        """The JSON. Who signs it, and when, is added as it is sent."""
        notice = telling.at_least(notice, self.settings.min_severity)
        alerts = notice.alerts
        shown = [_alert(notice, alert, self.dashboard_url) for alert in alerts[:MOST]]
        body = {
            "version": "4",
            "groupKey": telling.group_key(notice),
            "truncatedAlerts": max(len(alerts) - MOST, 0),
            "status": "firing" if telling.firing(notice) else "resolved",
            "receiver": self.settings.name,
            "groupLabels": {name: plain(value, 400) for name, value in notice.group.items()},
            "commonLabels": _common([each["labels"] for each in shown]),
            "commonAnnotations": _common([each["annotations"] for each in shown]),
            "externalURL": self.dashboard_url or "",
            "alerts": shown,
        }
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
        return Message(id=notice.id, channel=self.name, recipient=self.recipient, body=text.encode())

    def send(self, message: Message) -> None:
        """Post it, signed with the time of now."""
        poster = Poster(
            settings=self.settings, where="alerts.webhook", resolve=self.resolve, clock=self.clock
        )
        poster.post(message.body, self._headers(message))

    def _headers(self, message: Message) -> dict[str, str]:
        at = str(int(self.clock().timestamp()))
        headers = {"webhook-id": message.id, "webhook-timestamp": at}
        if self.settings.secret is not None:
            key = key_of(self.settings.secret.get_secret_value())
            headers["webhook-signature"] = signature(key, message.id, at, message.body)
        if self.settings.bearer is not None:
            headers["Authorization"] = f"Bearer {self.settings.bearer.get_secret_value()}"
        return headers


def signature(key: bytes, id: str, at: str, body: bytes) -> str:
    """As Standard Webhooks wants it, for whose receivers there are libraries: https://www.standardwebhooks.com."""
    signed = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def key_of(secret: str) -> bytes:
    """The bytes of a secret: base64 after `whsec_`, else the text itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass  # it only looked like one
    return secret.encode()


def _alert(notice: Notice, alert: Alert, dashboard_url: str | None) -> dict[str, object]:
    annotations = {
        "summary": plain(alert.summary, 1000),
        "description": telling.text_of(notice, alert),
        "runbook_url": telling.runbook_of(notice, alert) or "",
        "replay": telling.REPLAY if alert.replay else "",
    }
    return {
        "status": "resolved" if alert.ends_at is not None else "firing",
        "labels": telling.labels_of(notice, alert),
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": _stamp(alert.starts_at),
        "endsAt": _NOT_OVER if alert.ends_at is None else _stamp(alert.ends_at),
        "generatorURL": "" if dashboard_url is None else telling.page_about(alert, dashboard_url),
        "fingerprint": alert.fingerprint,
    }


def _common(maps: Sequence[object]) -> dict[str, str]:
    """What all have, with the same value."""
    found = [each for each in maps if isinstance(each, Mapping)]
    if not found:
        return {}
    first, *others = found
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}


def _stamp(at: datetime) -> str:
    """RFC 3339."""
    return at.isoformat().replace("+00:00", "Z")
