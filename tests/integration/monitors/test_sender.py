"""The outbox on its way to a real mail server that refuses, hangs up, or is not there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from monitors.alerts.channels import Channel, Message
from monitors.alerts.groups import Notice
from monitors.alerts.sender import Sender, outbox_message
from monitors.errors import ChannelError
from monitors.settings import AlertSettings, EmailSettings, Security
from storage import tables
from storage.errors import LeaseLostError
from storage.outbox import OutboxMessage, add_messages, due_messages, mark_sent
from tests.helpers.alerts import a_notice, an_alert
from tests.helpers.board import Board
from tests.helpers.mail import Mailbox, mail_server
from tests.helpers.station import Station, a_station


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as made:
        yield made


@pytest.fixture
def station(database_url: str, mailbox: Mailbox) -> Iterator[Station]:
    email = EmailSettings(
        host="localhost",
        port=mailbox.port,
        security=Security.NONE,
        sender="watch@example.org",
        to=("ops@example.org", "boss@example.org"),
        timeout_s=2,
    )
    with a_station(database_url, alerts=AlertSettings(email=email)) as made:
        yield made


def post(station: Station, column: str = "age") -> None:
    """Put a notice into the outbox, for all recipients."""
    now = station.clock()
    messages = [channel.render(a_notice(an_alert(column))) for channel in station.channels]
    with station.database.write() as connection:
        add_messages(
            connection,
            [
                OutboxMessage(
                    message_id=each.id,
                    channel=each.channel,
                    recipient=each.recipient,
                    body=each.body,
                    made_at=now,
                    next_at=now,
                )
                for each in messages
            ],
        )


def states(station: Station) -> dict[str, tuple[str, int]]:
    """State and attempts by recipient."""
    return {row.recipient: (row.state, row.attempts) for row in station.rows(tables.outbox)}


def test_every_recipient_gets_a_mail_of_their_own_once(station: Station, mailbox: Mailbox) -> None:
    post(station)

    tried = station.send(), station.send()

    assert tried == (2, 0)
    assert sorted(mailbox.recipients) == [["boss@example.org"], ["ops@example.org"]]
    assert set(states(station).values()) == {("sent", 1)}


@pytest.mark.parametrize("answer", ["451 later", "421 closing", "drop"])
def test_what_fails_for_now_is_sent_later_with_the_same_id(
    station: Station, mailbox: Mailbox, answer: str
) -> None:
    post(station)
    mailbox.answers += [answer, answer]
    station.send()
    too_soon = station.send()
    failed = set(states(station).values())

    station.clock.move(seconds=15)
    station.send()

    assert (too_soon, failed) == (0, {("waiting", 1)})
    assert set(states(station).values()) == {("sent", 2)}
    assert len(mailbox.bodies) == 2
    assert {mail["Message-ID"] for mail in mailbox.mails} == {
        row.message_id for row in station.rows(tables.outbox)
    }


def test_a_recipient_who_is_refused_is_dead_and_another_hears_of_the_alert_and_of_that(
    station: Station, mailbox: Mailbox
) -> None:
    mailbox.refused["ops@example.org"] = "550 no such user"
    post(station)

    while station.send():
        pass
    station.clock.move(hours=2)
    again = station.send()

    assert again == 0
    (dead,) = [row for row in station.rows(tables.outbox) if row.state == "dead"]
    assert (dead.recipient, dead.attempts) == ("ops@example.org", 1)
    assert "550" in dead.last_error
    assert mailbox.recipients == [["boss@example.org"]] * 2
    assert [mail["Subject"] for mail in mailbox.mails] == [
        "[FIRING:1] churn 12: drift in age",
        "[FIRING:1] inferwatch: messages to ops@example.org do not arrive",
    ]


def test_that_somebody_cannot_be_reached_is_told_once(station: Station, mailbox: Mailbox) -> None:
    mailbox.refused["ops@example.org"] = "550 no such user"
    for column in ("age", "plan", "loan"):
        post(station, column)

    while station.send():
        pass

    told = [mail["Subject"] for mail in mailbox.mails if "do not arrive" in mail["Subject"]]
    assert len(told) == 1
    assert states(station)["ops@example.org"] == ("dead", 1)


def test_after_three_days_a_message_is_given_up(station: Station, mailbox: Mailbox) -> None:
    mailbox.refused |= {"ops@example.org": "450 busy", "boss@example.org": "450 busy"}
    post(station)
    posted = {row.message_id for row in station.rows(tables.outbox)}
    started = station.clock()

    def waits() -> bool:
        rows = station.rows(tables.outbox)
        return any(row.state == "waiting" for row in rows if row.message_id in posted)

    while waits():
        while station.send():
            pass
        station.clock.move(hours=6)

    assert timedelta(hours=72) <= station.clock() - started <= timedelta(hours=84)


def test_a_sender_that_lost_its_lease_sends_nothing(station: Station, mailbox: Mailbox) -> None:
    post(station)
    stale = station.lease("send")
    station.stages.leases.acquire("send")

    with pytest.raises(LeaseLostError):
        station.stages.sender.send(stale)

    assert mailbox.bodies == []


def test_what_was_sent_is_sent_once_although_the_lease_went_while_it_was(
    station: Station, mailbox: Mailbox
) -> None:
    lease = station.lease("send")

    class Slow(Board):
        def send(self, message: Message) -> None:
            super().send(message)
            station.stages.leases.acquire("send")  # another worker takes over meanwhile

    board = Slow()
    sender = a_sender(station, board)
    put(station, board)

    sender.send(lease)

    assert board.taken == ["[FIRING:1] churn 12: drift in age"]
    assert states(station) == {"all": ("sent", 1)}


def test_what_another_worker_sent_meanwhile_stays_sent(station: Station) -> None:
    class Late(Board):
        def send(self, message: Message) -> None:
            (waiting,) = due(station)
            with station.database.write() as connection:
                mark_sent(connection, waiting)
            raise ChannelError("no answer", permanent=True)

    board = Late()
    put(station, board)

    a_sender(station, board).send(station.lease("send"))

    assert states(station) == {"all": ("sent", 1)}


def test_that_somebody_cannot_be_reached_is_told_to_whom_something_did_not_reach_before(
    station: Station,
) -> None:
    away, back = Board(recipient="away"), Board(recipient="back")
    sender, lease = a_sender(station, away, back), station.lease("send")
    back.failure = ChannelError("full", permanent=True)
    put(station, back)
    sender.send(lease)
    back.failure, away.failure = None, ChannelError("gone", permanent=True)
    put(station, away)

    while sender.send(lease):
        station.clock.move(seconds=1)

    assert back.taken == ["[FIRING:1] inferwatch: messages to away do not arrive"]


def test_a_channel_that_cannot_say_that_another_is_away_does_not_keep_it_alive(station: Station) -> None:
    class Unable(Board):
        def render(self, notice: Notice) -> Message:
            raise ZeroDivisionError

    away = Board(recipient="away", failure=ChannelError("gone", permanent=True))
    put(station, away)

    a_sender(station, away, Unable(name="unable")).send(station.lease("send"))

    assert states(station) == {"away": ("dead", 1)}


def test_a_clock_that_went_back_keeps_no_message_waiting(station: Station) -> None:
    board = Board(pause_s=1)
    sender, lease = a_sender(station, board), station.lease("send")
    put(station, board, "age")
    sender.send(lease)
    put(station, board, "plan")
    station.clock.move(hours=-1)

    sender.send(lease)

    assert len(board.taken) == 2


def test_what_failed_is_not_tried_all_the_time_when_the_clock_went_back(station: Station) -> None:
    board = Board(failure=ChannelError("busy"))
    sender, lease = a_sender(station, board), station.lease("send")
    put(station, board)
    station.clock.move(hours=-1)

    assert (sender.send(lease), sender.send(lease)) == (1, 0)


def a_sender(station: Station, *channels: Channel) -> Sender:
    return Sender(
        station.database,
        counting=station.counting,
        channels=channels,
        clock=station.clock,
        chance=lambda: 1.0,
    )


def put(station: Station, channel: Channel, column: str = "age") -> None:
    """One message of a channel into the outbox."""
    with station.database.write() as connection:
        add_messages(connection, [outbox_message(channel, a_notice(an_alert(column)), station.clock())])


def due(station: Station) -> list[OutboxMessage]:
    with station.database.read() as connection:
        return due_messages(connection, station.clock(), limit=10)
