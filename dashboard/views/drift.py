"""What the drift page shows, read in one moment: the traffic that was picked, its columns, their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.subjects import NOTHING, Choice, Subject, choose, subject
from dashboard.words import stamp
from storage import judged
from storage.alerts import open_alerts
from storage.database import Database
from storage.distributions import Distribution, distribution
from storage.judged import Asked, Snapshot
from storage.records import Alert, Judgement, Scope, Window

MONITOR = "drift"
DECIDING = "drift"
"""The metric that decides; the others are for people to read."""

MOST = 200
"""How many columns of a heat map can still be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """Everything on the page. What was not chosen, because there is nothing of it, is empty."""

    subject: Subject
    cells: tuple[Judgement, ...] = ()  # what decides, by column and window
    column: Choice = NOTHING
    window: Choice = NOTHING  # by its stamp, newest first
    picked: Window | None = None  # the chosen window itself
    measured: tuple[Judgement, ...] = ()  # everything about the column
    alert: Alert | None = None  # the open one of the column
    distribution: Distribution | None = None

    @property
    def unknown(self) -> bool:
        """Whether the address names a column or window that is not there."""
        return self.column.unknown or self.window.unknown

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
        found = subject(snapshot, address, MONITOR, DECIDING)
        if found.scope is None or found.span is None:
            return DriftView(subject=found)
        span = Window(start=found.shown[-MOST:][0].start, end=found.span.end)
        return _of_scope(snapshot, found, found.scope, span, address)


def _of_scope(
    snapshot: Snapshot, found: Subject, scope: Scope, span: Window, address: Mapping[str, str]
) -> DriftView:
    cells = judged.judgements_between(snapshot, scope, span, Asked(monitors=(MONITOR,), metric=DECIDING))
    column = choose(_worst_first(cells), address.get("column"))
    newest_first = sorted({each.window for each in cells}, reverse=True)
    window = choose([stamp(each.start) for each in newest_first], address.get("window"))
    view = DriftView(subject=found, cells=tuple(cells), column=column, window=window)
    picked = next((each for each in newest_first if stamp(each.start) == window.chosen), None)
    if column.chosen is None or picked is None:
        return view
    about = Asked(monitors=(MONITOR,), column=column.chosen)
    reference = found.registered.reference if found.registered is not None else None
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
