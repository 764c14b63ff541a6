"""The monitor process: ships the journal to SQL, runs the monitors, judges, sends.

Five threads, each with a loop that goes on whatever happens to one step: ship, count (and judge), score
texts, send, make reports. With the database away for a while nothing is lost: the journal keeps what was not
shipped, and every loop tries again.
"""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import signal
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.repository import Repository
from monitors.alerts import build_channels
from monitors.alerts.outage import OutageWatch
from monitors.alerts.policy import policy_of
from monitors.process.housekeeping import Housekeeping
from monitors.process.loops import LONGEST_PAUSE_S, Loop
from monitors.process.metrics import MonitorCollector, serve_metrics
from monitors.process.rounds import CountingRound, ScoringRound
from monitors.process.scorer import EngineScorer
from monitors.process.stages import Stages, build_stages
from monitors.process.tenure import Tenure
from monitors.reporting.maker import Limits, ReportMaker
from monitors.settings import AlertSettings, MonitorSettings
from storage.clock import Clock, utc_now
from storage.counting import Counting
from storage.database import Database, open_reader, open_writer
from storage.errors import DatabaseUnavailableError, StorageError
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings, JournalSettings, RetentionSettings

log = logging.getLogger(__name__)

STOP_S = 20.0
SEND_POLL_S = 1.0
IDLE_SEND_POLL_S = 60.0
WATCH_POLL_S = 5.0
REPORT_POLL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    """The parts of `inferwatch.yaml` that the process reads."""

    database: DatabaseSettings
    journal: JournalSettings
    retention: RetentionSettings
    monitor: MonitorSettings
    alerts: AlertSettings
    repository: Path
    code: tuple[Path, ...] = ()  # the operator's own modules


def run(settings: ProcessSettings, *, clock: Clock = utc_now) -> None:
    """Run until SIGTERM or SIGINT. Call it from the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    run_until(stop, settings, clock=clock)


def run_until(stop: threading.Event, settings: ProcessSettings, *, clock: Clock = utc_now) -> None:
    """Run until the event is set, then end cleanly: finish the step at hand, give the leases back."""
    reader = open_reader(settings.database)
    watch = _watch(reader, stop, settings, clock)
    watch.start()
    try:
        database = _opened(settings.database, stop)
        if database is not None:
            with contextlib.closing(database):
                _run_with(database, stop, settings, clock)
        watch.join(STOP_S)
    finally:
        reader.close()


def _watch(reader: Database, stop: threading.Event, settings: ProcessSettings, clock: Clock) -> Loop:
    """Tells when the database is away, by a way of its own. It runs before there is a database, too."""
    after = settings.alerts.database_away_after
    outage = OutageWatch(
        reader.ping,
        channels=build_channels(settings.alerts),
        policy=policy_of(settings.alerts),
        after=after,
        clock=clock,
    )
    poll_s = WATCH_POLL_S if after is None else min(WATCH_POLL_S, max(0.2, after.total_seconds() / 4))
    return Loop("watch", outage.look, stop=stop, poll_s=poll_s)


def owner_of(settings: DatabaseSettings) -> str:
    """Who holds the leases. One process writes a SQLite file, so after a crash it takes them back at once."""
    if settings.url.startswith("sqlite"):
        return "monitor"
    return f"{socket.gethostname()}-{secrets.token_hex(6)}"


def _run_with(database: Database, stop: threading.Event, settings: ProcessSettings, clock: Clock) -> None:
    segments = SegmentLog(database, clock=clock, retain_days=settings.retention.segments_days)
    counting = Counting(database, segments, clock=clock)
    scorer = EngineScorer(
        settings.monitor.scoring, Repository(settings.repository), code=settings.code, clock=clock
    )
    stages = build_stages(
        database,
        log=segments,
        counting=counting,
        journal=settings.journal.folder,
        repository=Repository(settings.repository),
        settings=settings.monitor,
        alerts=settings.alerts,
        retention=settings.retention,
        owner=owner_of(settings.database),
        clock=clock,
        chance=random.random,
        scorer=scorer,
    )
    housekeeping = Housekeeping(database, segments, counting, settings=settings.retention, clock=clock)
    *tenures, reporting = [
        Tenure(stages.leases, ttl_s=settings.monitor.lease_s) for _ in ("count", "send", "score", "report")
    ]
    maker = ReportMaker(
        database,
        counting,
        reporting,
        url=settings.database.url,
        limits=Limits(seconds=settings.monitor.report_s),
        stop=stop,
        clock=clock,
    )
    loops = _loops(stages, housekeeping, tenures, stop, settings)
    loops.append(Loop("report", maker.step, stop=stop, poll_s=REPORT_POLL_S, after_failure=reporting.forget))
    if settings.monitor.metrics_port is not None:
        collector = MonitorCollector(stages, loops, clock=clock)
        serve_metrics(collector, host=settings.monitor.metrics_host, port=settings.monitor.metrics_port)
    for loop in loops:
        loop.start()
    log.info("monitor process runs", extra={"partitions": len(segments.partitions)})
    stop.wait()
    ended = [loop.join(STOP_S) for loop in loops]
    scorer.close()
    if all(ended):
        _release([*tenures, reporting])
    log.info("monitor process ended", extra={"cleanly": all(ended)})


def _loops(
    stages: Stages,
    housekeeping: Housekeeping,
    tenures: Sequence[Tenure],
    stop: threading.Event,
    settings: ProcessSettings,
) -> list[Loop]:
    counting, sending, scoring = tenures
    rounds = CountingRound(stages, counting, housekeeping)
    poll_s = settings.monitor.poll_s
    loops = [Loop("count", rounds.step, stop=stop, poll_s=poll_s, after_failure=rounds.forget)]
    if stages.scoring is not None:
        scores = ScoringRound(stages, stages.scoring, scoring, stop)
        loops.append(Loop("score", scores.step, stop=stop, poll_s=poll_s, after_failure=scores.forget))
    if (shipper := stages.shipper) is not None:
        loops.append(Loop("ship", lambda: shipper.ship() > 0, stop=stop, poll_s=poll_s))

    def send() -> bool:
        lease = sending.lease("send")
        return lease is not None and stages.sender.send(lease) > 0

    # Without channels there may be messages all the same, to those of yesterday's settings.
    send_s = SEND_POLL_S if stages.sender.recipients else IDLE_SEND_POLL_S
    loops.append(Loop("send", send, stop=stop, poll_s=send_s, after_failure=sending.forget))
    return loops


def _opened(settings: DatabaseSettings, stop: threading.Event) -> Database | None:
    """The database, as soon as it is there; None when the process is to end before."""
    pause_s = 0.5
    while not stop.is_set():
        try:
            return open_writer(settings)
        except DatabaseUnavailableError as exc:
            log.warning("database away", extra={"loop": "start", "error": str(exc)})
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    return None


def _release(tenures: Sequence[Tenure]) -> None:
    try:
        for tenure in tenures:
            tenure.release()
    except StorageError as exc:  # the database is away: they expire by themselves
        log.warning("leases not released", extra={"error": str(exc)})
