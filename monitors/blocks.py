"""The rows behind frames, as columns: gathered from events when first asked for, or given as they are.

Frames of the same rows (a whole, its slices) share one block, so a column is gathered and read once for all
of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.columns import (
    ANY_GROUP,
    Categories,
    Kind,
    Mask,
    Numbers,
    WatchedColumn,
    read_categories,
    read_lengths,
    read_numbers,
)
from monitors.errors import FrameError
from storage.records import Arm, EventId, InferenceEvent, Outcome, Value

Label = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The requests that rows came in. Times are NaN where nobody took them."""

    outcomes: tuple[Outcome, ...]
    queue_s: NDArray[np.float64]
    compute_s: NDArray[np.float64]
    total_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.outcomes)

    def take(self, index: NDArray[np.intp]) -> Requests:
        """Some of the requests."""
        return Requests(
            outcomes=tuple(self.outcomes[i] for i in index.tolist()),
            queue_s=self.queue_s[index],
            compute_s=self.compute_s[index],
            total_s=self.total_s[index],
        )


NO_REQUESTS = Requests(outcomes=(), queue_s=np.empty(0), compute_s=np.empty(0), total_s=np.empty(0))
"""What rows of a file, or of labels, came in."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Rows of one arm and pane. `gather` and `gather_tag` give a column by its name."""

    rows: int
    columns: Mapping[str, WatchedColumn]
    gather: Callable[[str], Sequence[Value]]
    gather_tag: Callable[[str], Sequence[str | None]]
    tags: tuple[str, ...] = ()
    arm: Arm = Arm.STABLE
    start: datetime | None = None
    answered: Mask | None = None  # None: every row
    understood: Mask | None = None  # None: every row
    labels: Sequence[Label] | None = None
    conflicts: NDArray[np.bool_] | None = None
    pi: NDArray[np.float64] | None = None  # with which each row was chosen to be labelled; NaN: it was not
    delays: NDArray[np.float64] | None = None  # seconds from each prediction to its first label; NaN: none
    ids: tuple[EventId, ...] = ()  # of the events
    scores: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)  # by text column: rows x classes
    requests: Requests = NO_REQUESTS
    request_of_row: NDArray[np.intp] | None = None
    _values: dict[str, Sequence[Value]] = field(default_factory=dict)
    _numbers: dict[str, Numbers] = field(default_factory=dict)
    _categories: dict[str, Categories] = field(default_factory=dict)
    _groups: dict[str, Categories] = field(default_factory=dict)

    def values(self, name: str) -> Sequence[Value]:
        """An input or output as it came."""
        if name not in self._values:
            self._values[name] = self.gather(name)
        return self._values[name]

    def numbers(self, name: str) -> Numbers:
        """A column read as numbers; a derived one from the text that it belongs to."""
        if name not in self._numbers:
            column = self.columns.get(name)
            derived = column is not None and column.kind is Kind.LENGTH
            self._numbers[name] = (
                read_lengths(self.values(column.source))
                if column and derived
                else read_numbers(self.values(name))
            )
        return self._numbers[name]

    def categories(self, name: str) -> Categories:
        """A column read as the groups of its kind."""
        if name not in self._categories:
            column = self.columns.get(name)
            allowed = column.allowed if column is not None else ANY_GROUP
            self._categories[name] = read_categories(self.values(name), allowed)
        return self._categories[name]

    def groups(self, name: str) -> Categories:
        """A tag, or else an input, read as groups of any type."""
        if name not in self._groups:
            values = self.gather_tag(name) if name in self.tags else self.values(name)
            self._groups[name] = read_categories(values, ANY_GROUP)
        return self._groups[name]


def block_of_events(
    events: Sequence[tuple[EventId, InferenceEvent]],
    columns: Mapping[str, WatchedColumn],
    outputs: frozenset[str],
    start: datetime,
    scores: Mapping[str, NDArray[np.float32]] | None = None,
) -> Block:
    """A block of events of one arm and pane.

    Raises `FrameError` when a column is asked for whose lengths differ.
    """
    rows = [event.rows for _, event in events]
    total = sum(rows)
    inputs, outs = [_inputs(event) for _, event in events], [event.outputs for _, event in events]
    tags = [event.tags for _, event in events]

    def gather(name: str) -> Sequence[Value]:
        return _concatenated(name, outs if name in outputs else inputs, rows, events)

    def gather_tag(name: str) -> Sequence[str | None]:
        return _concatenated(name, tags, rows, events)

    answered = [event.outcome is Outcome.OK for _, event in events]
    understood = [bool(columns) for columns in inputs]
    return Block(
        rows=total,
        columns=columns,
        gather=gather,
        gather_tag=gather_tag,
        tags=tuple(sorted(set(chain.from_iterable(tags)))),
        arm=events[0][1].arm,
        start=start,
        answered=None if all(answered) else np.repeat(answered, rows),
        understood=None if all(understood) else np.repeat(understood, rows),
        requests=Requests(
            outcomes=tuple(event.outcome for _, event in events),
            queue_s=_seconds([event.queue_s for _, event in events]),
            compute_s=_seconds([event.compute_s for _, event in events]),
            total_s=_seconds([event.total_s for _, event in events]),
        ),
        request_of_row=np.repeat(np.arange(len(rows)), rows),
        ids=tuple(id_ for id_, _ in events),
        scores=scores or {},
    )


def block_of_columns(  # noqa: PLR0913
    values: Mapping[str, Sequence[Value]],
    columns: Mapping[str, WatchedColumn],
    *,
    rows: int,
    tags: Mapping[str, Sequence[str | None]],
    labels: Sequence[Label] | None,
    arm: Arm = Arm.STABLE,
    start: datetime | None = None,
    conflicts: NDArray[np.bool_] | None = None,
    pi: NDArray[np.float64] | None = None,
    delays: NDArray[np.float64] | None = None,
    scores: Mapping[str, NDArray[np.float32]] | None = None,
) -> Block:
    """A block of rows that lie in columns already."""
    for name, column in (*values.items(), *tags.items()):
        if len(column) != rows:
            raise FrameError(f"column '{name}' has {len(column)} values for {rows} rows")
    nothing = [None] * rows
    return Block(
        rows=rows,
        columns=columns,
        gather=lambda name: values.get(name, nothing),
        gather_tag=lambda name: tags.get(name, nothing),
        tags=tuple(sorted(tags)),
        arm=arm,
        start=start,
        labels=labels,
        conflicts=conflicts,
        pi=pi,
        delays=delays,
        scores=scores or {},
    )


def _inputs(event: InferenceEvent) -> Mapping[str, Sequence[Value]]:
    """The inputs of an event, or none if it was refused because they do not fit each other."""
    if event.outcome is Outcome.OK or all(len(values) == event.rows for values in event.inputs.values()):
        return event.inputs
    return {}


def _concatenated(
    name: str,
    parts: Sequence[Mapping[str, Sequence[Value]]] | Sequence[Mapping[str, Sequence[str | None]]],
    rows: Sequence[int],
    events: Sequence[tuple[EventId, InferenceEvent]],
) -> list[Any]:
    found = [part.get(name) for part in parts]
    lists = [[None] * n if values is None else values for values, n in zip(found, rows, strict=True)]
    if list(map(len, lists)) != rows:
        place = next(i for i, n in enumerate(rows) if len(lists[i]) != n)
        raise FrameError(
            f"event {events[place][0]}: column '{name}' has {len(lists[place])} values for {rows[place]} rows"
        )
    return list(chain.from_iterable(lists))


def _seconds(times: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array(times, dtype=np.float64)  # None becomes NaN
