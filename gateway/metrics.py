"""The gateway's metrics.

Requests count into plain integers here; prometheus-client only reads them out at a scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from inference.lifecycle import ModelState
from storage.journal import Journal
from storage.records import InferenceEvent

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Histogram:
    """How many fell into each bucket, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts, as Prometheus wants them."""
        names = [*map(str, self.bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(self.counts)), strict=True))


class _Traffic:
    """What is counted of one model version, protocol and outcome."""

    __slots__ = ("compute", "duration", "overhead", "queue", "requests", "rows")

    def __init__(self) -> None:
        self.requests = 0
        self.duration = Histogram(SECONDS)
        self.queue = Histogram(SECONDS)
        self.compute = Histogram(SECONDS)
        self.overhead = Histogram(SECONDS)
        self.rows = Histogram(ROWS)


class GatewayMetrics:
    """What the gateway counts about itself."""

    def __init__(self) -> None:
        self.in_flight: set[object] = set()
        self.refused = 0  # not even an event: the journal was full
        self.labels = 0
        self.redactions_failed = 0  # events that were kept without anything that was sent
        self.loop_lag_s = 0.0
        self._traffic: dict[tuple[str, str, str, str, str], _Traffic] = {}

    def count(self, event: InferenceEvent) -> None:
        """One request that ended."""
        name = (event.model or "", event.version or "", event.arm, event.protocol, event.outcome)
        traffic = self._traffic.get(name)
        if traffic is None:
            traffic = self._traffic[name] = _Traffic()
        traffic.requests += 1
        traffic.duration.add(event.total_s)
        if event.compute_s is not None and event.queue_s is not None:
            traffic.queue.add(event.queue_s)
            traffic.compute.add(event.compute_s)
            traffic.overhead.add(max(0.0, event.total_s - event.queue_s - event.compute_s))
            traffic.rows.add(event.rows)

    def families(self) -> Iterator[Family]:
        """Everything, for a scrape."""
        labels = ["model", "version", "arm", "protocol", "outcome"]
        requests = CounterMetricFamily("inferwatch_requests", "Requests by outcome", labels=labels)
        histograms = {
            "duration": (
                "inferwatch_request_duration_seconds",
                "From the first byte to just before the answer",
            ),
            "queue": ("inferwatch_request_queue_seconds", "Waiting for a batch"),
            "compute": ("inferwatch_request_compute_seconds", "Of the batch it ran in"),
            "overhead": ("inferwatch_overhead_seconds", "All but queue and compute"),
            "rows": ("inferwatch_request_rows", "Rows in a request"),
        }
        made = {
            key: HistogramMetricFamily(name, text, labels=labels) for key, (name, text) in histograms.items()
        }
        for name, traffic in self._traffic.items():
            requests.add_metric(name, traffic.requests)
            for key, family in made.items():
                histogram: Histogram = getattr(traffic, key)
                if any(histogram.counts):
                    family.add_metric(name, histogram.buckets(), histogram.total)
        yield requests
        yield from made.values()
        yield _gauge("requests_in_flight", "Requests that are being answered", len(self.in_flight))
        yield _gauge("loop_lag_seconds", "How late the event loop was when last looked at", self.loop_lag_s)
        yield _counter("events_refused", "Requests refused because the journal was full", self.refused)
        yield _counter("labels_received", "Labels taken in", self.labels)
        yield _counter(
            "redactions_failed",
            "Events kept without what was sent, or labels refused",
            self.redactions_failed,
        )


class GatewayCollector(Collector):
    """Reads the gateway, its models and its journal at a scrape."""

    def __init__(
        self,
        metrics: GatewayMetrics,
        models: Callable[[], Iterable[ModelState]],
        journal: Callable[[], Iterable[tuple[str, str, float]]],
    ) -> None:
        self._metrics, self._models, self._journal = metrics, models, journal

    def collect(self) -> Iterator[Family]:
        """Every family, once."""
        yield from self._metrics.families()
        yield from _model_families(list(self._models()))
        for name, text, value in self._journal():
            yield (
                _counter(name.removesuffix("_total"), text, value)
                if name.endswith("_total")
                else _gauge(name, text, value)
            )


def _model_families(states: list[ModelState]) -> Iterator[Family]:
    labels = ["model", "version"]
    gauges: list[tuple[str, str, Callable[[ModelState], float]]] = [
        ("model_loaded", "1 while the version serves", lambda state: float(state.state == "ready")),
        ("model_memory_bytes", "Held on the device", lambda state: float(state.memory_bytes)),
        ("queue_depth", "Rows that wait", lambda state: float(state.waiting_rows)),
        ("batches_in_flight", "Batches that run", lambda state: float(state.in_flight)),
    ]
    counters: list[tuple[str, str, Callable[[ModelState], float]]] = [
        ("batches", "Batches that ran", lambda state: float(state.counts.batches)),
        ("batched_rows", "Rows that ran", lambda state: float(state.counts.rows)),
        ("device_busy_seconds", "Time the device spent on it", lambda state: state.counts.busy_s),
        ("engine_refused", "Requests that the engine refused", lambda state: float(state.counts.refused)),
        ("engine_expired", "Requests whose deadline passed", lambda state: float(state.counts.expired)),
        ("engine_cancelled", "Requests taken back", lambda state: float(state.counts.cancelled)),
    ]
    for name, text, read in gauges:
        gauge = GaugeMetricFamily(f"inferwatch_{name}", text, labels=labels)
        for state in states:
            gauge.add_metric([state.name, state.version], read(state))
        yield gauge
    for name, text, read in counters:
        counter = CounterMetricFamily(f"inferwatch_{name}", text, labels=labels)
        for state in states:
            counter.add_metric([state.name, state.version], read(state))
        yield counter


def _gauge(name: str, text: str, value: float) -> Family:
    return GaugeMetricFamily(f"inferwatch_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Family:
    return CounterMetricFamily(f"inferwatch_{name}", text, value=value)


def journal_values(journal: Journal) -> Iterator[tuple[str, str, float]]:
    """What the journal tells of itself: name, text, value."""
    stats, tally = journal.stats, journal.tally
    yield "journal_bytes", "Not yet shipped", stats.held_bytes
    yield "journal_budget_bytes", "What may wait for the database", stats.budget_bytes
    if stats.oldest_unshipped_s is not None:
        yield (
            "oldest_unshipped_seconds",
            "Age of the oldest file that is not shipped",
            stats.oldest_unshipped_s,
        )
    yield "events_appended_total", "Events written, since the journal's folder was made", tally.journalled
    yield "events_dropped_total", "Events dropped because the journal was full", tally.dropped
    yield "journal_torn_tails_total", "Files whose last frame was cut", stats.torn_tails
    yield "journal_damaged_total", "Frames that could not be read", stats.damaged
    yield "journal_sync_failures_total", "Syncs that the disk refused", stats.sync_failures
    yield "journal_write_failures_total", "Writes that the disk refused", stats.write_failures
