"""Whose turn it is: no recipient holds up another, and each is left alone for as long as it asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitors.alerts.channels import Message
from monitors.alerts.groups import Notice
from monitors.alerts.sender import Sender
from monitors.errors import ChannelError
from storage.outbox import OutboxMessage, add_messages
from storage.records import Severity
from storage.tables import outbox
from tests.helpers.station import Station, a_station


@dataclass
class ScriptedChannel:
    """Takes what it is sent, but first raises what it was told to raise."""

    name: str
    recipient: str = "one"
    pause_s: float = 0.0
    ordered: bool = False
    min_severity: Severity = Severity.WARNING
    per_hour: int | None = None
    raises: list[Exception] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def render(self, notice: Notice) -> Message:
        return Message(
            id=notice.id, channel=self.name, recipient=self.recipient, body=notice.subject.encode()
        )

    def send(self, message: Message) -> None:
        if self.raises:
            raise self.raises.pop(0)
        self.taken.append(message.body.decode())


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with a_station(f"sqlite:///{tmp_path}/turns.db") as made:
        yield made


def sender(station: Station, *channels: ScriptedChannel) -> Sender:
    return Sender(
        station.database,
        counting=station.counting,
        channels=channels,
        clock=station.clock,
        chance=lambda: 0.0,
    )


def post(station: Station, channel: ScriptedChannel, *names: str, group: str = "") -> None:
    """Put messages into the outbox, one made a second after the other."""
    for name in names:
        now = station.clock()
        message = OutboxMessage(
            message_id=name, channel=channel.name, recipient=channel.recipient, body=name.encode(),
            made_at=now, next_at=now, group=group,
        )  # fmt: skip
        with station.database.write() as connection:
            add_messages(connection, [message])
        station.clock.move(seconds=1)


def send(station: Station, sender: Sender) -> int:
    return sender.send(station.lease("send"))


def test_a_hundred_messages_to_one_who_is_away_hold_up_nobody_else(station: Station) -> None:
    away, near = ScriptedChannel("away", raises=[ChannelError("no answer")] * 9), ScriptedChannel("near")
    post(station, away, *(f"a{number}" for number in range(100)))
    post(station, near, "n")

    tried = send(station, sender(station, away, near))

    assert tried == 2
    assert near.taken == ["n"]


def test_a_channel_that_wants_a_second_between_messages_gets_it(station: Station) -> None:
    slack = ScriptedChannel("slack", pause_s=1.0)
    post(station, slack, "a", "b")
    sends = sender(station, slack)

    tried = [send(station, sends), send(station, sends)]
    station.clock.move(seconds=1)
    tried.append(send(station, sends))

    assert tried == [1, 0, 1]
    assert slack.taken == ["a", "b"]


def test_a_channel_that_says_when_to_come_again_is_left_alone_until_then(station: Station) -> None:
    channel = ScriptedChannel("slack", raises=[ChannelError("429", retry_after_s=1800)])
    post(station, channel, "a")
    sends = sender(station, channel)
    send(station, sends)

    station.clock.move(minutes=29)
    early = send(station, sends)
    station.clock.move(minutes=2)
    late = send(station, sends)

    assert (early, late, channel.taken) == (0, 1, ["a"])


def test_an_end_never_overtakes_its_beginning_where_order_matters(station: Station) -> None:
    channel = ScriptedChannel("pagerduty", ordered=True, raises=[ChannelError("away")] * 3)
    post(station, channel, "trigger", group="churn")
    sends = sender(station, channel)
    send(station, sends)
    post(station, channel, "resolve", group="churn")

    for _ in range(10):
        send(station, sends)
        station.clock.move(hours=1)

    assert channel.taken == ["trigger", "resolve"]


def test_an_order_that_fails_is_not_tried_without_a_pause(station: Station) -> None:
    channel = ScriptedChannel("pagerduty", ordered=True, raises=[ChannelError("away")] * 99)
    post(station, channel, "trigger", "resolve", group="churn")
    sends = sender(station, channel)

    tried = [send(station, sends) for _ in range(5)]

    assert sum(tried) <= 2


def test_a_channel_that_breaks_is_tried_again_and_breaks_no_other(station: Station) -> None:
    broken, well = ScriptedChannel("a", raises=[ValueError("secret")]), ScriptedChannel("b")
    post(station, broken, "x")
    post(station, well, "y")

    send(station, sender(station, broken, well))

    assert well.taken == ["y"]
    (row,) = [each for each in station.rows(outbox) if each.channel == "a"]
    assert (row.state, row.last_error) == ("waiting", "a failed: ValueError")


def test_another_way_hears_first_of_one_who_cannot_be_reached(station: Station) -> None:
    gone = ScriptedChannel("email", "gone", raises=[ChannelError("550", permanent=True)])
    same, other = ScriptedChannel("email", "same"), ScriptedChannel("slack", "ops")
    post(station, gone, "m")
    sends = sender(station, gone, same, other)

    while send(station, sends):
        pass

    assert same.taken == []
    assert other.taken == ["[FIRING:1] inferwatch: messages to gone do not arrive"]


def test_two_who_cannot_be_reached_do_not_write_to_each_other_for_ever(station: Station) -> None:
    refused = ChannelError("550", permanent=True)
    one = ScriptedChannel("email", "one", raises=[refused] * 99)
    two = ScriptedChannel("email", "two", raises=[refused] * 99)
    post(station, one, "m")
    sends = sender(station, one, two)

    rounds = 0
    while send(station, sends):
        rounds += 1
        station.clock.move(minutes=1)

    assert rounds == 3  # the message, word of it to the other, and word of that
    assert {row.state for row in station.rows(outbox)} == {"dead"}
