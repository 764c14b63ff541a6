"""A frame: a columnar block of events of one model version, arm and pane. What every monitor looks at.

A part of a frame (`where`, `ok`) is a view that shares its columns. A request of several rows is in a part if
any of its rows is, and counts once there: so the requests of all slices together may be more than those of
the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.manifest import ModelSpec
from monitors.blocks import Block, Label, Requests, block_of_columns, block_of_events
from monitors.columns import Categories, Mask, Numbers, WatchedColumn, watched_columns
from monitors.errors import FrameError
from storage.records import Arm, EventId, InferenceEvent, LabelChange, Value

_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Frame:
    """Rows as columns. Make one with `frames_of`, `frames_of_changes` or `frame_of_columns`."""

    def __init__(
        self,
        block: Block,
        index: NDArray[np.intp] | None = None,
        groupings: Mapping[str, Categories] | None = None,
    ) -> None:
        self._block = block
        self._index = index  # None: every row of the block
        self._groupings = groupings or {}
        self._numbers: dict[str, Numbers] = {}
        self._categories: dict[str, Categories] = {}
        self._parts: dict[str, Frame] = {}

    @property
    def arm(self) -> Arm:
        """The arm that all its rows belong to."""
        return self._block.arm

    @property
    def start(self) -> datetime | None:
        """Where its pane begins. None: rows of a file, which belong to no pane."""
        return self._block.start

    @property
    def columns(self) -> Mapping[str, WatchedColumn]:
        """The watched columns of the model, by name."""
        return self._block.columns

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self._block.rows if self._index is None else len(self._index)

    @property
    def ok(self) -> Frame:
        """The rows that were answered."""
        return self._part("ok", self._block.answered)

    @property
    def understood(self) -> Frame:
        """The rows whose inputs were read, whatever became of them."""
        return self._part("understood", self._block.understood)

    def where(self, mask: Mask) -> Frame:
        """The rows for which `mask` is true."""
        chosen = np.flatnonzero(mask)
        groupings = {name: groups.take(chosen) for name, groups in self._groupings.items()}
        return Frame(self._block, chosen if self._index is None else self._index[chosen], groupings)

    def column(self, name: str) -> Sequence[Value]:
        """An input or output as it came; None where an event lacks it."""
        return self._taken(self._block.values(name))

    def numbers(self, name: str) -> Numbers:
        """A column read as numbers, or the numbers derived from a text."""
        if self._index is None:
            return self._block.numbers(name)
        if name not in self._numbers:
            self._numbers[name] = self._block.numbers(name).take(self._index)
        return self._numbers[name]

    def categories(self, name: str) -> Categories:
        """A column read as the groups that its kind allows."""
        if self._index is None:
            return self._block.categories(name)
        if name not in self._categories:
            self._categories[name] = self._block.categories(name).take(self._index)
        return self._categories[name]

    def groups(self, name: str) -> Categories:
        """A tag, or else an input, read as groups to slice by; any text, number or boolean names one."""
        groups = self._block.groups(name)
        return groups if self._index is None else groups.take(self._index)

    @property
    def groupings(self) -> Mapping[str, Categories]:
        """The protected groups of its rows, by what they differ in. Empty if nobody bounded them."""
        return self._groupings

    def grouped(self, groupings: Mapping[str, Categories]) -> Frame:
        """The same rows, with their protected groups."""
        return Frame(self._block, self._index, groupings)

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the tags that came with its block."""
        return self._block.tags

    def tag(self, name: str) -> Sequence[str | None]:
        """The values of a tag; None where an event lacks it."""
        return self._taken(self._block.gather_tag(name))

    @property
    def labels(self) -> Sequence[Label] | None:
        """The truth about each row, None where there is none yet.

        None as a whole: these rows carry no labels.
        """
        return None if self._block.labels is None else self._taken(self._block.labels)

    @property
    def conflicts(self) -> int:
        """Changes of labels among its rows in which two labels disagreed."""
        conflicts = self._block.conflicts
        if conflicts is None:
            return 0
        return int(np.count_nonzero(conflicts if self._index is None else conflicts[self._index]))

    @property
    def pi(self) -> NDArray[np.float64]:
        """The probability with which each row was chosen to be labelled; NaN where it was not."""
        pi = self._block.pi
        if pi is None:
            return np.full(self.rows, np.nan)
        return pi if self._index is None else pi[self._index]

    @property
    def delays(self) -> NDArray[np.float64]:
        """Seconds from each prediction to the first label that came for it; NaN where none comes here."""
        delays = self._block.delays
        if delays is None:
            return np.full(self.rows, np.nan)
        return delays if self._index is None else delays[self._index]

    def scores(self, name: str) -> NDArray[np.float32] | None:
        """Scores of a text column, rows x classes; NaN where a text was not scored. None: there are none."""
        scores = self._block.scores.get(name)
        return scores if scores is None or self._index is None else scores[self._index]

    def scored(self, scores: Mapping[str, NDArray[np.float32]]) -> Frame:
        """The same rows, with scores of their texts: of every row of a whole frame."""
        return Frame(replace(self._block, scores=scores), self._index, self._groupings)

    def places(self, rows: NDArray[np.intp]) -> list[tuple[EventId, int]]:
        """The event of each of these rows, and its row there. Rows of a file or of labels have none."""
        requests = self._block.request_of_row
        if requests is None:
            return []
        of_block = rows if self._index is None else self._index[rows]
        first = np.searchsorted(requests, requests[of_block], side="left")
        ids = self._block.ids
        return [(ids[requests[row]], int(row - start)) for row, start in zip(of_block, first, strict=True)]

    @property
    def requests(self) -> Requests:
        """The requests that its rows came in, each once. The whole frame also has those without rows."""
        places = self._block.request_of_row
        if self._index is None or places is None:
            return self._block.requests
        return self._block.requests.take(np.unique(places[self._index]))

    def _part(self, name: str, mask: Mask | None) -> Frame:
        if mask is None:
            return self
        if name not in self._parts:
            self._parts[name] = self.where(mask if self._index is None else mask[self._index])
        return self._parts[name]

    def _taken(self, values: Sequence[_T]) -> Sequence[_T]:
        return values if self._index is None else [values[i] for i in self._index.tolist()]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFrames:
    """Label changes of one arm and pane.

    What was believed, and what is now. A monitor counts `after` - `before`.
    """

    before: Frame
    after: Frame


def frames_of(
    events: Iterable[tuple[EventId, InferenceEvent]],
    manifest: ModelSpec,
    pane: timedelta,
    scores: Callable[[Sequence[tuple[EventId, InferenceEvent]]], Mapping[str, NDArray[np.float32]]]
    | None = None,
) -> list[Frame]:
    """Events of one model version as frames, one for each arm and pane, the oldest pane first.

    `scores` gives the score columns of some of these events.
    """
    columns, outputs = _columns(manifest)
    groups: dict[tuple[int, Arm], list[tuple[EventId, InferenceEvent]]] = {}
    length = pane.total_seconds()
    for event_id, event in events:
        if event.model != manifest.name or event.version != manifest.version:
            raise FrameError(
                f"event {event_id} is of {event.model} {event.version}, not of {_whose(manifest)}"
            )
        groups.setdefault((int(event.at.timestamp() // length), event.arm), []).append((event_id, event))
    return [
        Frame(
            block_of_events(
                groups[key], columns, outputs, _EPOCH + key[0] * pane, scores(groups[key]) if scores else None
            )
        )
        for key in sorted(groups)
    ]


def frames_of_changes(
    changes: Iterable[LabelChange], manifest: ModelSpec, pane: timedelta
) -> list[ChangedFrames]:
    """Label changes of one model version as frames, in the panes of their predictions."""
    groups: dict[tuple[int, Arm], list[LabelChange]] = {}
    for change in changes:
        if change.model != manifest.name or change.version != manifest.version:
            raise FrameError(f"a label of {change.model} {change.version} is not of {_whose(manifest)}")
        groups.setdefault((int(change.at.timestamp() // pane.total_seconds()), change.arm), []).append(change)
    return [_changed(groups[key], manifest, _EPOCH + key[0] * pane) for key in sorted(groups)]


def frame_of_columns(
    values: Mapping[str, Sequence[Value]],
    manifest: ModelSpec,
    *,
    labels: Sequence[Label] | None = None,
    tags: Mapping[str, Sequence[str | None]] | None = None,
    scores: Mapping[str, NDArray[np.float32]] | None = None,
) -> Frame:
    """Rows of a file or of stored traffic: inputs, and outputs and labels where they are known. All count as
    answered.

    Values are taken as they are; `tables.frame_of_table` reads those of a CSV or Parquet file as the model
    declares them.
    """
    rows = max((len(column) for column in values.values()), default=0)
    columns, _ = _columns(manifest)
    return Frame(block_of_columns(values, columns, rows=rows, tags=tags or {}, labels=labels, scores=scores))


def _changed(changes: list[LabelChange], manifest: ModelSpec, start: datetime) -> ChangedFrames:
    columns, outputs = _columns(manifest)
    sides = [(change.outputs, change.inputs) for change in changes]
    values = {
        name: [_only(out.get(name) if name in outputs else inputs.get(name)) for out, inputs in sides]
        for name in {column.source for column in columns.values()} | outputs
    }
    tags = {
        name: [_only(change.tags.get(name)) for change in changes]
        for name in sorted({name for change in changes for name in change.tags})
    }

    def frame(
        labels: list[Label],
        pi: NDArray[np.float64],
        conflicts: NDArray[np.bool_],
        delays: NDArray[np.float64],
    ) -> Frame:
        return Frame(
            block_of_columns(
                values,
                columns,
                rows=len(changes),
                tags=tags,
                labels=labels,
                arm=changes[0].arm,
                start=start,
                conflicts=conflicts,
                pi=pi,
                delays=delays,
            )
        )

    pi = np.array([change.pi for change in changes], dtype=np.float64)  # None becomes NaN
    earlier = np.where([change.chosen for change in changes], np.nan, pi)
    return ChangedFrames(
        before=frame(
            [change.before for change in changes],
            earlier,
            np.array([change.conflict_over for change in changes]),
            np.array([_delay_s(change) if change.after is None else np.nan for change in changes]),
        ),
        after=frame(
            [change.after for change in changes],
            pi,
            np.array([change.conflict for change in changes]),
            np.array([_delay_s(change) if change.before is None else np.nan for change in changes]),
        ),
    )


def _delay_s(change: LabelChange) -> float:
    """Until a row had a label, where it has one for the first time or none any more."""
    if (change.before is None) == (change.after is None):
        return np.nan
    return (change.labelled_at - change.at).total_seconds()


def _only(values: Sequence[_T] | None) -> _T | None:
    return values[0] if values else None


def _columns(manifest: ModelSpec) -> tuple[dict[str, WatchedColumn], frozenset[str]]:
    return {column.name: column for column in watched_columns(manifest)}, frozenset(manifest.output_names)


def _whose(manifest: ModelSpec) -> str:
    return f"{manifest.name} {manifest.version}"
