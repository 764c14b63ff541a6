"""Which traffic a page speaks of: what there is to pick from, and what the address of the page picks.

Every page about a model version begins with it, so what was picked on one page holds on the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from dashboard.words import stamp
from storage import judged
from storage.judged import Snapshot
from storage.models import ModelVersion, model_versions
from storage.records import ALL, Arm, Scope, Window

SHOWN = 40
"""How many windows are shown unless the address says otherwise."""

NEWEST, OWN = "newest", "own"
RANGES: Mapping[str, timedelta | None] = {
    NEWEST: None,
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "all": None,
    OWN: None,
}
"""How far back a page looks, from the newest window on; `own`: from one window to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One out of what there is. `unknown`: the address asked for something that is not there."""

    options: tuple[str, ...] = ()
    chosen: str | None = None  # None: there is nothing to choose from
    unknown: bool = False


NOTHING = Choice()
"""There is nothing to choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The traffic that was picked, and what else could be. What was not chosen, for want of it, is empty."""

    model: Choice = NOTHING
    version: Choice = NOTHING
    arm: Choice = NOTHING
    slice: Choice = NOTHING
    range: Choice = NOTHING
    registered: ModelVersion | None = None  # the version, as it was registered
    scope: Scope | None = None  # None: nothing was judged of it
    windows: tuple[Window, ...] = ()  # all that were judged, oldest first
    span: Window | None = None  # those of them that are shown; None: there are none

    @property
    def unknown(self) -> bool:
        """Whether the address names something that is not there."""
        choices = (self.model, self.version, self.arm, self.slice, self.range)
        return any(choice.unknown for choice in choices)

    @property
    def shown(self) -> tuple[Window, ...]:
        """The windows in the span."""
        span = self.span
        if span is None:
            return ()
        return tuple(window for window in self.windows if span.start <= window.start < span.end)


def subject(snapshot: Snapshot, address: Mapping[str, str], monitor: str, metric: str) -> Subject:
    """Read it, for pages about what a monitor measured. `metric` is one that it measures of every window."""
    versions = model_versions(snapshot)
    model = choose([each.model for each in versions], address.get("model"))
    ours = [each for each in reversed(versions) if each.model == model.chosen]
    version = choose([each.version for each in ours], address.get("version"))
    registered = next((each for each in ours if each.version == version.chosen), None)
    found = Subject(model=model, version=version, registered=registered)
    if registered is None:
        return found
    scopes = judged.scopes(snapshot, registered.model, registered.version, monitor)
    arm = choose([each.arm.value for each in sorted(scopes, key=_stable_first)], address.get("arm"))
    parts = [each.slice for each in scopes if each.arm.value == arm.chosen]
    part = choose(sorted(parts, key=lambda name: name != ALL), address.get("slice"))
    scope = next((each for each in scopes if (each.arm.value, each.slice) == (arm.chosen, part.chosen)), None)
    found = replace(found, arm=arm, slice=part, scope=scope)
    if scope is None:
        return found
    windows = tuple(judged.windows(snapshot, scope, monitor, metric))
    wanted = OWN if "from" in address or "to" in address else address.get("range")
    span = span_of(windows, address) if windows else None
    found = replace(found, windows=windows, span=span, range=choose(tuple(RANGES), wanted))
    if wanted == OWN and windows and not _between(windows, address.get("from"), address.get("to")):
        return replace(found, range=replace(found.range, chosen=NEWEST, unknown=True))
    return found


def choose(options: Sequence[str], wanted: str | None) -> Choice:
    """What was asked for, or the first there is."""
    distinct = tuple(dict.fromkeys(options))
    if wanted is None or wanted in distinct:
        return Choice(options=distinct, chosen=wanted or next(iter(distinct), None))
    return Choice(options=distinct, chosen=next(iter(distinct), None), unknown=True)


def span_of(windows: Sequence[Window], address: Mapping[str, str]) -> Window:
    """From when to when: as the address says, else the newest windows. There must be one at least.

    A range ends with the newest window, not today: the time of a replay is that of its events.
    """
    starts, ends = address.get("from"), address.get("to")
    wanted = address.get("range", NEWEST)
    back = RANGES.get(wanted)
    if starts is not None or ends is not None:
        shown = _between(windows, starts, ends)
    elif back is not None:
        shown = [window for window in windows if window.start >= windows[-1].end - back] or [windows[-1]]
    else:
        shown = list(windows) if wanted == "all" else []
    kept = shown or windows[-SHOWN:]
    return Window(start=kept[0].start, end=max(window.end for window in kept))


def _between(windows: Sequence[Window], starts: str | None, ends: str | None) -> list[Window]:
    """Those that begin between two stamps, both of them in."""
    return [
        window
        for window in windows
        if (starts is None or stamp(window.start) >= starts) and (ends is None or stamp(window.start) <= ends)
    ]


def _stable_first(scope: Scope) -> tuple[bool, Scope]:
    return scope.arm is not Arm.STABLE, scope
