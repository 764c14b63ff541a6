"""What the drift page shows, read in one moment: the traffic that was picked, its columns, their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dashboard.subjects import Subject, subject
from dashboard.views.columns import (
    TABLED,
    ColumnMap,
    alerts_of,
    column_map,
    newest_windows,
    series,
    worst_slices,
)
from storage import judged
from storage.database import Database
from storage.distributions import Distribution, distribution
from storage.judged import Asked, Snapshot
from storage.records import Alert, Judgement, Window
from storage.worst import BreachedRun, across_slices, breached_run

MONITOR = "drift"
DECIDING = "drift"
"""The metric that decides; the others are for people to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """Everything on the page. What was not chosen, because there is nothing of it, is empty."""

    subject: Subject
    map: ColumnMap | None = None
    of_window: tuple[Judgement, ...] = ()  # everything about the column in the chosen window
    over_time: tuple[Judgement, ...] = ()  # what decides about the column, the worst of each run
    measured: tuple[Judgement, ...] = ()  # everything about the column, in the newest of them
    slices: tuple[Judgement, ...] = ()  # what decides about the column in the chosen window, worst first
    run: BreachedRun | None = None  # of the column, up to the chosen window
    alerts: tuple[Alert, ...] = ()  # open ones of the column
    distribution: Distribution | None = None

    @property
    def deciding(self) -> Judgement | None:
        """What decides about the column in the chosen window."""
        return next((each for each in self.of_window if each.measurement.metric == DECIDING), None)


def drift(database: Database, address: Mapping[str, str]) -> DriftView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        found = subject(snapshot, address, MONITOR, DECIDING)
        asked = Asked(monitors=(MONITOR,), metric=DECIDING)
        columns = column_map(snapshot, found, asked, address)
        view = DriftView(subject=found, map=columns)
        if columns is None or columns.column.chosen is None or columns.picked is None:
            return view
        return _of_column(snapshot, view, columns, columns.column.chosen, columns.picked)


def _of_column(
    snapshot: Snapshot, view: DriftView, columns: ColumnMap, column: str, picked: Window
) -> DriftView:
    scope, registered = columns.scope, view.subject.registered
    everything = Asked(monitors=(MONITOR,), column=column)
    decides = replace(everything, metric=DECIDING)
    of_window = tuple(judged.judgements_between(snapshot, scope, picked, everything))
    view = replace(view, of_window=of_window)
    newest = newest_windows(view.subject, TABLED) or picked
    slices = across_slices(snapshot, scope, view.subject.slice.options, picked, decides)
    reference = registered.reference if registered is not None else None
    return replace(
        view,
        over_time=series(snapshot, scope, columns.span, decides, step=columns.step, of_window=of_window),
        measured=tuple(judged.judgements_between(snapshot, scope, newest, everything)),
        slices=tuple(worst_slices(slices)),
        run=breached_run(snapshot, view.deciding) if view.deciding is not None else None,
        alerts=tuple(each for each in alerts_of(snapshot, scope, (MONITOR,)) if each.column == column),
        distribution=distribution(snapshot, scope, picked, reference, column) if reference else None,
    )
