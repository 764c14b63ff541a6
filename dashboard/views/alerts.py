"""What the page of alerts shows: which are open, what people did about them, who was told, and what was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.subjects import NOTHING, Choice, choose
from dashboard.views.care import Episode, care_of
from storage.alerts import open_alerts
from storage.database import Database
from storage.matching import labels_of
from storage.models import model_versions
from storage.outbox import OutboxMessage, newest_messages
from storage.records import Alert, AlertStatus, Arm, Severity
from storage.silences import Acknowledgement, Silence, acknowledgements, silences
from storage.telling import ToldAlert, newest_episodes

EVERY = "every model"
EPISODES = 200
MESSAGES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsView:
    """Everything on the page."""

    model: Choice  # whose alerts; `EVERY` comes first
    open: tuple[Alert, ...]  # what fires first, critical before warning, the oldest first
    care: Mapping[Episode, str]  # what people did about them, in words
    acknowledged: Mapping[Episode, Acknowledgement]
    episodes: tuple[ToldAlert, ...]  # open and over, newest first
    silences: tuple[Silence, ...]  # in force and to come
    messages: tuple[OutboxMessage, ...]  # newest first
    alert: Choice = NOTHING  # by its fingerprint
    picked: Alert | None = None

    def count(self, status: AlertStatus) -> int:
        """How many open alerts stand so."""
        return sum(alert.status is status for alert in self.open)

    @property
    def cared_for(self) -> int:
        """How many of those that fire somebody silenced or looks after."""
        firing = (each for each in self.open if each.status is AlertStatus.FIRING)
        return sum((each.fingerprint, each.starts_at) in self.care for each in firing)

    @property
    def told(self) -> tuple[OutboxMessage, ...]:
        """The messages about the group of the picked alert, those of its earlier episodes too."""
        if self.picked is None:
            return ()
        labels = labels_of(self.picked)
        return tuple(each for each in self.messages if _is_about(each, labels))


def alerts(database: Database, address: Mapping[str, str], now: datetime) -> AlertsView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        models = [each.model for each in model_versions(snapshot)]
        model = choose([EVERY, *models], address.get("model"))
        only = None if model.chosen == EVERY else model.chosen
        ours = sorted(open_alerts(snapshot, model=only), key=_gravest_first)
        standing = silences(snapshot, since=now)
        seen = acknowledgements(snapshot)
        alert = choose([each.fingerprint for each in ours], address.get("alert"))
        return AlertsView(
            model=model,
            open=tuple(ours),
            care=care_of(ours, standing, seen, now),
            acknowledged=seen,
            episodes=tuple(newest_episodes(snapshot, model=only, limit=EPISODES)),
            silences=tuple(standing),
            messages=tuple(newest_messages(snapshot, limit=MESSAGES)),
            alert=alert,
            picked=next((each for each in ours if each.fingerprint == alert.chosen), None),
        )


def matchers_of(alert: Alert) -> list[str]:
    """What a silence of this alert, and of no other column or arm, asks for; in Alertmanager's signs."""
    labels = labels_of(alert)
    named = ("rule", "model", "version", "arm", "slice", "metric", "column")
    return [f"{name}={json.dumps(labels[name], ensure_ascii=False)}" for name in named if labels[name]]


def _gravest_first(alert: Alert) -> tuple[bool, bool, datetime]:
    return alert.status is not AlertStatus.FIRING, alert.severity is not Severity.CRITICAL, alert.starts_at


def _is_about(message: OutboxMessage, labels: Mapping[str, str]) -> bool:
    """Whether a message speaks of the group that an alert with these labels is in."""
    group = _group(message.group)
    return bool(group) and all(labels.get(name, "") == value for name, value in group.items())


def _group(name: str) -> Mapping[str, str]:
    """The labels that the alerts of a group share, from the name of the group."""
    try:
        found = json.loads(name)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def titles(alerts: Sequence[Alert]) -> dict[str, str]:
    """What each alert is called in a list, by fingerprint."""
    return {each.fingerprint: _title(each) for each in alerts}


def _title(alert: Alert) -> str:
    column = f" of {alert.column}" if alert.column else ""
    part = "" if alert.scope.slice == "all" else f", where {alert.scope.slice}"
    arm = "" if alert.scope.arm is Arm.STABLE else f", {alert.scope.arm.value} arm"
    where = f"{alert.scope.model} {alert.scope.version}{arm}"
    return f"{alert.severity.value}: {alert.metric}{column}{part} ({where})"
