"""The stages of the monitor process, built from what they need: ship, count, judge, send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inference.repository import Repository
from monitors.actions import Actions
from monitors.alerts import build_channels
from monitors.alerts.sender import Sender
from monitors.joiner import Joiner
from monitors.observing import Observer
from monitors.predictions import Predictions
from monitors.recount import Recounter
from monitors.rulebook import DEFAULT_RULES
from monitors.runner import Runner
from monitors.settings import AlertSettings, MonitorSettings
from monitors.slices import Slices
from monitors.watched import Watchlist
from monitors.windows import Judge
from storage.clock import Clock
from storage.counting import Counting
from storage.database import Database
from storage.leases import Leases
from storage.segments import SegmentLog
from storage.settings import RetentionSettings
from storage.shipper import Shipper


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Everything that the loops of the process call."""

    database: Database
    log: SegmentLog
    leases: Leases
    shipper: Shipper | None  # None: no journal on this host
    watchlist: Watchlist
    runner: Runner
    recounter: Recounter
    joiner: Joiner
    actions: Actions
    judge: Judge
    sender: Sender


def build_stages(  # noqa: PLR0913  # the whole of what the process is given
    database: Database,
    *,
    log: SegmentLog,
    counting: Counting,
    journal: Path | None,
    repository: Repository | None,
    settings: MonitorSettings,
    alerts: AlertSettings,
    retention: RetentionSettings,
    owner: str,
    clock: Clock,
    chance: Callable[[], float],
) -> Stages:
    """Wire the stages up. Opens and starts nothing."""
    watchlist = Watchlist(database, settings, clock=clock, repository=repository)
    observer = Observer(Slices(database, most=settings.slice_values), clock=clock)
    joiner = Joiner(
        counting=counting,
        predictions=Predictions(),
        watchlist=watchlist,
        most_waiting=settings.labels_waiting,
        clock=clock,
    )
    actions = Actions(counting)
    recounter = Recounter(
        database, log=log, counting=counting, watchlist=watchlist, observer=observer, settings=settings
    )
    channels = build_channels(alerts)
    return Stages(
        database=database,
        log=log,
        leases=Leases(database, owner=owner, ttl_s=settings.lease_s),
        shipper=None if journal is None else Shipper(journal, log, database, clock=clock),
        watchlist=watchlist,
        runner=Runner(
            log=log,
            counting=counting,
            watchlist=watchlist,
            observer=observer,
            joiner=joiner,
            actions=actions,
            recounter=recounter,
            settings=settings,
            clock=clock,
        ),
        recounter=recounter,
        joiner=joiner,
        actions=actions,
        judge=Judge(
            database,
            counting=counting,
            watchlist=watchlist,
            rules=DEFAULT_RULES,
            channels=channels,
            quiet_s=settings.quiet_s,
            retention=retention,
            clock=clock,
        ),
        sender=Sender(database, counting=counting, channels=channels, clock=clock, chance=chance),
    )
