"""Segments taken from the log at once, decoded once for all monitors."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from storage.framing import Frame, Kind
from storage.records import ActionEvent, EventId, InferenceEvent, LabelChange, LabelEvent
from storage.segments import Segment

ModelKey = tuple[str, str]
"""Name and version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record whose bytes are whole but make no sense to this release."""

    id: EventId
    at: datetime
    error: str
    is_event: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Consecutive segments of one partition, as records by model version."""

    partition: int
    seq: int  # of the last segment
    segments: int
    n: int  # inference events, unreadable ones too
    events: dict[ModelKey, list[tuple[EventId, InferenceEvent]]] = field(default_factory=dict)
    changes: dict[ModelKey, list[tuple[EventId, LabelChange]]] = field(default_factory=dict)
    labels: list[tuple[EventId, LabelEvent]] = field(default_factory=list)
    actions: list[tuple[EventId, ActionEvent]] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    def has_event(self, id_: EventId) -> bool:
        """Whether this is one of the inference events, and not a label change."""
        unreadable = any(each.id == id_ and each.is_event for each in self.unreadable)
        return unreadable or any(each == id_ for each, _ in self.all_events())

    def all_events(self) -> Iterator[tuple[EventId, InferenceEvent]]:
        """The events of all models."""
        for events in self.events.values():
            yield from events


@contextmanager
def collector_paused() -> Iterator[None]:
    """Hold Python's cycle collector while many records are alive.

    Records hold no cycles, yet the collector would walk over all of them again and again: 18 microseconds an
    event of 20 columns instead of 3.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def decode(segments: Sequence[Segment]) -> Decoded:
    """Read all records. Damage was counted when the segments were stored; here it is passed over."""
    last = segments[-1]
    found = Decoded(
        partition=last.partition,
        seq=last.seq,
        segments=len(segments),
        n=sum(segment.n for segment in segments),
    )
    for segment in segments:
        for frame in segment.scan().frames:
            if frame.kind is not Kind.TALLY:
                _add(
                    found,
                    EventId(producer=segment.producer, segment=segment.number, offset=frame.offset),
                    frame,
                )
    return found


def _add(found: Decoded, id_: EventId, frame: Frame) -> None:
    try:
        record = frame.record()
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        error = f"{type(exc).__name__}: {exc}"
        is_event = frame.kind is Kind.EVENT
        found.unreadable.append(Unreadable(id=id_, at=frame.at, error=error, is_event=is_event))
        return
    match record:
        case InferenceEvent(model=str(model), version=str(version)):
            found.events.setdefault((model, version), []).append((id_, record))
        case LabelChange():
            found.changes.setdefault((record.model, record.version), []).append((id_, record))
        case LabelEvent():
            found.labels.append((id_, record))
        case ActionEvent():
            found.actions.append((id_, record))
        case _:
            pass  # an event without a model: it is counted, and no monitor has anything to say of it
