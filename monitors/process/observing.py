"""What one monitor counts in decoded segments of one model version, and which events it cannot digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from monitors.base import Monitor
from monitors.frames import Frame, frames_of, frames_of_changes
from monitors.process.decoding import Decoded
from monitors.process.halving import digest
from monitors.process.slices import Slices
from monitors.process.watched import Watched
from monitors.scores import ScoreColumns, TakeScorer
from storage.clock import Clock
from storage.quarantine import Quarantined
from storage.records import ALL, EventId, InferenceEvent, LabelChange, Scope
from storage.summaries import SummaryKey
from storage.summary import Summary
from storage.windows import WindowKey

Events = Sequence[tuple[EventId, InferenceEvent]]
Changes = Sequence[tuple[EventId, LabelChange]]
R = TypeVar("R", InferenceEvent, LabelChange)
Pane = tuple[Scope, datetime]
Panes = dict[Pane, Summary]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What is to be written for one or more monitors."""

    summaries: dict[SummaryKey, Summary] = field(default_factory=dict)
    windows: set[WindowKey] = field(default_factory=set)
    quarantined: list[Quarantined] = field(default_factory=list)


class Observer:
    """Shows frames to monitors. The frames and slices of a take are made once and shared by all of them."""

    def __init__(self, slices: Slices, *, clock: Clock, scorer: TakeScorer | None = None) -> None:
        self._slices = slices
        self._clock = clock
        self._scorer = scorer  # None: its monitors need no scores

    def observe(self, watched: Watched, names: Sequence[str], decoded: Decoded) -> dict[str, Counted]:
        """What each of these monitors counts of one model version."""
        events = decoded.events.get(watched.key, [])
        changes = decoded.changes.get(watched.key, [])
        scores = None
        if self._scorer is not None and any(name in watched.monitors for name in names):
            scores = self._scorer.score(events, watched.manifest, watched.scorer).of
        framed = _Framed(self._slices, watched, events, scores)
        found: dict[str, Counted] = {}
        for name in names:
            monitor = watched.monitors.get(name)
            if monitor is None:
                continue
            counted = found[name] = Counted()
            self._count(counted, watched, name, decoded.partition, events, framed.observed_by(monitor))
            if monitor.uses_labels and changes:
                joined = _changes_observed_by(monitor, watched, self._slices)
                self._count(counted, watched, name, decoded.partition, changes, joined)
        return found

    def _count(  # noqa: PLR0913, PLR0917  # what is counted, and whose it is
        self,
        counted: Counted,
        watched: Watched,
        name: str,
        partition: int,
        items: Sequence[tuple[EventId, R]],
        observe: Callable[[Sequence[tuple[EventId, R]]], Panes],
    ) -> None:
        digested = digest(items, observe)
        for panes in digested.results:
            for (scope, start), summary in panes.items():
                if not summary:
                    continue
                key = SummaryKey(
                    monitor=name,
                    scope=scope,
                    reference=watched.reference_of(name),
                    start=start,
                    length_s=int(watched.pane.total_seconds()),
                    partition=partition,
                )
                counted.summaries[key] = counted.summaries.get(key, Summary()) + summary
                window = watched.window_of(start, name)
                counted.windows.add(WindowKey(monitor=name, scope=scope, window=window))
        now = self._clock()
        for (id_, record), error in digested.bad:
            counted.quarantined.append(
                Quarantined(
                    event=id_,
                    monitor=name,
                    partition=partition,
                    error=error,
                    event_at=record.at,
                    stored_at=now,
                    model=watched.manifest.name,
                    version=watched.manifest.version,
                )
            )


class _Framed:
    """Events of a take as frames in slices. Those of the whole take are kept; those of its halves are not."""

    def __init__(
        self,
        slices: Slices,
        watched: Watched,
        events: Events,
        scores: Callable[[Events], ScoreColumns] | None,
    ) -> None:
        self._scores = scores
        self._slices = slices
        self._watched = watched
        self._events = events
        self._whole: list[tuple[Pane, Frame]] | None = None

    def observed_by(self, monitor: Monitor) -> Callable[[Events], Panes]:
        return lambda events: {
            pane: _kept(pane, monitor.observe(frame))
            for pane, frame in self._panes(events)
            if _is_shown(monitor, pane)
        }

    def _panes(self, events: Events) -> list[tuple[Pane, Frame]]:
        if events is not self._events:
            return list(_in_slices(self._cut(events), self._slices, self._watched))
        if self._whole is None:
            self._whole = list(_in_slices(self._cut(events), self._slices, self._watched))
        return self._whole

    def _cut(self, events: Events) -> list[Frame]:
        return frames_of(events, self._watched.manifest, self._watched.pane, self._scores)


def _in_slices(frames: Sequence[Frame], slices: Slices, watched: Watched) -> Iterator[tuple[Pane, Frame]]:
    for frame in frames:
        if frame.start is None:  # rows of a file: none of them comes this way
            continue
        for part in slices.of(frame, watched):
            yield (_scope(watched, frame, part.slice), frame.start), part.frame


def _changes_observed_by(monitor: Monitor, watched: Watched, slices: Slices) -> Callable[[Changes], Panes]:
    """Label changes, as what is believed now less what was believed before."""

    def observe(changes: Changes) -> Panes:
        panes: Panes = {}
        for joined in frames_of_changes((each for _, each in changes), watched.manifest, watched.pane):
            after = dict(_in_slices([joined.after], slices, watched))
            before = dict(_in_slices([joined.before], slices, watched))
            for pane, frame in after.items():
                if _is_shown(monitor, pane):
                    panes[pane] = monitor.observe(frame) - monitor.observe(before[pane])
        return panes

    return observe


def _is_shown(monitor: Monitor, pane: Pane) -> bool:
    return monitor.uses_slices or pane[0].slice == ALL


def _kept(pane: Pane, summary: Summary) -> Summary:
    """Examples of the whole alone: nobody asks for those of a slice, which take more room than its counts."""
    return summary if pane[0].slice == ALL else Summary(summary.counts, summary.reference)


def _scope(watched: Watched, frame: Frame, name: str) -> Scope:
    return Scope(model=watched.manifest.name, version=watched.manifest.version, arm=frame.arm, slice=name)
