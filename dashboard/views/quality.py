"""What the quality page shows, read in one moment: which columns hold values that cannot be used, and how."""

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
from storage.counted import quality_cells, reference_quality
from storage.database import Database
from storage.judged import Asked, Snapshot
from storage.records import Alert, Judgement, Window
from storage.worst import BreachedRun, across_slices, breached_run

MONITOR = "quality"
EVERYWHERE = "missing_share"
"""A metric that every column has, in every window."""

EXPLAINED: Mapping[str, str] = {
    "missing_share": "rows without a value; NaN is none",
    "wrong_type_share": 'rows whose value is of another type, such as the text "12" where a number belongs',
    "not_finite_share": "rows whose number is infinite",
    "out_of_range_share": "rows whose number is below the least or above the greatest of the reference",
    "unseen_share": "rows whose category is not in the reference, nor known to the model",
    "empty_share": "rows whose text has no characters",
}
"""What each share is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityView:
    """Everything on the page. What was not chosen, because there is nothing of it, is empty."""

    subject: Subject
    map: ColumnMap | None = None
    of_window: tuple[Judgement, ...] = ()  # every share of the column in the chosen window
    over_time: tuple[tuple[Judgement, ...], ...] = ()  # each share, the worst of each run
    measured: tuple[Judgement, ...] = ()  # every share, in the newest windows shown
    slices: tuple[Judgement, ...] = ()  # the worst share of each slice in the chosen window
    runs: tuple[tuple[str, BreachedRun], ...] = ()  # by metric, up to the chosen window
    alerts: tuple[Alert, ...] = ()  # open ones of the column
    cells: Mapping[str, int] | None = None  # rows of the window with each fault
    reference: Mapping[str, int] | None = None  # and of the reference


def quality(database: Database, address: Mapping[str, str]) -> QualityView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        found = subject(snapshot, address, MONITOR, EVERYWHERE)
        columns = column_map(snapshot, found, Asked(monitors=(MONITOR,)), address)
        view = QualityView(subject=found, map=columns)
        if columns is None or columns.column.chosen is None or columns.picked is None:
            return view
        return _of_column(snapshot, view, columns, columns.column.chosen, columns.picked)


def _of_column(
    snapshot: Snapshot, view: QualityView, columns: ColumnMap, column: str, picked: Window
) -> QualityView:
    scope, registered = columns.scope, view.subject.registered
    asked = Asked(monitors=(MONITOR,), column=column)
    of_window = sorted(judged.judgements_between(snapshot, scope, picked, asked), key=_order)
    slices = across_slices(snapshot, scope, view.subject.slice.options, picked, asked)
    newest = newest_windows(view.subject, TABLED) or picked
    runs = {each.measurement.metric: breached_run(snapshot, each) for each in of_window}
    reference = registered.reference if registered is not None else None
    return replace(
        view,
        of_window=tuple(of_window),
        over_time=tuple(
            series(snapshot, scope, columns.span, one, step=columns.step, of_window=of_window)
            for one in (replace(asked, metric=each.measurement.metric) for each in of_window)
        ),
        measured=tuple(judged.judgements_between(snapshot, scope, newest, asked)),
        slices=tuple(worst_slices(slices)),
        runs=tuple((metric, run) for metric, run in runs.items() if run is not None),
        alerts=tuple(each for each in alerts_of(snapshot, scope, (MONITOR,)) if each.column == column),
        cells=quality_cells(snapshot, scope, picked, reference, column),
        reference=reference_quality(snapshot, reference, column) if reference else None,
    )


def _order(judgement: Judgement) -> tuple[int, str]:
    metric = judgement.measurement.metric
    return list(EXPLAINED).index(metric) if metric in EXPLAINED else len(EXPLAINED), metric
