"""Chooses rows to be labelled as their events pass, segment by segment, by the plan of their day.

What is slow is done before the transaction (`candidates`); in it the plans go on, and the choices are stored.
An event is decided on once, when the joiner takes its segment: a label that came before is found then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.manifest import ModelSpec
from monitors.blocks import block_of_columns
from monitors.columns import watched_columns
from monitors.errors import FrameError
from monitors.frames import Frame
from monitors.process.decoding import Decoded, ModelKey
from monitors.process.halving import digest
from monitors.process.watched import Watched, Watchlist
from monitors.sampled import Sampled
from monitors.sampling.certainty import cells_of
from monitors.sampling.plan import (
    Candidates,
    Plan,
    decoded_plan,
    draws_of,
    encoded,
    first_plan,
    key_of,
    strata_of,
)
from monitors.settings import SamplingSettings
from storage.clock import Clock
from storage.counting import CountingWrite
from storage.records import EventId, InferenceEvent, Outcome, Value
from storage.samples import Sample, add_samples, newest_plan, save_plan

Events = Sequence[tuple[EventId, InferenceEvent]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Candidates of one segment and day, and the events that they are rows of."""

    key: ModelKey
    day: datetime
    candidates: Candidates
    events: Events
    event_of_row: NDArray[np.intp]
    row_in_event: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A row that is to be labelled, with its event."""

    sample: Sample
    event: InferenceEvent


class Chooser:
    """Decides on the rows of events that were not seen before."""

    def __init__(self, *, watchlist: Watchlist, settings: SamplingSettings, clock: Clock) -> None:
        self._watchlist = watchlist
        self._settings = settings
        self._clock = clock

    def candidates(self, decoded: Decoded) -> list[Lot]:
        """Rows that may be chosen, in the order of their segments. Harmless to repeat."""
        lots: list[Lot] = []
        for key, events in sorted(decoded.events.items()):
            watched = self._watchlist.known(key)
            if watched is None or self._settings.budget_of(key[0]) == 0:
                continue
            monitor = watched.monitors.get("sampling")
            if not isinstance(monitor, Sampled):  # switched off, or nothing here can be right or wrong
                continue
            answered = [each for each in events if each[1].outcome is Outcome.OK and each[1].rows]
            # an event that no monitor can read is in quarantine, and cannot be chosen
            for rows in digest(answered, partial(_Rows, watched, monitor)).results:
                lots += rows.lots()
        return lots

    def choose(self, lots: Sequence[Lot], write: CountingWrite) -> list[Choice]:
        """Choose among these rows, and store the choices and how the plans go on."""
        plans: dict[tuple[ModelKey, datetime], Plan] = {}
        choices: list[Choice] = []
        for lot in lots:
            place = lot.key, lot.day
            plan = plans[place] if place in plans else self._plan(lot, plans, write)
            plans[place], pi = plan.choose(lot.candidates)
            choices += [_choice(lot, row, float(pi[row])) for row in np.flatnonzero(~np.isnan(pi)).tolist()]
        now = self._clock()
        for ((model, version), day), plan in plans.items():
            save_plan(
                write.connection, model=model, version=version, day=day, body=encoded(plan), made_at=now
            )
        add_samples(write.connection, [each.sample for each in choices], stored_at=now)
        return choices

    def _plan(self, lot: Lot, plans: Mapping[tuple[ModelKey, datetime], Plan], write: CountingWrite) -> Plan:
        """The plan of a day as it stands, or its first, by what the days before brought."""
        body = newest_plan(write.connection, *lot.key, until=lot.day)
        known = [plan for (key, day), plan in plans.items() if key == lot.key and day < lot.day]
        known += [] if body is None else [decoded_plan(body)]
        newest = max(known, key=lambda plan: plan.day, default=None)
        if newest is not None and newest.day == lot.day:
            return newest
        return first_plan(lot.day, self._settings.budget_of(lot.key[0]), newest, lot.candidates)


class _Rows:
    """The answered rows of a take, of one model version."""

    def __init__(self, watched: Watched, monitor: Sampled, events: Events) -> None:
        manifest = watched.manifest
        counts = np.array([event.rows for _, event in events])
        frame = _frame(manifest, events)
        cells = cells_of(frame, manifest)
        arms = [event.arm for _, event in events]
        names = {name: code for code, name in enumerate(dict.fromkeys(arms))}
        codes = np.repeat([names[arm] for arm in arms], counts)
        self._key = watched.key
        self._events = events
        self._starts = np.append(0, np.cumsum(counts))
        self._usable = cells >= 0
        self._certainty = monitor.certainties[cells]
        self._strata = [strata_of("arm", list(names), codes)]
        for name in manifest.slices:
            groups = frame.groups(name)
            self._strata.append(strata_of(name, groups.names, groups.codes))

    def lots(self) -> list[Lot]:
        """By segment, and in it by day."""
        n = len(self._events)
        days = np.fromiter((event.at.toordinal() for _, event in self._events), dtype=np.int64, count=n)
        segments = np.fromiter((id_.segment for id_, _ in self._events), dtype=np.int64, count=n)
        producers = np.array([id_.producer for id_, _ in self._events])
        moved = (np.diff(days) != 0) | (np.diff(segments) != 0) | (producers[1:] != producers[:-1])
        runs: dict[tuple[str, int, int], list[NDArray[np.intp]]] = {}
        for run in np.split(np.arange(n), np.flatnonzero(moved) + 1):
            id_, event = self._events[run[0]]
            runs.setdefault((id_.producer, id_.segment, event.at.toordinal()), []).append(run)
        found = [self._lot(day, np.concatenate(members)) for (_, _, day), members in runs.items()]
        return [lot for lot in found if len(lot.event_of_row)]

    def _lot(self, day: int, members: NDArray[np.intp]) -> Lot:
        events = [self._events[place] for place in members.tolist()]
        starts, counts = self._starts[members], np.diff(self._starts)[members]
        event_of_row = np.repeat(np.arange(len(members)), counts)
        row_in_event = np.arange(len(event_of_row)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = starts[event_of_row] + row_in_event
        usable = self._usable[rows]
        rows, event_of_row, row_in_event = rows[usable], event_of_row[usable], row_in_event[usable]
        times = [event.at for _, event in events]
        producer, segment = events[0][0].producer, events[0][0].segment
        offsets = np.array([id_.offset for id_, _ in events])[event_of_row]
        return Lot(
            key=self._key,
            day=datetime.fromordinal(day).replace(tzinfo=UTC),
            candidates=Candidates(
                first_at=min(times),
                last_at=max(times),
                certainty=self._certainty[rows],
                strata=tuple(each.take(rows) for each in self._strata),
                draws=draws_of(producer, segment, offsets, row_in_event, key_of(*self._key)),
            ),
            events=events,
            event_of_row=event_of_row,
            row_in_event=row_in_event,
        )


def _frame(manifest: ModelSpec, events: Events) -> Frame:
    """What a choice depends on, of all rows. Raises `FrameError` where columns do not fit their event."""
    rows = [event.rows for _, event in events]
    tagged = {name for name in manifest.slices if any(name in event.tags for _, event in events)}
    outputs = manifest.output_names
    values: dict[str, list[Value]] = {}
    for name in {*outputs[:2], *manifest.slices} - tagged:
        given = [event.outputs if name in outputs else event.inputs for _, event in events]
        values[name] = _joined([columns.get(name) for columns in given], rows)
    tags = {name: _joined([event.tags.get(name) for _, event in events], rows) for name in sorted(tagged)}
    columns = {column.name: column for column in watched_columns(manifest)}
    return Frame(block_of_columns(values, columns, rows=sum(rows), tags=tags, labels=None))


def _joined(parts: Sequence[Sequence[Any] | None], rows: Sequence[int]) -> list[Any]:
    lists: list[Sequence[Any]]
    lists = [(None,) * n if part is None else part for part, n in zip(parts, rows, strict=True)]
    if list(map(len, lists)) != rows:
        raise FrameError("a column is not as long as its event has rows")
    return list(chain.from_iterable(lists))


def _choice(lot: Lot, row: int, pi: float) -> Choice:
    id_, event = lot.events[lot.event_of_row[row]]
    model, version = lot.key
    return Choice(
        sample=Sample(
            event=id_,
            row=int(lot.row_in_event[row]),
            model=model,
            version=version,
            arm=event.arm,
            tenant=event.key,
            at=event.at,
            pi=pi,
            certainty=float(lot.candidates.certainty[row]),
        ),
        event=event,
    )
