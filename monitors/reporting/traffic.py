"""The rows of a window, from stored segments: all of them, or a sample that is the same each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from inference.manifest import Manifest
from monitors.errors import FrameError
from monitors.frames import Frame, frames_of
from monitors.groupings import bounded
from monitors.process.decoding import collector_paused
from monitors.reporting.rows import Rows, joined, rows_of
from storage.database import Database
from storage.labels import labels_of
from storage.records import ALL, EventId, InferenceEvent, ReportWish
from storage.searching import EventFilter, FoundEvent, events_at, places_between
from storage.slices import slice_values

MOST_ROWS = 50_000
"""Evidently's time grows with the rows; so many tell what there is to tell."""

_AT_ONCE = 16
_HELD = 4 * MOST_ROWS  # rows that are in memory before some are let go

Progress = Callable[[float], None]
"""Hears how far something is, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What was found of a window."""

    rows: Rows
    seen: int  # rows of which these are a sample, or all
    unreadable: int  # events that contradict themselves; the monitors set them aside too


@dataclass(slots=True)
class Sample:
    """The rows with the smallest keys: the same ones in whatever order they come."""

    most: int = MOST_ROWS
    seen: int = 0
    _rows: list[Rows] = field(default_factory=list)
    _keys: list[NDArray[np.uint64]] = field(default_factory=list)

    def add(self, rows: Rows, keys: NDArray[np.uint64]) -> None:
        """Take rows in, each with its key."""
        if rows.n == 0:
            return
        self.seen += rows.n
        self._rows.append(rows)
        self._keys.append(keys)
        if sum(map(len, self._keys)) > _HELD:
            self._shrink()

    def result(self) -> Rows:
        """The sample, in the order of its keys. There must be rows."""
        self._shrink()
        return self._rows[0]

    def _shrink(self) -> None:
        keys = np.concatenate(self._keys)
        kept = np.argsort(keys, kind="stable")[: self.most]
        self._rows, self._keys = [joined(self._rows).take(kept)], [keys[kept]]


def traffic_of(
    database: Database, wish: ReportWish, manifest: Manifest, *, labelled: bool, progress: Progress
) -> Traffic:
    """The answered rows of a window; `labelled`: those that have a label, with it."""
    asked = EventFilter(start=wish.start, end=wish.end, model=wish.model, version=wish.version, arm=wish.arm)
    with database.read() as connection:
        places = places_between(connection, wish.start, wish.end)
        admitted = slice_values(connection, wish.model, wish.version)
    sample, unreadable = Sample(), 0
    for first in range(0, len(places), _AT_ONCE):
        with collector_paused():
            with database.read() as connection:
                events = events_at(connection, places[first : first + _AT_ONCE], asked)
            for whole in _frames(events, manifest):
                if whole is None:
                    unreadable += 1
                    continue
                _add(sample, _part(whole.ok, wish.slice, admitted), manifest, database if labelled else None)
        progress(min(1.0, (first + _AT_ONCE) / len(places)))
    rows = sample.result() if sample.seen else Rows(n=0)
    return Traffic(rows=rows, seen=sample.seen, unreadable=unreadable)


def _frames(events: Sequence[FoundEvent], manifest: Manifest) -> Iterator[Frame | None]:
    """Frames whose columns can be read; None for each event that cannot."""
    pairs = [(each.id, each.event) for each in events]
    try:
        yield from [_read(frame) for frame in frames_of(pairs, manifest, manifest.window.length)]
    except FrameError:
        for pair in pairs:
            yield _read_alone(pair, manifest)


def _read_alone(pair: tuple[EventId, InferenceEvent], manifest: Manifest) -> Frame | None:
    (frame,) = frames_of([pair], manifest, manifest.window.length)
    try:
        return _read(frame)
    except FrameError:
        return None


def _read(frame: Frame) -> Frame:
    """The frame, once every column of it was gathered. Raises `FrameError`."""
    for column in frame.columns.values():
        frame.column(column.source)
    return frame


def _part(frame: Frame, part: str, admitted: Mapping[str, frozenset[str]]) -> Frame:
    """The rows of a slice, cut as the monitors cut it."""
    if part == ALL:
        return frame
    name, _, value = part.partition("=")
    groups = bounded(frame.groups(name), name, lambda name, _: admitted.get(name, frozenset()))
    codes = [code for code, each in enumerate(groups.names) if each == value]
    return frame.where(np.isin(groups.codes, codes))


def _add(sample: Sample, frame: Frame, manifest: Manifest, labels: Database | None) -> None:
    places = frame.places(np.arange(frame.rows))
    keys = np.array([_key(event, row) for event, row in places], dtype=np.uint64)
    if labels is None:
        sample.add(rows_of(frame, manifest), keys)
        return
    with labels.read() as connection:
        known = labels_of(connection, {event for event, _ in places})
    said = [known[place].value if place in known else None for place in places]
    rows = rows_of(frame, manifest, said)
    sample.add(rows.take(rows.with_label), keys[rows.with_label])


def _key(event: EventId, row: int) -> int:
    return int.from_bytes(blake2b(f"{event}/{row}".encode(), digest_size=8).digest())
