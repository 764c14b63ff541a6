"""A mail server that fails in every way it can, at random: each alert ends sent, or dead with a banner.

Run it with another seed by `INFERWATCH_SEED`; the seed is in the name of the test.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard.views.overview import overview
from monitors.alerts.sender import GIVE_UP
from monitors.settings import AlertSettings, EmailSettings
from storage import tables
from storage.outbox import OutboxMessage, add_messages, next_message_at
from tests.helpers.alerts import a_notice, an_alert
from tests.helpers.mail import Certificate, mail_server, make_certificate
from tests.helpers.station import Station, a_station

FAULTS = (
    "451 later", "421 closing", "drop", "drop in DATA", "drop in TLS", "take and drop", "550 no",
    "250 OK", "250 OK",
)  # fmt: skip
ALERTS = 30


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def settings(port: int, certificate: Certificate, timeout_s: float = 3.0) -> AlertSettings:
    return AlertSettings(
        email=EmailSettings(
            host="localhost", port=port, ca_file=str(certificate.certificate), sender="watch@example.org",
            to=("ops@example.org",), timeout_s=timeout_s,
        )
    )  # fmt: skip


def post(station: Station, alerts: int) -> set[str]:
    (channel,) = station.channels
    now = station.clock()
    messages = [channel.render(a_notice(an_alert(f"column {n}"))) for n in range(alerts)]
    with station.database.write() as connection:
        add_messages(
            connection,
            [
                OutboxMessage(
                    message_id=each.id, channel=each.channel, recipient=each.recipient, body=each.body,
                    made_at=now, next_at=now,
                )
                for each in messages
            ],
        )  # fmt: skip
    return {each.id for each in messages}


def send_until_all_is_over(station: Station) -> dict[str, str]:
    """The state of every message, when none waits any more."""
    started = station.clock()
    while any(row.state == "waiting" for row in station.rows(tables.outbox)):
        while station.send():
            pass
        with station.database.read() as connection:
            station.clock.at = next_message_at(connection) or station.clock.at
        assert station.clock() - started < GIVE_UP + timedelta(hours=2)
    return {row.message_id: row.state for row in station.rows(tables.outbox)}


@pytest.mark.parametrize("seed", [int(os.environ.get("INFERWATCH_SEED", "7"))])
def test_every_alert_ends_sent_or_dead_with_a_banner(
    tmp_path: Path, certificate: Certificate, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # faults for a test
    with mail_server(certificate=certificate) as mailbox:
        mailbox.answers += [chance.choice(FAULTS) for _ in range(4 * ALERTS)]
        script = Counter(mailbox.answers)
        with a_station(
            f"sqlite:///{tmp_path}/mail.db", alerts=settings(mailbox.port, certificate)
        ) as station:
            posted = post(station, ALERTS)

            states = send_until_all_is_over(station)

            shown = overview(station.database, station.clock()).dead_messages
    script -= Counter(mailbox.answers)
    taken = Counter(mail["Message-ID"] for mail in mailbox.mails)
    sent = {id_ for id_, state in states.items() if state == "sent"}
    dead = states.keys() - sent
    assert posted <= sent | dead
    assert sent <= taken.keys() <= posted, "what is called sent was taken, and under the id that it was given"
    assert 0 < len(dead) == script["550 no"]
    assert {message.message_id for message in shown} == dead
    assert sum(taken.values()) == len(sent) + script["take and drop"], "doubles share the id of the first"
    assert all(mailbox.encrypted)
    assert all(script[fault] for fault in FAULTS), "each fault happened"


def test_a_server_that_stalls_is_left_and_the_mail_sent_later(
    tmp_path: Path, certificate: Certificate
) -> None:
    with mail_server(certificate=certificate) as mailbox:
        mailbox.answers += ["stall", "take and drop"]
        alerts = settings(mailbox.port, certificate, timeout_s=0.5)
        with a_station(f"sqlite:///{tmp_path}/mail.db", alerts=alerts) as station:
            (posted,) = post(station, 1)

            states = send_until_all_is_over(station)

            (row,) = station.rows(tables.outbox)
    assert states == {posted: "sent"}
    assert row.attempts == 3
    assert [mail["Message-ID"] for mail in mailbox.mails] == [posted, posted]


def test_a_server_that_never_comes_back_leaves_a_banner(tmp_path: Path, certificate: Certificate) -> None:
    with mail_server(certificate=certificate) as mailbox:
        port = mailbox.port
    with a_station(f"sqlite:///{tmp_path}/mail.db", alerts=settings(port, certificate)) as station:
        post(station, 1)

        states = send_until_all_is_over(station)

        shown = overview(station.database, station.clock()).dead_messages
    assert set(states.values()) == {"dead"}
    assert len(shown) == 1
    assert all(message.last_error and "not reached" in message.last_error for message in shown)
