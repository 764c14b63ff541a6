"""What the page about the system itself shows, read in one moment."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata

from storage.accounts import Accounting, Lag, ProducerAccount, accounting, lags, producer_accounts
from storage.database import Database
from storage.facts import DatabaseFacts, HeldLease, all_leases, database_facts, expected_revision
from storage.labels import refused_labels, waiting_count
from storage.outbox import Delivery, OutboxMessage, dead_messages, late_messages, message_counts
from storage.quarantine import Quarantined, quarantined, quarantined_by_monitor
from storage.recounts import Recount, recounts
from storage.scorer import Scorer
from storage.scorers import find_scorer

LATE_AFTER = 4
"""Tries after which a message is late: about two minutes."""
BEHIND_AFTER = timedelta(minutes=1)
"""How old what waits for a monitor may be before it is said to be behind."""
SHOWN = 100
_PACKAGES = ("inferwatch", "streamlit", "sqlalchemy", "psycopg", "pysqlite3", "altair", "pandas")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemView:
    """Everything on the page."""

    now: datetime
    accounting: Accounting
    producers: tuple[ProducerAccount, ...]
    lags: tuple[Lag, ...]
    quarantined: tuple[Quarantined, ...]  # newest first
    set_aside: Mapping[str, int]  # by monitor
    messages: Mapping[Delivery, int]
    dead: tuple[OutboxMessage, ...]
    late: tuple[OutboxMessage, ...]
    labels_waiting: int
    labels_refused: Mapping[str, int]  # by reason
    scorer: Scorer | None  # None: none was ever loaded
    recounts: tuple[Recount, ...]  # under way
    leases: tuple[HeldLease, ...]
    database: DatabaseFacts
    expected_revision: str
    versions: Mapping[str, str]

    @property
    def behind(self) -> tuple[Lag, ...]:
        """Monitors for which something has waited for too long."""
        return tuple(
            lag for lag in self.lags if lag.since is not None and self.now - lag.since > BEHIND_AFTER
        )

    @property
    def at_work(self) -> bool:
        """Whether any monitor process is: who works holds leases. Without one nothing falls behind here."""
        return any(lease.held for lease in self.leases)

    @property
    def damaged(self) -> int:
        """Places in journals that could not be read, and files whose end was lost."""
        return sum(each.damaged + each.torn for each in self.producers)


def system(database: Database, now: datetime) -> SystemView:
    """Read it."""
    with database.read() as snapshot:
        return SystemView(
            now=now,
            accounting=accounting(snapshot),
            producers=tuple(producer_accounts(snapshot)),
            lags=tuple(lags(snapshot)),
            quarantined=tuple(quarantined(snapshot, limit=SHOWN)),
            set_aside=quarantined_by_monitor(snapshot),
            messages=message_counts(snapshot),
            dead=tuple(dead_messages(snapshot, limit=SHOWN)),
            late=tuple(late_messages(snapshot, tries=LATE_AFTER, limit=SHOWN)),
            labels_waiting=waiting_count(snapshot),
            labels_refused=refused_labels(snapshot),
            scorer=find_scorer(snapshot),
            recounts=tuple(each for each in recounts(snapshot) if each.seq),
            leases=tuple(all_leases(snapshot)),
            database=database_facts(snapshot),
            expected_revision=expected_revision(),
            versions=versions(),
        )


def versions() -> dict[str, str]:
    """What this page runs on. What is not installed is left out."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
