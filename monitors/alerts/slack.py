"""Alerts into a Slack channel, by an incoming webhook. Such a webhook knows no threads.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from monitors.alerts import telling
from monitors.alerts.channels import Channel, Message
from monitors.alerts.groups import Notice
from monitors.alerts.posting import Poster, Resolver, addresses_of
from monitors.alerts.words import plain
from monitors.settings import AlertSettings, SlackSettings
from storage.clock import Clock, utc_now
from storage.records import Alert, Severity

BLOCKS, HEADER, SECTION, TEXT = 50, 150, 3000, 4000
"""What Slack takes: blocks in a message, characters in a header, in a section and beside the blocks."""
_SHOWN = 11  # alerts of each kind
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

Block = dict[str, object]


def slack_channels(settings: AlertSettings) -> list[Channel]:
    """The one of the settings."""
    if settings.slack is None:
        return []
    return [SlackChannel(settings=settings.slack, dashboard_url=settings.dashboard_url)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackChannel:
    """Posts to one Slack channel, at most once a second, as Slack asks."""

    settings: SlackSettings
    dashboard_url: str | None = None
    clock: Clock = utc_now
    resolve: Resolver = addresses_of
    name: str = "slack"
    per_hour: int | None = None
    pause_s: float = 1.0
    ordered: bool = False

    @property
    def recipient(self) -> str:
        return self.settings.name

    @property
    def min_severity(self) -> Severity:
        return self.settings.min_severity

    def render(self, notice: Notice) -> Message:
        """Text for notifications and screen readers, blocks for the rest. Names are plain text in both."""
        notice = telling.at_least(notice, self.settings.min_severity)
        body = {
            "text": _escaped(f"{telling.subject(notice)}\n{telling.headline(notice)}", TEXT),
            "mrkdwn": False,
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "blocks": [*self._blocks(notice)][:BLOCKS],
        }
        text = json.dumps(body, ensure_ascii=False)
        return Message(id=notice.id, channel=self.name, recipient=self.recipient, body=text.encode())

    def send(self, message: Message) -> None:
        """Post it."""
        poster = Poster(settings=self.settings, where="alerts.slack", resolve=self.resolve, clock=self.clock)
        poster.post(message.body, {})

    def _blocks(self, notice: Notice) -> Iterator[Block]:
        yield {"type": "header", "text": _plain_text(telling.subject(notice), HEADER)}
        yield _section(telling.headline(notice))
        if notice.replay:
            yield _section(telling.REPLAY)
        yield from map(_section, telling.advice(notice))
        links = [(address, "Runbook") for address in telling.runbooks(notice)[:3]]
        if self.dashboard_url is not None:
            links.insert(0, (telling.page_of(notice, self.dashboard_url), "Open the dashboard"))
        if links:
            words = "  ".join(f"<{_target(address)}|{name}>" for address, name in links)
            yield {"type": "section", "text": {"type": "mrkdwn", "text": words, "verbatim": True}}
        for title, alerts in (
            ("New", notice.fired), ("Still firing", notice.standing), ("Over", notice.resolved)
        ):  # fmt: skip
            yield from _listed(title, alerts)
        if notice.held:
            yield _section("Held back:\n" + "\n".join(plain(subject, 150) for subject in notice.held[:15]))


def _listed(title: str, alerts: tuple[Alert, ...]) -> Iterator[Block]:
    if not alerts:
        return
    yield {"type": "divider"}
    for alert in alerts[:_SHOWN]:
        since = f"since {telling.moment(alert.starts_at)}"
        if alert.ends_at is not None:
            since = f"from {telling.moment(alert.starts_at)} to {telling.moment(alert.ends_at)}"
        how = f"{title}: {telling.place(alert)} ({alert.severity.value})"
        yield _section(f"{how}\n{plain(alert.summary, 400)}\n{since}")
    if len(alerts) > _SHOWN:
        yield _section(f"{title}: and {len(alerts) - _SHOWN:,} more")


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain_text(text, SECTION)}


def _plain_text(text: str, limit: int) -> Block:
    """Text in which Slack sees no mark-up, no mention and no emoji."""
    return {"type": "plain_text", "text": _escaped(text, limit), "emoji": False}


def _escaped(text: str, limit: int) -> str:
    """With `& < >` written as Slack wants, and no longer than it takes; nothing is cut within an escape."""
    kept: list[str] = []
    length = 0
    for character in text:
        written = character.translate(_ESCAPED)
        length += len(written)
        if length >= limit:
            return "".join([*kept, "…"])
        kept.append(written)
    return "".join(kept)


def _target(address: str) -> str:
    """An address within `<…|…>`, where three more characters have a meaning."""
    return address.translate(_ESCAPED).replace("|", "%7C")
