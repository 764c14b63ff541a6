"""Columns in time, as a heat map shows them: which there are, the worst of each, and which one was picked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from dashboard.runs import step_of
from dashboard.subjects import Choice, Subject, choose
from dashboard.words import stamp
from storage.alerts import open_alerts
from storage.judged import Asked, Snapshot
from storage.records import Alert, Judgement, Scope, Window
from storage.worst import Standing, Worse, Worst, newest_known, standings, worst_of_runs

MOST = 40
"""Columns that are shown at once."""

TABLED = 400
"""Windows of which a page lists every number. All are at `/api/measurements`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """The columns of the traffic that was picked, in the windows shown."""

    scope: Scope
    span: Window
    step: timedelta  # how long the runs are that windows are put together in
    standings: tuple[Standing, ...]  # of every column, the worst first
    cells: tuple[Worst, ...]  # of the columns shown
    part: Choice  # which columns are shown, where there are too many
    column: Choice
    window: Choice  # by its stamp, newest first
    windows: tuple[Window, ...]  # those themselves
    picked: Window | None  # the chosen one

    @property
    def shown(self) -> list[str]:
        """The columns of the heat map, the worst first."""
        start = self.part.options.index(self.part.chosen) * MOST if self.part.chosen else 0
        return [each.column for each in self.standings[start : start + MOST]]

    @property
    def breached(self) -> int:
        """Columns that were breached in any of the windows shown."""
        return sum(each.breached > 0 for each in self.standings)

    @property
    def unknown(self) -> bool:
        """Whether the address names something that is not there."""
        return self.part.unknown or self.column.unknown or self.window.unknown


def column_map(
    snapshot: Snapshot, subject: Subject, asked: Asked, address: Mapping[str, str]
) -> ColumnMap | None:
    """Read it. None: nothing was judged."""
    scope, span = subject.scope, subject.span
    if scope is None or span is None:
        return None
    known = standings(snapshot, scope, span, asked)
    part = choose(_parts(known), address.get("columns"))
    column = choose([each.column for each in known], address.get("column"))
    windows = offered_windows(subject, address.get("window"))
    known_at = newest_known(snapshot, scope, span, asked)  # the newest window may hold too few rows yet
    wanted = address.get("window") or (None if known_at is None else stamp(known_at))
    window = choose([stamp(each.start) for each in windows], wanted)
    found = ColumnMap(
        scope=scope,
        span=span,
        step=step_of(subject.shown),
        standings=tuple(known),
        cells=(),
        part=part,
        column=column,
        window=window,
        windows=tuple(windows),
        picked=next((each for each in windows if stamp(each.start) == window.chosen), None),
    )
    cells = worst_of_runs(snapshot, scope, span, asked, columns=found.shown, step=found.step)
    return replace(found, cells=tuple(cells))


def series(  # noqa: PLR0913  # whose, when, and what
    snapshot: Snapshot,
    scope: Scope,
    span: Window,
    asked: Asked,
    *,
    step: timedelta,
    of_window: Iterable[Judgement],
    worse: Worse = Worse.GREATER,
) -> tuple[Judgement, ...]:
    """One metric in time: the worst of each run, and that of the chosen window."""
    worst = worst_of_runs(snapshot, scope, span, asked, columns=[asked.column or ""], step=step, worse=worse)
    points = {each.judgement.window: each.judgement for each in worst}
    points |= {each.window: each for each in of_window if each.measurement.metric == asked.metric}
    return tuple(points[window] for window in sorted(points))


def newest_windows(subject: Subject, most: int) -> Window | None:
    """From the first to the last of the newest windows shown, so many at most."""
    shown = subject.shown[-most:]
    return Window(start=shown[0].start, end=max(each.end for each in shown)) if shown else None


def offered_windows(subject: Subject, wanted: str | None) -> list[Window]:
    """The windows shown, newest first, and an older one that the address asks for."""
    windows = list(subject.shown[::-1])
    if wanted is not None and wanted not in {stamp(each.start) for each in windows}:
        windows += [each for each in subject.windows if stamp(each.start) == wanted]
    return windows


def alerts_of(snapshot: Snapshot, scope: Scope, monitors: Sequence[str]) -> list[Alert]:
    """Open alerts about one slice, as these monitors raised them."""
    found = open_alerts(snapshot, model=scope.model, version=scope.version)
    return [each for each in found if each.scope == scope and each.monitor in monitors]


def worst_slices(judgements: Iterable[Judgement], worse: Worse = Worse.GREATER) -> list[Judgement]:
    """The worst of each slice: breached ones first, then by how far towards the bound; unknown ones last."""
    worst: dict[str, Judgement] = {}
    for each in sorted(judgements, key=lambda each: _place(each, worse)):
        worst.setdefault(each.scope.slice, each)
    return list(worst.values())


def _place(judgement: Judgement, worse: Worse) -> tuple[bool, float, str]:
    measured, part = judgement.measurement, judgement.scope.slice
    if measured.value is None:
        return True, math.inf, part
    lower, upper = measured.bounds.lower, measured.bounds.upper
    less = lower is not None or (upper is None and worse is Worse.LESS)
    reach = -measured.value if less else measured.value / (upper or 1.0)
    return not measured.breached, -reach, part


def _parts(known: Sequence[Standing]) -> list[str]:
    """The worst columns, then those after them: `1-40`, `41-80`."""
    starts = range(0, len(known), MOST)
    return [f"{start + 1}-{min(start + MOST, len(known))}" for start in starts]
