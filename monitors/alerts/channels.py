"""The ways a notice can take to a person: what each must offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from monitors.alerts.groups import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A rendered notice, as it lies in the outbox. Its id goes out with it, so a repetition can be told."""

    id: str
    channel: str
    recipient: str
    body: bytes


class Channel(Protocol):
    """A way to one recipient. Grouping, repetition and records are outside, once, for all channels."""

    @property
    def name(self) -> str:
        """Its kind, such as `email`."""
        ...

    @property
    def recipient(self) -> str:
        """Whom it reaches, such as `ops@example.org`."""
        ...

    @property
    def per_hour(self) -> int | None:
        """Messages that it may bring its recipient in an hour; None: any number."""
        ...

    def render(self, notice: Notice) -> Message:
        """What will be sent, to the last byte. Pure."""
        ...

    def send(self, message: Message) -> None:
        """Return when the other side has taken it over. Raises `ChannelError` otherwise."""
        ...
