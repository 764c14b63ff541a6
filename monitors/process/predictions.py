"""Finds the events that labels speak of, in the segments at hand or in the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping

from storage.counting import CountingWrite
from storage.framing import frame_at
from storage.records import EventId, InferenceEvent
from storage.segments import find_segment

KEPT = 64
"""Segments kept as they were written: labels come in runs that speak of the same few."""


class Predictions:
    """Reads events by their places."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def find(
        self, write: CountingWrite, ids: Collection[EventId], at_hand: Mapping[EventId, InferenceEvent]
    ) -> dict[EventId, InferenceEvent]:
        """The events that are known. One that is absent may be stored later."""
        found = {id_: at_hand[id_] for id_ in ids if id_ in at_hand}
        for id_ in sorted(set(ids) - found.keys()):
            event = self._stored(write, id_)
            if event is not None:
                found[id_] = event
        return found

    def _stored(self, write: CountingWrite, id_: EventId) -> InferenceEvent | None:
        raw = self._raw(write, id_)
        frame = None if raw is None else frame_at(raw, id_.offset)
        return None if frame is None else frame.event()

    def _raw(self, write: CountingWrite, id_: EventId) -> bytes | None:
        place = id_.producer, id_.segment
        if place not in self._kept:
            segment = find_segment(write.connection, *place)
            if segment is None:
                return None
            self._kept[place] = segment.raw()
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(place)
        return self._kept[place]
