"""The whole process on a real journal and a real mail server: from the app's events to the mail."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from monitors.process.run import ProcessSettings, run_until
from monitors.settings import AlertSettings, EmailSettings, MonitorSettings, Security
from storage.accounts import accounting
from storage.database import Database, open_reader, open_writer
from storage.journal import Journal
from storage.outbox import Delivery, OutboxMessage, add_messages, message_counts
from storage.records import InferenceEvent
from storage.settings import DatabaseSettings, JournalSettings, RetentionSettings
from tests.helpers.mail import mail_server
from tests.helpers.ports import free_port
from tests.helpers.station import MANIFEST, NOON, a_reference, traffic


def a_repository(folder: Path) -> Path:
    """The model repository as `models add` and `reference set` leave it, less the weights."""
    place = folder / MANIFEST.name / MANIFEST.version
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(MANIFEST.model_dump_json())
    (place / "reference.bin").write_bytes(a_reference().to_bytes())
    return folder


@contextmanager
def running(settings: ProcessSettings) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=run_until, args=(stop, settings))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(30)


def wait_for(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def settings_of(tmp_path: Path, url: str, mail_port: int) -> ProcessSettings:
    email = EmailSettings(
        host="localhost",
        port=mail_port,
        security=Security.NONE,
        sender="watch@example.org",
        to=("ops@example.org",),
    )
    return ProcessSettings(
        database=DatabaseSettings(url=url),
        journal=JournalSettings(folder=tmp_path / "journal"),
        retention=RetentionSettings(),
        monitor=MonitorSettings(poll_s=0.05, metrics_port=free_port(), quiet_s=3600),
        alerts=AlertSettings(email=email, group_wait=timedelta(seconds=1)),
        repository=a_repository(tmp_path / "models"),
    )


def drifting() -> list[InferenceEvent]:
    """An hour as it should be, an hour in which `age` lies half a standard deviation higher."""
    calm = traffic(3_000, seed=3, span_s=3600)
    moved = traffic(3_000, seed=4, span_s=3600, start=NOON + timedelta(hours=1), shift=0.5)
    return calm + moved


def test_drift_in_the_journal_becomes_a_mail_that_names_the_column(database_url: str, tmp_path: Path) -> None:
    with mail_server() as mailbox:
        settings = settings_of(tmp_path, database_url, mailbox.port)
        with running(settings):
            journal = Journal(settings.journal.folder, settings=settings.journal)
            journal.append_many(drifting())
            journal.close()

            wait_for(lambda: bool(mailbox.bodies))
            metrics = urllib.request.urlopen(  # our own port on loopback
                f"http://127.0.0.1:{settings.monitor.metrics_port}/metrics"
            ).read()
        database = open_reader(settings.database)
        wait_for(lambda: _waiting(database) == 0)

    mail = mailbox.mails[0]
    assert "shop 1: drift in age" in mail["Subject"]
    assert "plan" not in mail["Subject"]
    assert b"inferwatch_events_counted_total 6000.0" in metrics
    database.close()


def test_a_database_that_is_away_from_the_start_becomes_a_mail(tmp_path: Path) -> None:
    with mail_server() as mailbox:
        url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
        settings = settings_of(tmp_path, url, mailbox.port)
        away_after = settings.alerts.model_copy(update={"database_away_after": timedelta(seconds=1)})
        with running(replace(settings, alerts=away_after)):
            wait_for(lambda: bool(mailbox.bodies))

    (mail,) = mailbox.mails
    assert mail["Subject"] == "[FIRING:1] inferwatch: the database is away"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "the database does not answer since" in body.get_content()


def test_messages_to_channels_that_are_gone_do_not_wait_for_ever(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"sqlite:///{tmp_path}/inferwatch.db", free_port())
    message = OutboxMessage(
        message_id="m", channel="email", recipient="ops@example.org", body=b"", made_at=NOON, next_at=NOON
    )
    database = open_writer(settings.database)
    with database.write() as connection:
        add_messages(connection, [message])

    with running(replace(settings, alerts=AlertSettings())):
        wait_for(lambda: _counts(database) == {Delivery.DEAD: 1})
    database.close()


def _counts(database: Database) -> dict[Delivery, int]:
    with database.read() as connection:
        return message_counts(connection)


def _waiting(database: Database) -> int:
    with database.read() as connection:
        return accounting(connection).waiting
