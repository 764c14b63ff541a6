"""How many one-row events a second one core reads and counts: msgpack to frame to the Summaries of every
monitor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from time import process_time_ns

import msgspec

from monitors import build, kinds
from monitors.base import ModelContext
from monitors.frames import frames_of
from monitors.process.decoding import collector_paused
from storage.records import EventId, InferenceEvent
from tests.benchmarks.wide import MANIFEST, wide_events, wide_reference

PANE = timedelta(minutes=1)


def costs_us(events: int = 20_000, segment: int = 1_000) -> Mapping[str, float]:
    """Microseconds of CPU for each event, by step, in segments as they come from the log.

    A column is gathered and read by the first monitor that asks for it, so that one seems to pay for all.
    """
    made = wide_events(events)
    encoded = [msgspec.msgpack.encode(event) for event in made]
    context = ModelContext(manifest=MANIFEST, reference=wide_reference(made[:5_000]))
    monitors = {kind: build(kind, {}, context) for kind in kinds() if kinds()[kind].applies(context)}
    decoder = msgspec.msgpack.Decoder(InferenceEvent)
    spent: Counter[str] = Counter()
    for first in range(0, events, segment):
        with _timed(spent, "decode"), collector_paused():
            decoded = [decoder.decode(one) for one in encoded[first : first + segment]]
        named = [(EventId(producer="p", segment=1, offset=i), event) for i, event in enumerate(decoded)]
        with _timed(spent, "frame"):
            frames = frames_of(named, MANIFEST, PANE)
        for name, monitor in monitors.items():
            with _timed(spent, name):
                for frame in frames:
                    monitor.observe(frame)
    return {step: nanoseconds / 1e3 / events for step, nanoseconds in spent.items()}


@contextmanager
def _timed(spent: Counter[str], step: str) -> Iterator[None]:
    begun = process_time_ns()
    yield
    spent[step] += process_time_ns() - begun
