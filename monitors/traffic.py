"""Traffic: how many requests came, what became of them, and how long they took.

A request of n rows is one request. In a slice it counts once if any of its rows is in it, so the requests of
the slices may add up to more than those of the whole; rows never do. A cancelled request is no error: its app
went away. Latency is counted for answered requests, in bins 7 % apart from 1 microsecond to 1,000 seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from monitors.base import ModelContext
from monitors.bins import Counts, Floats
from monitors.frames import Frame
from monitors.statistics import wilson
from storage.records import Bounds, Measurement, Outcome
from storage.summary import Summary

OUTCOMES = tuple(Outcome)
"""The order of the counts of requests by outcome."""

LATENCY_EDGES: Floats = np.logspace(-6, 3, 307)
"""Seconds between the bins."""

_TIMES = ("total", "queue", "compute")
_QUANTILES = {
    "latency_p50_s": ("total", 0.5),
    "latency_p99_s": ("total", 0.99),
    "queue_p50_s": ("queue", 0.5),
    "queue_p99_s": ("queue", 0.99),
    "compute_p50_s": ("compute", 0.5),
    "compute_p99_s": ("compute", 0.99),
}
"""Of which time, and the share of the requests that took no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Requests, rows, shares of errors and refusals, and latency. Bounds are the operator's."""

    uses_labels: ClassVar[bool] = False
    uses_reference: ClassVar[bool] = False
    uses_scores: ClassVar[bool] = False
    uses_slices: ClassVar[bool] = True

    model: ModelContext
    max_error_share: float = 0.05
    max_rejected_share: float | None = None  # refusing is what a server under load should do
    max_latency_p99_s: float | None = None
    min_requests: int = 20  # fewer say nothing of shares and latency: unknown

    @classmethod
    def applies(cls, context: ModelContext) -> bool:
        """Everywhere."""
        return True

    def observe(self, frame: Frame) -> Summary:
        """`requests` by outcome, `rows`, and latency bins of the whole, the queue and the computing."""
        requests = frame.requests
        if not requests and not frame.rows:
            return Summary()
        by_outcome = Counter(requests.outcomes)
        answered = np.array([outcome is Outcome.OK for outcome in requests.outcomes], dtype=np.bool_)
        counts: dict[str, object] = {
            "rows": frame.rows,
            "requests": [by_outcome[outcome] for outcome in OUTCOMES],
        }
        for name, seconds in zip(
            _TIMES, (requests.total_s, requests.queue_s, requests.compute_s), strict=True
        ):
            counts[f"{name}_s"] = _histogram(seconds[answered])
        return Summary.of(counts)

    def assess(self, current: Summary, reference: Summary | None) -> Iterator[Measurement]:
        """Counts as they are, shares and quantiles of times where enough came."""
        counts = current["requests"].tolist() if "requests" in current else [0] * len(OUTCOMES)
        requests = dict(zip(OUTCOMES, counts, strict=True))
        n, rows = sum(counts), current.count("rows")
        yield Measurement(metric="requests", value=float(n), n=n)
        yield Measurement(metric="rows", value=float(rows), n=rows)
        yield self._share("error_share", requests[Outcome.ERROR], n, self.max_error_share)
        yield self._share("rejected_share", requests[Outcome.REJECTED], n, self.max_rejected_share)
        for metric, (time, share) in _QUANTILES.items():
            seconds = current[f"{time}_s"] if f"{time}_s" in current else _histogram(np.empty(0))
            yield self._quantile(metric, seconds, share)

    def _share(self, metric: str, count: int, n: int, upper: float | None) -> Measurement:
        bounds = Bounds(upper=upper)
        if n < self.min_requests:
            return Measurement(metric=metric, value=None, n=n, bounds=bounds)
        interval = wilson(count, n)
        significant = upper is not None and interval[0] > upper
        return Measurement(
            metric=metric, value=count / n, interval=interval, bounds=bounds, significant=significant, n=n
        )

    def _quantile(self, metric: str, seconds: Counts, share: float) -> Measurement:
        n = int(seconds.sum())
        upper = self.max_latency_p99_s if metric == "latency_p99_s" else None
        bounds = Bounds(upper=upper)
        if n < self.min_requests:
            return Measurement(metric=metric, value=None, n=n, bounds=bounds)
        # the rank of a quantile is binomial: its bounds in ranks are bounds in seconds, whatever the
        # distribution
        margin = 1.96 * float(np.sqrt(share * (1 - share) / n))
        low, value, high = (quantile(seconds, at) for at in (share - margin, share, share + margin))
        significant = upper is not None and low > upper
        interval = (low, high)
        return Measurement(
            metric=metric, value=value, interval=interval, bounds=bounds, significant=significant, n=n
        )


def quantile(latency: Counts, share: float) -> float:
    """The time within which a share of the requests was answered, to 4 %: the middle of its bin."""
    reached = int(np.searchsorted(np.cumsum(latency), max(min(share, 1.0) * latency.sum(), 1.0)))
    place = min(reached, len(latency) - 1)
    low = LATENCY_EDGES[max(place - 1, 0)]
    high = LATENCY_EDGES[min(place, len(LATENCY_EDGES) - 1)]
    return float(np.sqrt(low * high))


def _histogram(seconds: Floats) -> Counts:
    taken = seconds[np.isfinite(seconds)]
    return np.bincount(np.searchsorted(LATENCY_EDGES, taken), minlength=len(LATENCY_EDGES) + 1)
