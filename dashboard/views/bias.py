"""What the bias page shows, read in one moment: groups beside each other, and the gaps between them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from dashboard.runs import APART, step_of
from dashboard.states import State, state_of_all
from dashboard.subjects import NOTHING, Choice, Subject, choose, subject
from dashboard.views.columns import TABLED, alerts_of, newest_windows, offered_windows, series
from dashboard.views.fairness_words import COMPARED, GAPS, METRICS
from dashboard.words import stamp
from storage import judged
from storage.database import Database
from storage.judged import Asked, Snapshot
from storage.models import ModelVersion
from storage.records import Alert, Bounds, Judgement, Scope, Window
from storage.worst import BreachedRun, Worse, breached_run, newest_known

MONITOR = "bias"
EVERYWHERE = "group_coverage"
"""A metric that is measured of every grouping in every window."""
LEADING = "demographic_parity_difference"
"""A gap that needs no labels."""
IMPACT = "disparate_impact"

AND, BETWEEN = " & ", " | "
"""How measurements name an intersection, and two groups that are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A gap of the window, and who makes it."""

    judgement: Judgement
    demanded: bool  # it has a bound, so it decides
    between: tuple[str, str] | None  # the groups of the greatest and the least rate; None: not known
    run: BreachedRun | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasView:
    """Everything on the page. What was not chosen, because there is nothing of it, is empty."""

    subject: Subject
    groupings: tuple[tuple[str, ...], ...] = ()  # what the manifest protects, by names
    binary: bool = True  # whether the answers are of two classes
    grouping: Choice = NOTHING  # the worst first
    standing: tuple[tuple[str, State], ...] = ()  # how each grouping stands in the chosen window
    window: Choice = NOTHING  # by its stamp, newest first
    windows: tuple[Window, ...] = ()  # those themselves
    picked: Window | None = None
    metric: Choice = NOTHING  # what groups are compared by
    gap: Choice = NOTHING  # the gap that is shown over time
    of_window: tuple[Judgement, ...] = ()  # everything of the grouping in the chosen window
    gaps: tuple[Gap, ...] = ()  # between all groups
    step: timedelta = APART  # how long the runs are that windows are put together in
    over_time: tuple[Judgement, ...] = ()  # the chosen gap, the worst of each run
    measured: tuple[Judgement, ...] = ()  # the same, in the newest windows shown
    impacts: tuple[tuple[Judgement, BreachedRun | None], ...] = ()  # breached ones
    alerts: tuple[Alert, ...] = ()

    @property
    def groups(self) -> list[Judgement]:
        """The chosen metric of each group."""
        return [each for each in self._of(self.metric.chosen) if _is_group(each)]

    @property
    def everything(self) -> list[Judgement]:
        """All of the grouping in the window, and the chosen gap in the others."""
        others = [each for each in self.measured if each.window != self.picked]
        return [*self.of_window, *others]

    @property
    def pairs(self) -> list[Judgement]:
        """The chosen gap between two groups at a time."""
        return [each for each in self._of(self.gap.chosen) if BETWEEN in (each.measurement.column or "")]

    @property
    def coverage(self) -> Judgement | None:
        """The share of rows that are in a group."""
        return next(iter(self._of(EVERYWHERE)), None)

    @property
    def too_small(self) -> int:
        """Groups with too few rows to say how they are treated beside the reference group."""
        return sum(each.measurement.value is None for each in self._of(IMPACT))

    @property
    def reference_group(self) -> str | None:
        """The group that the others' disparate impact is measured by: the only one that has none."""
        have = {each.measurement.column for each in self._of(IMPACT)}
        lack = [
            each.measurement.column
            for each in self._of("selection_rate")
            if _is_group(each) and each.measurement.column not in have
        ]
        return lack[0] if have and len(lack) == 1 else None

    def _of(self, metric: str | None) -> list[Judgement]:
        return [each for each in self.of_window if each.measurement.metric == metric]


def bias(database: Database, address: Mapping[str, str]) -> BiasView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        found = subject(snapshot, address, MONITOR, EVERYWHERE)
        view = _described(BiasView(subject=found), found.registered)
        if found.scope is None or found.span is None or not view.groupings:
            return view
        return _of_scope(snapshot, view, found.scope, found.span, address)


def names_of(column: str) -> tuple[str, ...]:
    """What the groups that a measurement is of differ in: `race` and `sex` of `race=A & sex=F | …`."""
    return tuple(part.partition("=")[0] for part in column.split(BETWEEN, maxsplit=1)[0].split(AND))


def between(gap: Judgement, of_window: Iterable[Judgement]) -> tuple[str, str] | None:
    """The groups whose rates make a gap, the greater first.

    None: it is unknown, or no two rates that are shown make it, such as where it is the mean of two gaps, or
    a group is too small for its rate to be shown.
    """
    measured = gap.measurement
    if measured.value is None:
        return None
    shown = list(of_window)
    for metric in COMPARED.get(measured.metric, ()):
        rates = {
            each.measurement.column or "": each.measurement.value
            for each in shown
            if each.measurement.metric == metric and _is_group(each) and each.measurement.value is not None
        }
        if len(rates) < 2:
            continue
        most, least = max(rates, key=lambda group: rates[group]), min(rates, key=lambda group: rates[group])
        if measured.metric.endswith(_RATIO):
            made = rates[least] / rates[most] if rates[most] else None
        else:
            made = rates[most] - rates[least]
        if made is not None and abs(made - measured.value) < _ROUNDING:
            return most, least
    return None


def _described(view: BiasView, registered: ModelVersion | None) -> BiasView:
    if registered is None:
        return view
    manifest = json.loads(registered.manifest)
    protected = manifest.get("protected") or ()
    classes = (manifest.get("outputs") or {}).get("classes") or ()
    return replace(
        view,
        groupings=tuple((each,) if isinstance(each, str) else tuple(each) for each in protected),
        binary=len(classes) == 2 and "classification" in manifest["task"],
    )


def _of_scope(
    snapshot: Snapshot, view: BiasView, scope: Scope, span: Window, address: Mapping[str, str]
) -> BiasView:
    windows = tuple(offered_windows(view.subject, address.get("window")))
    known = newest_known(snapshot, scope, span, Asked(monitors=(MONITOR,), metric=LEADING))
    wanted = address.get("window") or (None if known is None else stamp(known))
    window = choose([stamp(each.start) for each in windows], wanted)
    picked = next((each for each in windows if stamp(each.start) == window.chosen), None)
    if picked is None:
        return view
    of_all = judged.judgements_between(snapshot, scope, picked, Asked(monitors=(MONITOR,)))
    standing = _standing(view.groupings, of_all)
    grouping = choose([name for name, _ in standing], _wanted_grouping(address))
    names = tuple((grouping.chosen or "").split(AND))
    view = replace(
        view,
        window=window,
        windows=windows,
        picked=picked,
        standing=tuple(standing),
        grouping=grouping,
        of_window=tuple(each for each in of_all if names_of(each.measurement.column or "") == names),
        alerts=tuple(
            each for each in alerts_of(snapshot, scope, (MONITOR,)) if names_of(each.column or "") == names
        ),
    )
    return _compared(snapshot, view, scope, span, address)


def _compared(
    snapshot: Snapshot, view: BiasView, scope: Scope, span: Window, address: Mapping[str, str]
) -> BiasView:
    """With what groups are compared by, and the gaps between them."""
    found = [
        each
        for name in GAPS
        for each in view.of_window
        if (each.measurement.metric, each.measurement.column) == (name, view.grouping.chosen)
    ]
    gaps = [
        Gap(
            judgement=each,
            demanded=each.measurement.bounds != Bounds(),
            between=between(each, view.of_window),
            run=breached_run(snapshot, each) if each.measurement.breached else None,
        )
        for each in found
    ]
    there = {each.measurement.metric for each in view.of_window}
    worst_first = sorted(gaps, key=lambda gap: (not gap.judgement.measurement.breached,))
    gap = choose([each.judgement.measurement.metric for each in worst_first], address.get("gap"))
    asked = Asked(monitors=(MONITOR,), metric=gap.chosen, column=view.grouping.chosen)
    impacts = [
        each for each in view.of_window if each.measurement.metric == IMPACT and each.measurement.breached
    ]
    step = step_of(view.subject.shown)
    worse = Worse.LESS if (gap.chosen or "").endswith(_RATIO) else Worse.GREATER
    newest = newest_windows(view.subject, TABLED) or span
    return replace(
        view,
        step=step,
        gaps=tuple(gaps),
        gap=gap,
        metric=choose([name for name in METRICS if name in there], address.get("metric")),
        over_time=series(snapshot, scope, span, asked, step=step, of_window=found, worse=worse),
        measured=tuple(judged.judgements_between(snapshot, scope, newest, asked)),
        impacts=tuple((each, breached_run(snapshot, each)) for each in impacts),
    )


def _standing(groupings: Sequence[tuple[str, ...]], of_all: Sequence[Judgement]) -> list[tuple[str, State]]:
    """How each grouping stands by what is demanded of it, the worst first."""
    found = []
    for names in groupings:
        whole = AND.join(names)
        ours = [
            each.measurement
            for each in of_all
            if each.measurement.column == whole
            or (each.measurement.metric == IMPACT and names_of(each.measurement.column or "") == names)
        ]
        demanded = [each for each in ours if each.bounds != Bounds()]
        found.append((whole, state_of_all(demanded or ours)))
    return sorted(found, key=lambda each: each[1] is not State.BREACHED)


def _wanted_grouping(address: Mapping[str, str]) -> str | None:
    """As the address says; an alert names a group, or two, or all of them."""
    column = address.get("column")
    return address.get("grouping") or (None if column is None else AND.join(names_of(column)))


def _is_group(judgement: Judgement) -> bool:
    column = judgement.measurement.column or ""
    return "=" in column and BETWEEN not in column


_ROUNDING = 1e-12
_RATIO = "_ratio"  # ends the names of gaps that are none at 1, and greatest at 0
