"""Looking for events: in the log itself, newest first, as far back as a bound on what is read allows.

Events lie compressed in segments, and no table holds a row for each. A search decodes those segments whose
times fit, and says how far back it came, so that a person can go on from there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.clock import to_microseconds
from storage.framing import Frame
from storage.labels import short_id
from storage.records import Arm, EventId, InferenceEvent, InvalidEventIdError, Outcome, Value
from storage.segments import SEGMENTS, Segment, segment_of
from storage.settling import Moment
from storage.tables import app_event, segment

MOST_READ = 60_000
"""Events that one search looks at, about half a second's work; the segment in which it ends is read whole."""

_MORE_OF_ONE_TIME = 10  # times as many, where so many segments overlap that the next search would begin here

_AT_ONCE = 4
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events; None: whatever it is. Of an event with many rows one that fits is enough."""

    start: datetime | None = None  # at or after
    end: datetime | None = None  # before
    beyond: Moment | None = None  # older than this; of the same time those with a lesser id
    model: str | None = None
    version: str | None = None
    arm: Arm | None = None
    outcome: Outcome | None = None
    tags: Mapping[str, str] | None = None  # all of them, in one row
    score: tuple[float | None, float | None] = (None, None)  # from, to: both are in

    def takes(self, event: InferenceEvent) -> bool:
        """Whether an event is one of them."""
        wanted = (
            (self.model, event.model),
            (self.version, event.version),
            (self.arm, event.arm),
            (self.outcome, event.outcome),
        )
        if any(asked is not None and asked != found for asked, found in wanted):
            return False
        if not self.tags and self.score == (None, None):
            return True
        return any(self._takes_row(event, row) for row in range(event.rows))

    def _takes_row(self, event: InferenceEvent, row: int) -> bool:
        tagged = all(_cell(event.tags.get(name), row) == value for name, value in (self.tags or {}).items())
        return tagged and self._takes_score(_score(event, row))

    def _takes_score(self, score: Value) -> bool:
        low, high = self.score
        if low is None and high is None:
            return True
        if not isinstance(score, int | float) or isinstance(score, bool):
            return False
        return (low is None or score >= low) and (high is None or score <= high)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEvent:
    """An event and its place."""

    id: EventId
    event: InferenceEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Events, newest first."""

    events: tuple[FoundEvent, ...]
    read: int  # events that were looked at
    back_to: datetime | None  # all newer ones are here; None: all older ones too
    beyond: Moment | None = (
        None  # where others follow exactly, if many are of one time; None: ask by `back_to`
    )


def search_events(connection: Connection, asked: EventFilter, *, limit: int, most: int = MOST_READ) -> Found:
    """The newest events that fit, exactly: of segments that overlap in time all are read."""
    found: list[FoundEvent] = []
    read = 0
    with closing(_segments(connection, asked)) as segments:
        for each in segments:
            if _are_newer(found, each.last_at, limit):
                last = _newest(found, limit)
                return Found(events=last, read=read, back_to=last[-1].event.at, beyond=_place(last[-1]))
            if read >= most * (1 if _leads_on(asked, each.last_at) else _MORE_OF_ONE_TIME):
                return _stopped(found, read, each.last_at)
            read += each.n
            found += _in_segment(each, asked)
            if len(found) > 10 * limit:
                found = nlargest(limit + 1, found, key=_place)
    events = _newest(found, limit)
    if len(found) <= limit:
        return Found(events=events, read=read, back_to=None)
    return Found(events=events, read=read, back_to=events[-1].event.at, beyond=_place(events[-1]))


SegmentPlace = tuple[int, int]
"""Partition and number of a segment."""


def places_between(connection: Connection, start: datetime, end: datetime) -> list[SegmentPlace]:
    """Where the segments lie that may hold events of a time, the oldest first."""
    statement = (
        sa.select(segment.c.partition, segment.c.seq)
        .where(segment.c.n > 0, segment.c.last_at >= start, segment.c.first_at < end)
        .order_by(segment.c.last_at, segment.c.partition, segment.c.seq)
    )
    return [(partition, seq) for partition, seq in connection.execute(statement)]


def events_at(connection: Connection, places: Sequence[SegmentPlace], asked: EventFilter) -> list[FoundEvent]:
    """All events of some segments that fit. A segment that was deleted meanwhile has none."""
    statement = SEGMENTS.where(sa.tuple_(segment.c.partition, segment.c.seq).in_(places))
    ordered = statement.order_by(segment.c.partition, segment.c.seq)
    return [
        found for row in connection.execute(ordered).all() for found in _in_segment(segment_of(row), asked)
    ]


def events_named(connection: Connection, name: str) -> list[EventId]:
    """The events that a text names: the own id of an app, of whichever key, or an event id.

    An app may call its requests what reads as an event id, so its own come first.
    """
    called = sa.select(app_event.c.event).where(app_event.c.app_id == short_id(name))
    found = [EventId.parse(event) for event in connection.scalars(called.order_by(app_event.c.tenant))]
    try:
        return [*found, EventId.parse(name)]
    except InvalidEventIdError:
        return found


def _segments(connection: Connection, asked: EventFilter) -> Generator[Segment]:
    """Those that may hold some, the one with the newest event first. Few are in memory at a time."""
    statement = SEGMENTS.where(segment.c.n > 0).order_by(segment.c.last_at.desc())
    if asked.start is not None:
        statement = statement.where(segment.c.last_at >= asked.start)
    if asked.end is not None:
        statement = statement.where(segment.c.first_at < asked.end)
    if asked.beyond is not None:
        statement = statement.where(segment.c.first_at <= asked.beyond[0])
    with connection.execute(statement.execution_options(yield_per=_AT_ONCE)) as rows:
        for row in rows:
            yield segment_of(row)


def _in_segment(held: Segment, asked: EventFilter) -> Iterator[FoundEvent]:
    start_us = None if asked.start is None else to_microseconds(asked.start)
    ends = [] if asked.end is None else [to_microseconds(asked.end)]
    if asked.beyond is not None:
        ends.append(to_microseconds(asked.beyond[0]) + 1)
    end_us = min(ends, default=None)
    texts = [text.encode("utf-8", "surrogatepass") for text in _texts(asked)]
    for frame in held.scan().frames:
        event = frame.event() if _may_fit(frame, start_us, end_us, texts) else None
        if event is not None and asked.takes(event):
            id_ = EventId(producer=held.producer, segment=held.number, offset=frame.offset)
            if asked.beyond is None or (event.at, id_) < asked.beyond:
                yield FoundEvent(id=id_, event=event)


def _may_fit(frame: Frame, start_us: int | None, end_us: int | None, texts: Sequence[bytes]) -> bool:
    """A look without decoding: most events of another time or model are passed over so."""
    if (start_us is not None and frame.at_us < start_us) or (end_us is not None and frame.at_us >= end_us):
        return False
    payload = bytes(frame.payload) if texts else b""
    return all(text in payload for text in texts)


def _texts(asked: EventFilter) -> Iterator[str]:
    """What stands literally in an event that fits."""
    if asked.model is not None:
        yield asked.model
    if asked.outcome is not None:
        yield asked.outcome.value
    yield from (asked.tags or {}).values()


def _are_newer(found: Sequence[FoundEvent], than: datetime, limit: int) -> bool:
    """Whether enough are known that are newer than all that is not read yet."""
    return len(found) > limit and _newest(found, limit)[-1].event.at > than


def _newest(found: Sequence[FoundEvent], limit: int) -> tuple[FoundEvent, ...]:
    return tuple(nlargest(limit, found, key=_place))


def _leads_on(asked: EventFilter, back_to: datetime) -> bool:
    """Whether a search that goes on from there is another one than this."""
    ends = [] if asked.end is None else [asked.end]
    if asked.beyond is not None:
        ends.append(asked.beyond[0] + _MOMENT)
    return all(back_to + _MOMENT < end for end in ends)


def _stopped(found: Sequence[FoundEvent], read: int, unread: datetime) -> Found:
    """What is known where a segment was left unread: what is older than its newest event comes with that."""
    known = [each for each in found if each.event.at > unread]
    return Found(events=_newest(known, len(known)), read=read, back_to=unread)


def _place(found: FoundEvent) -> Moment:
    return found.event.at, found.id


def _score(event: InferenceEvent, row: int) -> Value:
    """The score of a class, or the one output of a regression."""
    outputs = event.outputs
    return _cell(outputs.get("score") or next(iter(outputs.values()), None), row)


def _cell(values: Sequence[Value] | None, row: int) -> Value:
    return None if values is None or row >= len(values) else values[row]
