"""The monitor process's own metrics: everything is read at the scrape from where it is kept.

What cannot be read now (the database is away) is absent, and never zero.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitors.process.loops import Loop
from monitors.process.stages import Stages
from storage.accounts import Lag, accounting, lags, producer_accounts
from storage.alerts import open_alerts
from storage.clock import Clock
from storage.errors import StorageError
from storage.judged import Figures, Snapshot, arms, newest_figures
from storage.labels import refused_labels, waiting_count
from storage.records import Action, Scope
from storage.reports import waiting_reports
from storage.windows import model_clocks

log = logging.getLogger(__name__)

PREFIX = "inferwatch_"

LATELY = timedelta(days=1)
"""For how long after its last event the numbers of a model version are told."""
MOST_VERSIONS = 100
"""Of how many model versions, those with the newest traffic first."""
WINDOWS = 3
"""How many windows back: some monitors wait for labels or scores."""


class MonitorCollector(Collector):
    """Answers a scrape."""

    def __init__(self, stages: Stages, loops: Sequence[Loop], *, clock: Clock) -> None:
        self._stages = stages
        self._loops = loops
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of the first scrape: registering would ask the database otherwise."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._shipped()
        yield self._messages()
        yield from self._notices()
        yield self._failures()
        yield from self._scored()
        yield self._unknown()
        try:
            yield from self._stored()
        except StorageError as exc:
            log.warning("metrics incomplete", extra={"error": str(exc)})

    def _shipped(self) -> Iterator[Metric]:
        if self._stages.shipper is None:
            return
        stats = self._stages.shipper.stats
        yield _gauge(
            "journal_waiting_bytes", "Bytes of this host's journal not in SQL yet", stats.waiting_bytes
        )
        oldest_s = stats.oldest_unshipped_s or 0.0
        yield _gauge("oldest_unshipped_seconds", "Age of the oldest journal file not in SQL yet", oldest_s)
        yield _counter("segments_repeated", "Segments that the log had already", stats.repeated)

    def _messages(self) -> Metric:
        sender = self._stages.sender
        family = CounterMetricFamily(
            f"{PREFIX}notifications", "Messages by what became of them", labels=["result"]
        )
        for result, n in (("sent", sender.sent), ("failed", sender.failed), ("dead", sender.dead)):
            family.add_metric([result], n)
        return family

    def _notices(self) -> Iterator[Metric]:
        notifier = self._stages.notifier
        told = CounterMetricFamily(f"{PREFIX}notices", "Notices by why they went out", labels=["reason"])
        for reason, n in sorted(notifier.told.items()):
            told.add_metric([reason.value], n)
        yield told
        yield _counter("notices_unrendered", "Notices that a channel could not make", notifier.unrendered)
        groups = GaugeMetricFamily(
            f"{PREFIX}alert_groups", "Groups of alerts by why they are told of or not", labels=["reason"]
        )
        for reason, n in sorted(Counter(notifier.reasons.values()).items()):
            groups.add_metric([reason.value], n)
        yield groups

    def _failures(self) -> Metric:
        family = CounterMetricFamily(
            f"{PREFIX}loop_failures", "Steps that failed, by thread", labels=["loop"]
        )
        for loop in self._loops:
            family.add_metric([loop.name], loop.failures)
        return family

    def _unknown(self) -> Metric:
        family = CounterMetricFamily(
            f"{PREFIX}actions_unknown",
            "What people did about silences and alerts not known",
            labels=["action"],
        )
        for action in Action:
            family.add_metric([action], self._stages.actions.unknown[action])
        return family

    def _scored(self) -> Iterator[Metric]:
        if self._stages.scoring is None:
            return
        stats = self._stages.scoring.texts.stats
        yield _gauge("scoring_ready", "Whether a model that scores texts is loaded", float(stats.ready))
        yield _counter("texts_scored", "Texts scored, each once in a take", stats.texts)
        yield _counter("texts_unscorable", "Texts that the scoring model had no answer for", stats.failed)
        yield _counter("scoring_seconds", "Time spent waiting for scores", stats.seconds)
        yield _counter("scoring_failures", "Times that texts could not be scored at all", stats.failures)

    def _stored(self) -> Iterator[Metric]:
        with self._stages.database.read() as connection:
            account = accounting(connection)
            behind = lags(connection)
            producers = producer_accounts(connection)
            alerts = open_alerts(connection)
            refused = refused_labels(connection)
            waiting = waiting_count(connection)
            wished = waiting_reports(connection)
            measured = _newest_figures(connection, self._clock())
        yield _counter("events_stored", "Events in the segment log, ever", account.stored)
        yield _counter("events_counted", "Events counted by every monitor", account.counted)
        yield _counter("quarantined", "Events set aside by a monitor", account.quarantined)
        yield _gauge("events_waiting", "Events not yet passed by every monitor", account.waiting)
        yield _counter(
            "frames_damaged", "Damaged places in journals", sum(each.damaged for each in producers)
        )
        yield _lag_family(behind, self._clock())
        by_state = Counter((alert.rule, alert.status.value) for alert in alerts)
        states = GaugeMetricFamily(f"{PREFIX}alerts", "Open alerts", labels=["rule", "state"])
        for (rule, state), n in sorted(by_state.items()):
            states.add_metric([rule, state], n)
        yield states
        yield _gauge("labels_waiting", "Labels that wait for their event", waiting)
        yield _gauge("reports_waiting", "Reports that were asked for and are not made yet", wished)
        yield from _measured_families(measured)
        given_up = CounterMetricFamily(f"{PREFIX}labels_refused", "Labels given up", labels=["reason"])
        for reason, n in sorted(refused.items()):
            given_up.add_metric([reason], n)
        yield given_up


def serve_metrics(collector: MonitorCollector, *, host: str, port: int) -> None:
    """Answer `/metrics` from a thread, until the process ends. Without the port the process runs on."""
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as exc:
        log.error("metrics not served", extra={"host": host, "port": port, "error": str(exc)})


def _lag_family(behind: Sequence[Lag], now: datetime) -> Metric:
    family = GaugeMetricFamily(
        f"{PREFIX}monitor_lag_seconds", "How long the oldest uncounted event waits", labels=["monitor"]
    )
    seconds: dict[str, float] = {}
    for lag in behind:
        waits_s = 0.0 if lag.since is None else max(0.0, (now - lag.since).total_seconds())
        seconds[lag.monitor] = max(seconds.get(lag.monitor, 0.0), waits_s)
    for monitor, lag_s in sorted(seconds.items()):
        family.add_metric([monitor], lag_s)
    return family


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}{name}", about, value=value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"{PREFIX}{name}", about, value=value)


def _newest_figures(snapshot: Snapshot, now: datetime) -> list[tuple[Scope, Figures]]:
    """What was measured last of every version and arm that has had traffic lately."""
    lately = [clock for clock in model_clocks(snapshot) if now - clock.counted_at < LATELY]
    scopes = [
        scope
        for clock in sorted(lately, key=lambda clock: clock.counted_at, reverse=True)[:MOST_VERSIONS]
        for scope in arms(snapshot, clock.model, clock.version)
    ]
    return [(scope, each) for scope in scopes for each in newest_figures(snapshot, scope, WINDOWS)]


def _measured_families(measured: Sequence[tuple[Scope, Figures]]) -> Iterator[Metric]:
    """No column is a label: there may be thousands. The page of the monitor says which it is."""
    labels = ["monitor", "name", "model", "version", "arm"]
    values = GaugeMetricFamily(
        f"{PREFIX}measurement", "What was measured last, the largest over all columns", labels=labels
    )
    breached = GaugeMetricFamily(
        f"{PREFIX}measurements_breached", "How many columns are breached, when measured last", labels=labels
    )
    for scope, each in measured:
        named = [each.monitor, each.metric, scope.model, scope.version, scope.arm.value]
        if each.largest is not None:
            values.add_metric(named, each.largest)
        breached.add_metric(named, each.breached)
    yield values
    yield breached
