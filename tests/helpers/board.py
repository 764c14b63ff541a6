"""A channel that reaches nobody: it writes down what it takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitors.alerts.channels import Message
from monitors.alerts.groups import Notice
from monitors.errors import ChannelError
from storage.records import Severity


@dataclass
class Board:
    """Takes every message, or fails as a test says."""

    name: str = "board"
    recipient: str = "all"
    min_severity: Severity = Severity.WARNING
    per_hour: int | None = None
    pause_s: float = 0.0
    ordered: bool = False
    failure: ChannelError | None = None
    taken: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def render(self, notice: Notice) -> Message:
        return Message(
            id=notice.id, channel=self.name, recipient=self.recipient, body=notice.subject.encode()
        )

    def send(self, message: Message) -> None:
        if self.failure is not None:
            raise self.failure
        self.taken.append(message.body.decode())
        self.ids.append(message.id)
