"""What the page of serving shows: how much came, what became of it, and where its time went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from dashboard.runs import APART, step_of
from dashboard.subjects import Subject, subject
from dashboard.views.columns import alerts_of, newest_windows, series
from storage import judged
from storage.database import Database
from storage.judged import Asked
from storage.records import Alert, Judgement, Window
from storage.worst import BreachedRun, breached_run

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
    window: Window | None = None  # the newest that is shown
    of_window: tuple[Judgement, ...] = ()  # everything that was measured of it
    step: timedelta = APART  # how long the runs are that windows are put together in
    over_time: Mapping[str, tuple[Judgement, ...]] = field(default_factory=dict)  # the worst of each run
    tabled: tuple[Judgement, ...] = ()  # everything that was measured of the newest windows
    runs: tuple[tuple[str, BreachedRun], ...] = ()  # by metric, up to the newest window
    alerts: tuple[Alert, ...] = ()  # open ones about its traffic


def serving(database: Database, address: Mapping[str, str]) -> ServingView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        found = subject(snapshot, address, MONITOR, "requests")
        newest = newest_windows(found, TABLED)
        if found.scope is None or found.span is None or newest is None:
            return ServingView(subject=found)
        everything, step = Asked(monitors=(MONITOR,)), step_of(found.shown)
        tabled = judged.judgements_between(snapshot, found.scope, newest, everything)
        of_window = [each for each in tabled if each.window == found.shown[-1]]
        runs = {each.measurement.metric: breached_run(snapshot, each) for each in of_window}
        return ServingView(
            subject=found,
            window=found.shown[-1],
            of_window=tuple(of_window),
            step=step,
            over_time={
                metric: series(
                    snapshot,
                    found.scope,
                    found.span,
                    replace(everything, metric=metric),
                    step=step,
                    of_window=of_window,
                )
                for metric in METRICS
            },
            tabled=tuple(tabled),
            runs=tuple((metric, run) for metric, run in runs.items() if run is not None),
            alerts=tuple(alerts_of(snapshot, found.scope, (MONITOR,))),
        )
