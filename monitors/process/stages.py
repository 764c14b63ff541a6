"""The stages of the monitor process, built from what they need: ship, count, judge, notify, send."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from inference.repository import Repository
from monitors.alerts import build_channels
from monitors.alerts.notifier import Notifier
from monitors.alerts.policy import policy_of
from monitors.alerts.sender import Sender
from monitors.process.actions import ACTIONS, Actions
from monitors.process.choosing import Chooser
from monitors.process.joiner import Joiner
from monitors.process.observing import Observer
from monitors.process.predictions import Predictions
from monitors.process.recount import Recounter
from monitors.process.runner import Runner
from monitors.process.slices import Slices
from monitors.process.watched import Watchlist
from monitors.process.windows import Judge
from monitors.rulebook import NO_DATA, Rule
from monitors.scores import TakeScorer, TextScorer
from monitors.settings import AlertSettings, MonitorSettings
from storage.clock import Clock
from storage.counting import Counting
from storage.database import Database
from storage.leases import Leases
from storage.segments import SegmentLog
from storage.settings import RetentionSettings
from storage.shipper import Shipper

SEGMENTS_SCORED_AT_ONCE = 8
EVENTS_SCORED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What counts for the monitors that need scores of texts, at its own pace."""

    texts: TakeScorer
    runner: Runner
    recounter: Recounter


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
    scoring: Scoring | None  # None: nobody scores texts here
    joiner: Joiner
    actions: Actions
    judge: Judge
    notifier: Notifier
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
    scorer: TextScorer | None = None,
) -> Stages:
    """Wire the stages up. Opens and starts nothing."""
    watchlist = Watchlist(database, settings, clock=clock, repository=repository)
    observer = Observer(Slices(database, most=settings.slice_values), clock=clock)
    joiner = Joiner(
        counting=counting,
        predictions=Predictions(),
        watchlist=watchlist,
        chooser=Chooser(watchlist=watchlist, settings=settings.sampling, clock=clock),
        most_waiting=settings.labels_waiting,
        clock=clock,
    )
    actions = Actions()
    recounter = Recounter(
        database,
        log=log,
        counting=counting,
        watchlist=watchlist,
        monitors=watchlist.counted,
        observer=observer,
        settings=settings,
    )
    channels = build_channels(alerts)
    policy = policy_of(alerts)
    policy = replace(policy, rules=_judged(policy.rules, settings.off))
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
            monitors=watchlist.counted,
            observer=observer,
            joiner=joiner,
            actions=actions,
            recounter=recounter,
            settings=settings,
            clock=clock,
        ),
        recounter=recounter,
        scoring=None
        if scorer is None
        else _scoring(
            TakeScorer(scorer, share=settings.scoring.share),
            database,
            log=log,
            counting=counting,
            watchlist=watchlist,
            settings=settings,
            clock=clock,
        ),
        joiner=joiner,
        actions=actions,
        judge=Judge(
            database,
            counting=counting,
            watchlist=watchlist,
            rules=tuple(policy.rules.values()),
            quiet_s=settings.quiet_s,
            retention=retention,
            clock=clock,
        ),
        notifier=Notifier(
            database,
            counting=counting,
            policy=policy,
            channels=channels,
            no_data_after=alerts.no_data_after,
            paced_by=ACTIONS,
            clock=clock,
        ),
        sender=Sender(database, counting=counting, channels=channels, clock=clock, chance=chance),
    )


def _judged(rules: Mapping[str, Rule], off: Collection[str]) -> Mapping[str, Rule]:
    """Rules that something measures for. That a model has no events is seen without a monitor."""
    return {name: rule for name, rule in rules.items() if name == NO_DATA or rule.monitor not in off}


def _scoring(  # noqa: PLR0913  # as above
    texts: TakeScorer,
    database: Database,
    *,
    log: SegmentLog,
    counting: Counting,
    watchlist: Watchlist,
    settings: MonitorSettings,
    clock: Clock,
) -> Scoring:
    """In small takes: what was scored and not committed is scored again after a crash."""
    settings = settings.model_copy(
        update={
            "segments_at_once": min(settings.segments_at_once, SEGMENTS_SCORED_AT_ONCE),
            "events_at_once": min(settings.events_at_once, EVENTS_SCORED_AT_ONCE),
        }
    )
    observer = Observer(Slices(database, most=settings.slice_values), clock=clock, scorer=texts)
    recounter = Recounter(
        database,
        log=log,
        counting=counting,
        watchlist=watchlist,
        monitors=watchlist.scored,
        observer=observer,
        settings=settings,
    )
    runner = Runner(
        log=log,
        counting=counting,
        watchlist=watchlist,
        monitors=watchlist.scored,
        observer=observer,
        joiner=None,
        actions=None,
        recounter=recounter,
        settings=settings,
        clock=clock,
    )
    return Scoring(texts=texts, runner=runner, recounter=recounter)
