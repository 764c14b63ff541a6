"""The ways a notice can take to a person: what each must offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from monitors.alerts.groups import Notice
from monitors.alerts.telling import weight
from monitors.errors import ChannelError
from storage.records import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A rendered notice, as it lies in the outbox. Its id goes out with it, so a repetition can be told.

    The body holds no secrets: a channel adds those that the other side wants when it sends.
    """

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
        """Whom it reaches, such as `ops@example.org`. Not a secret."""
        ...

    @property
    def min_severity(self) -> Severity:
        """Lighter alerts are not for it: `render` leaves them out."""
        ...

    @property
    def per_hour(self) -> int | None:
        """Messages an hour, at most; what is more comes as one digest. None: as many as there are."""
        ...

    @property
    def pause_s(self) -> float:
        """Seconds that the other side wants between two messages."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether messages about one group must arrive in the order in which they were made."""
        ...

    def render(self, notice: Notice) -> Message:
        """What will be sent, to the last byte. Pure."""
        ...

    def send(self, message: Message) -> None:
        """Return when the other side has taken it over. Raises `ChannelError` otherwise."""
        ...


def failure(channel: Channel, message: Message) -> ChannelError | None:
    """Send a message. Returns what kept it from being taken; None: the other side has it."""
    try:
        channel.send(message)
    except ChannelError as exc:
        return exc
    except Exception as exc:  # noqa: BLE001  # a plug-in may raise anything: the caller logs it and tries again
        return ChannelError(f"{channel.name} failed: {type(exc).__name__}")
    return None


def wants(channel: Channel, notice: Notice) -> bool:
    """Whether a notice has news that is heavy enough for a channel; in a repeat, whether something still is.

    What is over counts too, so that whoever heard of an alert hears of its end.
    """
    news = (*notice.fired, *notice.resolved) or notice.standing
    least = weight(channel.min_severity)
    return bool(notice.held) or any(weight(alert.severity) >= least for alert in news)
