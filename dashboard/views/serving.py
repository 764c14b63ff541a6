"""What the page of serving shows: how much came, what became of it, and where its time went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.subjects import Subject, subject
from storage import judged
from storage.alerts import open_alerts
from storage.database import Database
from storage.judged import Asked
from storage.records import Alert, Judgement, Window

MONITOR = "traffic"

METRICS: Mapping[str, str] = {
    "requests": "Requests of the window, whatever became of them.",
    "error_share": "Requests that failed inside of the server.",
    "rejected_share": "Requests that were refused: malformed, too many, or too late.",
    "latency_p99_s": "Seconds in which 99 % were answered, from the first byte to just before the answer.",
    "queue_p99_s": "Seconds that 99 % waited at most for a batch.",
    "compute_p99_s": "Seconds that the batches of 99 % ran at most.",
}
"""What is drawn, with a sentence each."""

TABLED = 40
"""Windows in the table at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingView:
    """Everything on the page that SQL knows."""

    subject: Subject
    measured: tuple[Judgement, ...] = ()
    alerts: tuple[Alert, ...] = ()  # open ones about its traffic

    @property
    def window(self) -> Window | None:
        """The newest that is shown."""
        return max((each.window for each in self.measured), default=None)

    @property
    def of_window(self) -> list[Judgement]:
        """Everything that was measured of it."""
        return [each for each in self.measured if each.window == self.window]

    @property
    def tabled(self) -> list[Judgement]:
        """Everything that was measured of the newest windows."""
        newest = sorted({each.window for each in self.measured})[-TABLED:]
        return [each for each in self.measured if each.window in newest]

    def of_metric(self, metric: str) -> list[Judgement]:
        """One number, window by window."""
        return [each for each in self.measured if each.measurement.metric == metric]


def serving(database: Database, address: Mapping[str, str]) -> ServingView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        found = subject(snapshot, address, MONITOR, "requests")
        if found.scope is None or found.span is None:
            return ServingView(subject=found)
        measured = judged.judgements_between(snapshot, found.scope, found.span, Asked(monitors=(MONITOR,)))
        alerts = [
            alert
            for alert in open_alerts(snapshot, model=found.scope.model, version=found.scope.version)
            if (alert.scope, alert.monitor) == (found.scope, MONITOR)
        ]
        return ServingView(subject=found, measured=tuple(measured), alerts=tuple(alerts))
