"""Chooses rows to be labelled as their events pass, segment by segment, by the plan of their day.

What is slow is done before the transaction (`candidates`); in it the plans go on, and the choices are stored.
An event is decided on once, when the joiner takes its segment: a label that came before is found then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from monitors.blocks import block_of_events
from monitors.certainty import cells_of
from monitors.columns import watched_columns
from monitors.decoding import Decoded, ModelKey
from monitors.frames import Frame
from monitors.halving import digest
from monitors.sampled import Sampled
from monitors.sampling import (
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
from monitors.watched import Watched, Watchlist
from storage.clock import Clock
from storage.counting import CountingWrite
from storage.records import EventId, InferenceEvent, Outcome
from storage.samples import Sample, add_samples, newest_plan, save_plan

Events = Sequence[tuple[EventId, InferenceEvent]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
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

    def candidates(self, decoded: Decoded) -> list[Batch]:
        """Rows that may be chosen, in the order of their segments. Harmless to repeat."""
        batches: list[Batch] = []
        for key, events in sorted(decoded.events.items()):
            watched = self._watchlist.find(key)
            if watched is None or self._settings.budget_of(key[0]) == 0:
                continue
            monitor = watched.monitors.get("sampling")
            if not isinstance(monitor, Sampled):  # switched off, or nothing here can be right or wrong
                continue
            answered = [each for each in events if each[1].outcome is Outcome.OK and each[1].rows]
            # an event that no monitor can read is in quarantine, and cannot be chosen
            for rows in digest(answered, partial(_Rows, watched, monitor)).results:
                batches += rows.batches()
        return batches

    def choose(self, batches: Sequence[Batch], write: CountingWrite) -> list[Choice]:
        """Choose among these rows, and store the choices and how the plans go on."""
        plans: dict[tuple[ModelKey, datetime], Plan] = {}
        choices: list[Choice] = []
        for batch in batches:
            place = batch.key, batch.day
            plan = plans[place] if place in plans else self._plan(batch, plans, write)
            plans[place], pi = plan.choose(batch.candidates)
            choices += [_choice(batch, row, float(pi[row])) for row in np.flatnonzero(~np.isnan(pi)).tolist()]
        now = self._clock()
        for ((model, version), day), plan in plans.items():
            save_plan(
                write.connection, model=model, version=version, day=day, body=encoded(plan), made_at=now
            )
        add_samples(write.connection, [each.sample for each in choices], stored_at=now)
        return choices

    def _plan(
        self, batch: Batch, plans: Mapping[tuple[ModelKey, datetime], Plan], write: CountingWrite
    ) -> Plan:
        """The plan of a day as it stands, or its first, by what the days before brought."""
        body = newest_plan(write.connection, *batch.key, until=batch.day)
        known = [plan for (key, day), plan in plans.items() if key == batch.key and day < batch.day]
        known += [] if body is None else [decoded_plan(body)]
        newest = max(known, key=lambda plan: plan.day, default=None)
        if newest is not None and newest.day == batch.day:
            return newest
        return first_plan(batch.day, self._settings.budget_of(batch.key[0]), newest, batch.candidates)


class _Rows:
    """The answered rows of a take, of one model version."""

    def __init__(self, watched: Watched, monitor: Sampled, events: Events) -> None:
        manifest = watched.manifest
        columns = {column.name: column for column in watched_columns(manifest)}
        frame = Frame(block_of_events(events, columns, frozenset(manifest.output_names), events[0][1].at))
        counts = [event.rows for _, event in events]
        cells = cells_of(frame, manifest)
        arms = [event.arm.value for _, event in events]
        names = tuple(dict.fromkeys(arms))
        codes = np.repeat([names.index(arm) for arm in arms], counts)
        slices = [(name, frame.groups(name)) for name in manifest.slices]
        self._key = watched.key
        self._events = events
        self._starts = np.cumsum([0, *counts])
        self._usable = cells >= 0
        self._certainty = monitor.certainties[cells]
        self._strata = (
            strata_of("arm", names, codes),
            *(strata_of(name, groups.names, groups.codes) for name, groups in slices),
        )
        draws = draws_of(
            ((id_, count) for (id_, _), count in zip(events, counts, strict=True)), key_of(*self._key)
        )
        self._draws = draws

    def batches(self) -> list[Batch]:
        """By segment, and in it by day."""
        places: dict[tuple[str, int, datetime], list[int]] = {}
        for place, (id_, event) in enumerate(self._events):
            places.setdefault((id_.producer, id_.segment, _day(event.at)), []).append(place)
        found = (self._batch(day, members) for (_, _, day), members in places.items())
        return [batch for batch in found if len(batch.event_of_row)]

    def _batch(self, day: datetime, members: Sequence[int]) -> Batch:
        events = [self._events[place] for place in members]
        starts, ends = self._starts[members], self._starts[np.add(members, 1)]
        event_of_row = np.repeat(np.arange(len(members)), ends - starts)
        row_in_event = np.arange(len(event_of_row)) - np.repeat(
            np.cumsum(ends - starts) - (ends - starts), ends - starts
        )
        rows = starts[event_of_row] + row_in_event
        usable = self._usable[rows]
        rows = rows[usable]
        times = [event.at for _, event in events]
        return Batch(
            key=self._key,
            day=day,
            candidates=Candidates(
                first_at=min(times),
                last_at=max(times),
                certainty=self._certainty[rows],
                strata=tuple(each.take(rows) for each in self._strata),
                draws=self._draws[rows],
            ),
            events=events,
            event_of_row=event_of_row[usable],
            row_in_event=row_in_event[usable],
        )


def _choice(batch: Batch, row: int, pi: float) -> Choice:
    id_, event = batch.events[batch.event_of_row[row]]
    model, version = batch.key
    return Choice(
        sample=Sample(
            event=id_,
            row=int(batch.row_in_event[row]),
            model=model,
            version=version,
            arm=event.arm,
            tenant=event.key,
            at=event.at,
            pi=pi,
            certainty=float(batch.candidates.certainty[row]),
        ),
        event=event,
    )


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
