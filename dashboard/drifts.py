"""What the drift page shows, read in one moment: what there is to choose, the choice, its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.words import stamp
from storage import judged
from storage.alerts import open_alerts
from storage.database import Database
from storage.distributions import Distribution, distribution
from storage.judged import Asked, Snapshot
from storage.models import ModelVersion, model_versions
from storage.records import ALL, Alert, Arm, Judgement, Scope, Window

MONITOR = "drift"
DECIDING = "drift"
"""The metric that decides; the others are for people to read."""

SHOWN = 40
"""How many windows are shown unless the address says otherwise."""

MOST = 200
"""How many columns of a heat map can still be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One out of what there is. `unknown`: the address asked for something that is not there."""

    options: tuple[str, ...] = ()
    chosen: str | None = None  # None: there is nothing to choose from
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """Everything on the page. What was not chosen, because there is nothing of it, is empty."""

    model: Choice
    version: Choice
    arm: Choice = Choice()
    slice: Choice = Choice()
    has_reference: bool = False
    windows: tuple[Window, ...] = ()  # all that were judged
    span: Window | None = None  # those of them that are shown
    cells: tuple[Judgement, ...] = ()  # what decides, by column and window
    column: Choice = Choice()
    window: Choice = Choice()  # by its stamp, newest first
    picked: Window | None = None  # the chosen window itself
    measured: tuple[Judgement, ...] = ()  # everything about the column
    alert: Alert | None = None  # the open one of the column
    distribution: Distribution | None = None

    @property
    def unknown(self) -> bool:
        """Whether the address names something that is not there."""
        choices = (self.model, self.version, self.arm, self.slice, self.column, self.window)
        return any(choice.unknown for choice in choices)

    @property
    def of_window(self) -> list[Judgement]:
        """Everything about the column in the chosen window."""
        return [each for each in self.measured if each.window == self.picked]

    @property
    def deciding(self) -> list[Judgement]:
        """What decided about the column, window by window, up to the chosen one."""
        ours = [each for each in self.measured if each.measurement.metric == DECIDING]
        return [each for each in ours if self.picked is not None and each.window <= self.picked]


def drift(database: Database, address: Mapping[str, str]) -> DriftView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        versions = model_versions(snapshot)
        model = choose([each.model for each in versions], address.get("model"))
        ours = [each for each in reversed(versions) if each.model == model.chosen]
        version = choose([each.version for each in ours], address.get("version"))
        known = next((each for each in ours if each.version == version.chosen), None)
        view = DriftView(model=model, version=version)
        return view if known is None else _of_version(snapshot, view, known, address)


def choose(options: Sequence[str], wanted: str | None) -> Choice:
    """What was asked for, or the first there is."""
    distinct = tuple(dict.fromkeys(options))
    if wanted is None or wanted in distinct:
        return Choice(options=distinct, chosen=wanted or next(iter(distinct), None))
    return Choice(options=distinct, chosen=next(iter(distinct), None), unknown=True)


def span_of(windows: Sequence[Window], address: Mapping[str, str]) -> Window:
    """From when to when: as the address says, else the newest windows; never more than can be told apart."""
    starts, ends = address.get("from"), address.get("to")
    shown = [
        window
        for window in windows
        if (starts is None or stamp(window.start) >= starts) and (ends is None or stamp(window.start) <= ends)
    ]
    kept = (shown or windows)[-(MOST if starts is not None and shown else SHOWN) :]
    return Window(start=kept[0].start, end=max(window.end for window in kept))


def _of_version(
    snapshot: Snapshot, view: DriftView, version: ModelVersion, address: Mapping[str, str]
) -> DriftView:
    scopes = judged.scopes(snapshot, version.model, version.version, MONITOR)
    arm = choose([each.arm.value for each in sorted(scopes, key=_stable_first)], address.get("arm"))
    parts = [each.slice for each in scopes if each.arm.value == arm.chosen]
    part = choose(sorted(parts, key=lambda name: name != ALL), address.get("slice"))
    view = replace(view, has_reference=version.reference is not None, arm=arm, slice=part)
    scope = next((each for each in scopes if (each.arm.value, each.slice) == (arm.chosen, part.chosen)), None)
    return view if scope is None else _of_scope(snapshot, view, scope, version.reference, address)


def _of_scope(
    snapshot: Snapshot, view: DriftView, scope: Scope, reference: str | None, address: Mapping[str, str]
) -> DriftView:
    windows = judged.windows(snapshot, scope, MONITOR, DECIDING)
    span = span_of(windows, address)
    cells = judged.judgements_between(snapshot, scope, span, Asked(monitors=(MONITOR,), metric=DECIDING))
    column = choose(_worst_first(cells), address.get("column"))
    newest_first = sorted({each.window for each in cells}, reverse=True)
    window = choose([stamp(each.start) for each in newest_first], address.get("window"))
    view = replace(view, windows=tuple(windows), span=span, cells=tuple(cells), column=column, window=window)
    picked = next((each for each in newest_first if stamp(each.start) == window.chosen), None)
    if column.chosen is None or picked is None:
        return view
    about = Asked(monitors=(MONITOR,), column=column.chosen)
    alerts = [
        alert
        for alert in open_alerts(snapshot, model=scope.model, version=scope.version)
        if (alert.scope, alert.monitor, alert.column) == (scope, MONITOR, column.chosen)
    ]
    return replace(
        view,
        picked=picked,
        measured=tuple(judged.judgements_between(snapshot, scope, span, about)),
        alert=alerts[0] if alerts else None,
        distribution=distribution(snapshot, scope, picked, reference, column.chosen) if reference else None,
    )


def _worst_first(cells: Sequence[Judgement]) -> list[str]:
    """Columns, the one with most breached windows first; of equal ones the one that moved furthest."""
    found: dict[str, tuple[int, float]] = {}
    for each in cells:
        if each.measurement.column is None:
            continue
        breached, furthest = found.get(each.measurement.column, (0, 0.0))
        value = each.measurement.value or 0.0
        found[each.measurement.column] = (breached + each.measurement.breached, max(furthest, value))
    return sorted(found, key=lambda name: (-found[name][0], -found[name][1], name))


def _stable_first(scope: Scope) -> tuple[bool, Scope]:
    return scope.arm is not Arm.STABLE, scope
