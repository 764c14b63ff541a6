"""Keeps the database small: aged panes add up into longer ones, and what is past its time is deleted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

from monitors.process.tenure import Tenure
from storage.clock import Clock
from storage.counting import Counting
from storage.database import Database
from storage.leases import Lease
from storage.retention import delete_old
from storage.rollups import DAY_S, HOUR_S, RollUp, roll_up
from storage.segments import SegmentLog
from storage.settings import RetentionSettings

log = logging.getLogger(__name__)

EVERY_S = 600.0


class Housekeeping:
    """Works when nothing else waits: a window that is still to be judged needs its panes as they are."""

    def __init__(  # noqa: PLR0913  # each is one fact, given by the composition root
        self,
        database: Database,
        log_: SegmentLog,
        counting: Counting,
        *,
        settings: RetentionSettings,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._log = log_
        self._counting = counting
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._next = 0.0

    def step(self, tenure: Tenure) -> None:
        """Roll up and delete, if it is time for it."""
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_S
        self._roll_up(tenure)
        deleted = delete_old(self._database, self._settings, self._clock())
        if any(asdict(deleted).values()):
            log.info("old rows deleted", extra=asdict(deleted))

    def _roll_up(self, tenure: Tenure) -> None:
        steps = (
            RollUp(to_s=HOUR_S, kept=timedelta(days=self._settings.panes_days)),
            RollUp(to_s=DAY_S, kept=timedelta(days=self._settings.hours_days)),
        )
        for partition in self._log.partitions:
            lease = tenure.lease(f"partition-{partition}")
            while lease is not None and any(self._rolled_up(partition, lease, step) for step in steps):
                lease = tenure.lease(f"partition-{partition}")

    def _rolled_up(self, partition: int, lease: Lease, step: RollUp) -> int:
        with self._counting.transaction(lease) as write:
            return roll_up(write.connection, partition, step)


def judged_for_good(length: timedelta, age: timedelta, settings: RetentionSettings) -> bool:
    """Whether a window's panes may have become longer than itself, so that it cannot be judged again."""
    in_hours = age > timedelta(days=settings.panes_days) and length % timedelta(seconds=HOUR_S)
    in_days = age > timedelta(days=settings.hours_days) and length % timedelta(seconds=DAY_S)
    return bool(in_hours or in_days)
