"""From journal files to the log: each once, and no file goes before its COMMIT."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from storage.accounts import accounting, producer_accounts
from storage.database import Database
from storage.errors import DatabaseUnavailableError
from storage.journal import Journal
from storage.journal_folder import producer_folders
from storage.records import EventId, InferenceEvent
from storage.segments import SegmentLog
from storage.settings import JournalSettings
from storage.shipper import Shipper
from tests.helpers.events import a_label, an_event

SETTINGS = JournalSettings(sync_s=0.005, segment_s=0.02, segment_bytes=4096)
APPENDER = Path(__file__).parents[2] / "helpers" / "appender.py"


class AwayDatabase:
    """A database that fails around COMMIT: before it, or after it when nobody hears of its success."""

    def __init__(self, database: Database, *, committed: bool) -> None:
        self._database = database
        self._committed = committed
        self.read: Callable[[], AbstractContextManager[Connection]] = database.read

    def write(self) -> AbstractContextManager[Connection]:
        return _Away(self._database, committed=self._committed)


class _Away(AbstractContextManager[Connection]):
    def __init__(self, database: Database, *, committed: bool) -> None:
        self._inner = database.write()
        self._committed = committed

    def __enter__(self) -> Connection:
        return self._inner.__enter__()

    def __exit__(self, *exc: object) -> None:
        lost = DatabaseUnavailableError("the connection was lost")
        if self._committed:
            self._inner.__exit__(None, None, None)
        else:
            self._inner.__exit__(type(lost), lost, None)
        raise lost


def stored(log: SegmentLog) -> dict[EventId, InferenceEvent]:
    return {
        event_id: record
        for partition in log.partitions
        for segment in log.after(partition, 0, 1000)
        for event_id, record in segment.records()
        if isinstance(record, InferenceEvent)
    }


def written(folder: Path, events: int) -> dict[EventId, InferenceEvent]:
    """Append events, as a gateway that then stops."""
    journal = Journal(folder, settings=SETTINGS)
    ids = {journal.append(an_event(number)): an_event(number) for number in range(events)}
    for _ in ids:
        journal.count_answered()
    journal.close()
    return ids


def test_what_was_journalled_is_stored_and_only_the_newest_file_stays(
    database: Database, log: SegmentLog, tmp_path: Path
) -> None:
    ids = written(tmp_path / "journal", 40)
    shipper = Shipper(tmp_path / "journal", log, database)

    new = shipper.ship()

    (folder,) = producer_folders(tmp_path / "journal")
    assert stored(log) == ids
    assert new == max(each.segment for each in ids)
    assert [file.state for file in folder.files()] == [".done"]
    assert shipper.ship() == 0
    assert shipper.stats.waiting_bytes == 0


def test_shipping_goes_on_where_a_gateway_writes(database: Database, log: SegmentLog, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", settings=SETTINGS)
    shipper = Shipper(tmp_path / "journal", log, database)
    ids = {}
    for number in range(60):
        ids[journal.append(an_event(number))] = an_event(number)
        if number % 10 == 0:
            shipper.ship()
    journal.close()

    shipper.ship()

    assert stored(log) == ids


@pytest.mark.parametrize("committed", [False, True])
def test_a_commit_of_unknown_outcome_is_shipped_again_and_stored_once(
    database: Database, log: SegmentLog, tmp_path: Path, committed: bool
) -> None:
    ids = written(tmp_path / "journal", 20)
    away: Database = AwayDatabase(database, committed=committed)  # type: ignore[assignment]  # a double
    with pytest.raises(DatabaseUnavailableError):
        Shipper(tmp_path / "journal", SegmentLog(away), away).ship()

    shipper = Shipper(tmp_path / "journal", log, database)
    new = shipper.ship()

    assert stored(log) == ids
    assert (new == 0) is committed
    assert (shipper.stats.repeated > 0) is committed


def test_what_a_killed_gateway_left_open_is_shipped(
    database: Database, log: SegmentLog, tmp_path: Path
) -> None:
    appender = subprocess.Popen(
        [sys.executable, APPENDER, tmp_path / "journal"], stdout=subprocess.PIPE, text=True
    )
    assert appender.stdout is not None
    acknowledged = {appender.stdout.readline().strip() for _ in range(200)}
    shipper = Shipper(tmp_path / "journal", log, database)
    shipper.ship()
    appender.kill()
    acknowledged |= set(appender.stdout.read().splitlines()[:-1])
    appender.stdout.close()
    appender.wait()

    shipper.ship()

    assert acknowledged <= {str(event_id) for event_id in stored(log)}
    with database.read() as connection:
        account = accounting(connection)
    assert account.answered == account.journalled == account.stored == len(stored(log))


def test_the_counters_of_a_gateway_reach_sql_though_it_only_drops(
    database: Database, log: SegmentLog, tmp_path: Path
) -> None:
    settings = JournalSettings(budget_bytes=64 * 1024, sync_s=0.005, segment_s=60)
    journal = Journal(tmp_path / "journal", settings=settings)
    shipper = Shipper(tmp_path / "journal", log, database)
    for number in range(400):
        journal.append(an_event(number))
        journal.count_answered()

    shipper.ship()

    with database.read() as connection:
        (account,) = producer_accounts(connection)
        total = accounting(connection)
    assert (account.answered, account.dropped) == (400, journal.tally.dropped)
    assert account.dropped > 0
    assert total.accounted == 400
    journal.close()


def test_labels_are_counted_apart(database: Database, log: SegmentLog, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", settings=SETTINGS)
    journal.append_many([a_label("x"), a_label("y")])
    journal.append(an_event())
    journal.count_answered()
    journal.close()

    Shipper(tmp_path / "journal", log, database).ship()

    with database.read() as connection:
        (account,) = producer_accounts(connection)
        total = accounting(connection)
    assert (account.labels, account.journalled) == (2, 1)
    assert (total.stored, total.waiting, total.accounted_share) == (1, 1, 1.0)
