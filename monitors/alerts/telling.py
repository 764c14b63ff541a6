"""What every channel says of a notice: in words for people, and as labels for machines.

All text from outside is on one line and has no control or direction characters (`words.plain`). Escaping for
HTML, Slack or a shell is each channel's own.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from monitors.alerts.groups import Notice, NoticeReason
from monitors.alerts.words import plain
from storage import matching
from storage.records import ALL, Alert, Arm, Severity

REPLAY = "This comes from a replay of past traffic, judged as it would have been then."
SILENCE = "4h"
MOST_ADVICE = 5
_PAGES = {
    "drift": "drift", "quality": "quality", "toxicity": "toxicity", "bias": "bias", "accuracy": "accuracy",
    "sampling": "accuracy", "traffic": "serving",
}  # fmt: skip
"""Which page of the dashboard explains what a monitor says."""
_SIMPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BY_WEIGHT = tuple(Severity)  # from the least


def where(notice: Notice) -> str:
    """What it speaks of: a model and its version, as a rule."""
    return " ".join(plain(value, 60) for value in notice.group.values() if value) or "inferwatch"


def subject(notice: Notice) -> str:
    """What stands in a list of messages."""
    return plain(notice.subject, 200)


def headline(notice: Notice) -> str:
    """One line: what, where, how bad, since when, and what changed."""
    alert = leading(notice)
    if alert is None:
        return f"{where(notice)}: {changes(notice)}."
    if alert in notice.resolved:
        when = f"from {moment(alert.starts_at)} to {moment(alert.ends_at or notice.at)}"
        return f"{where(notice)}: over. {plain(alert.summary, 400)}, {when}. {changes(notice)}."
    since = f"{alert.severity.value}, since {moment(alert.starts_at)}"
    return f"{where(notice)}: {plain(alert.summary, 400)}, {since}. {changes(notice)}."


def page_of(notice: Notice, dashboard_url: str) -> str:
    """The page of the dashboard that explains the alert to name first; without one, the first page."""
    alert = leading(notice)
    return dashboard_url if alert is None else page_about(alert, dashboard_url)


def page_about(alert: Alert, dashboard_url: str) -> str:
    """The page that explains an alert. Names from outside are quoted, so the address is what it seems."""
    scope = alert.scope
    page = _PAGES.get(alert.monitor, "alerts")
    picked = {"model": scope.model, "version": scope.version, "arm": scope.arm.value, "slice": scope.slice}
    column = {} if alert.column is None else {"column": alert.column}
    return f"{dashboard_url.rstrip('/')}/{page}?{urlencode({**picked, **column}, errors='replace')}"


def changes(notice: Notice) -> str:
    """What is new against the last message: `2 new, 1 still firing, 1 over`."""
    if notice.reason is NoticeReason.DIGEST:
        return f"{_counted(len(notice.held), 'message was', 'messages were')} held back"
    counts = ((notice.fired, "new"), (notice.standing, "still firing"), (notice.resolved, "over"))
    told = ", ".join(f"{len(alerts):,} {word}" for alerts, word in counts if alerts)
    return f"Nothing changed: {told}" if notice.reason is NoticeReason.REPEAT else told or "nothing fires"


def leading(notice: Notice) -> Alert | None:
    """The alert to name first: of what fires the worst, else the first that is over."""
    firing = (*notice.fired, *notice.standing)
    worst_first = sorted(firing, key=lambda alert: -weight(alert.severity))
    return next(iter((*worst_first, *notice.resolved)), None)


def worst(notice: Notice) -> Severity:
    """The heaviest severity of what fires; of what is over where nothing does."""
    alerts: Sequence[Alert] = (*notice.fired, *notice.standing) or notice.resolved
    return max((alert.severity for alert in alerts), key=weight, default=_BY_WEIGHT[0])


def weight(severity: Severity) -> int:
    """A number to compare severities by."""
    return _BY_WEIGHT.index(severity)


def at_least(notice: Notice, severity: Severity) -> Notice:
    """The part of a notice that one hears who wants no lighter alerts."""
    fired, standing, resolved = (
        tuple(alert for alert in alerts if weight(alert.severity) >= weight(severity))
        for alerts in (notice.fired, notice.standing, notice.resolved)
    )
    return replace(notice, fired=fired, standing=standing, resolved=resolved)


def firing(notice: Notice) -> bool:
    """Whether anything of it fires."""
    return bool(notice.fired or notice.standing)


def place(alert: Alert) -> str:
    """Which of a group's alerts it is: `drift: age, where country=DE, canary arm`."""
    parts = [f"{plain(alert.rule, 60)}: {plain(alert.column or alert.metric)}"]
    if alert.scope.slice != ALL:
        parts.append(f"where {plain(alert.scope.slice)}")
    if alert.scope.arm is not Arm.STABLE:
        parts.append(f"{alert.scope.arm.value} arm")
    return ", ".join(parts)


def labels_of(notice: Notice, alert: Alert) -> dict[str, str]:
    """The labels of an alert, as Alertmanager has them: no empty ones."""
    words = notice.about.get(alert.fingerprint)
    found = matching.labels_of(alert, words.labels if words is not None else None)
    return {plain(name): text for name, value in sorted(found.items()) if (text := plain(value, 400))}


def text_of(notice: Notice, alert: Alert) -> str:
    """What the rule has to say beside the measurement; often nothing."""
    words = notice.about.get(alert.fingerprint)
    return plain(words.text, 1000) if words is not None else ""


def advice(notice: Notice) -> list[str]:
    """What the rules have to say, each once: `drift: look at when it began`."""
    told = ((plain(alert.rule, 60), text_of(notice, alert)) for alert in notice.alerts)
    return list(dict.fromkeys(f"{rule}: {text}" for rule, text in told if text))[:MOST_ADVICE]


def runbook_of(notice: Notice, alert: Alert) -> str | None:
    """Where it says what to do, if it is an address that a person can safely open."""
    words = notice.about.get(alert.fingerprint)
    if words is None or words.runbook is None:
        return None
    address = plain(words.runbook, 500)
    return address if address.startswith(("https://", "http://")) and " " not in address else None


def runbooks(notice: Notice) -> list[str]:
    """The different runbooks of its alerts, in their order."""
    found = (runbook_of(notice, alert) for alert in notice.alerts)
    return list(dict.fromkeys(address for address in found if address is not None))


def group_key(notice: Notice) -> str:
    """What identifies a group: `{}:{model="churn", version="12"}`, as Alertmanager writes it.

    A notice about inferwatch itself has no group; its thread stands for one.
    """
    group = notice.group or {"thread": notice.thread}
    labels = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(group.items()))
    return f"{{}}:{{{labels}}}"


def silencing(notice: Notice, gateway_url: str) -> list[str]:
    """Lines for a shell that silence the group for a while. Quoted, so that no name in them can run."""
    body = {
        "matchers": [{"label": label, "value": value} for label, value in notice.group.items()],
        "duration": SILENCE,
        "comment": "known",
    }
    address = f"{gateway_url.rstrip('/')}/api/silences"
    asking = (
        f'curl {shlex.quote(address)} -H "authorization: Bearer $INFERWATCH_KEY" '
        f"-H 'content-type: application/json' -d {shlex.quote(json.dumps(body))}"
    )
    if not all(_SIMPLE.fullmatch(value) for value in notice.group.values()):
        return [asking]
    matchers = " ".join(shlex.quote(f'{label}="{value}"') for label, value in notice.group.items())
    return [f"inferwatch silence add {matchers} --for {SILENCE}", asking]


def moment(at: datetime) -> str:
    """A time to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _counted(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
