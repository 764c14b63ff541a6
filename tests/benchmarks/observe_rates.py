"""How many one-row events a second one core reads and counts: msgpack to frame to the Summaries of every
monitor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import process_time_ns

import msgspec
import numpy as np

from inference.manifest import ModelSpec
from monitors import build, kinds
from monitors.base import ModelContext
from monitors.decoding import collector_paused
from monitors.frames import frame_of_columns, frames_of
from monitors.reference import reference_of
from storage.records import EventId, InferenceEvent, Outcome, Value

PANE = timedelta(minutes=1)
NUMBERS, CATEGORIES = 14, 6


def costs_us(events: int = 20_000, segment: int = 1_000) -> Mapping[str, float]:
    """Microseconds of CPU for each event, by step, in segments as they come from the log.

    A column is gathered and read by the first monitor that asks for it, so that one seems to pay for all.
    """
    manifest, encoded = _manifest(), _encoded(events)
    reference = reference_of(frame_of_columns(_rows(5_000), manifest), manifest, "benchmark", kinds())
    context = ModelContext(manifest=manifest, reference=reference)
    monitors = {kind: build(kind, {}, context) for kind in kinds() if kinds()[kind].applies(context)}
    decoder = msgspec.msgpack.Decoder(InferenceEvent)
    spent: Counter[str] = Counter()
    for first in range(0, events, segment):
        with _timed(spent, "decode"), collector_paused():
            decoded = [decoder.decode(one) for one in encoded[first : first + segment]]
        named = [(EventId(producer="p", segment=1, offset=i), event) for i, event in enumerate(decoded)]
        with _timed(spent, "frame"):
            frames = frames_of(named, manifest, PANE)
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


def _manifest() -> ModelSpec:
    numbers = [{"name": f"n{i}", "type": "number"} for i in range(NUMBERS)]
    groups = [
        {"name": f"c{i}", "type": "category", "categories": list("abcdefgh")} for i in range(CATEGORIES)
    ]
    return ModelSpec.model_validate(
        {
            "name": "wide",
            "version": "1",
            "task": "classification",
            "backend": "echo",
            "inputs": numbers + groups,
            "outputs": {"classes": ["0", "1"]},
        }
    )


def _rows(n: int) -> dict[str, list[Value]]:
    random = np.random.default_rng(7)
    score = random.random(n)
    rows: dict[str, list[Value]] = {f"n{i}": random.normal(size=n).tolist() for i in range(NUMBERS)}
    rows |= {f"c{i}": random.choice(list("abcdefgh"), n).tolist() for i in range(CATEGORIES)}
    return rows | {"class": [str(int(p > 0.5)) for p in score], "score": score.tolist()}


def _encoded(events: int) -> list[bytes]:
    rows = _rows(events)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        msgspec.msgpack.encode(
            InferenceEvent(
                at=start + timedelta(milliseconds=i),
                outcome=Outcome.OK,
                protocol="v1",
                total_s=0.002,
                queue_s=0.0005,
                compute_s=0.001,
                model="wide",
                version="1",
                rows=1,
                inputs={
                    name: [values[i]] for name, values in rows.items() if name[0] in "nc" and name != "class"
                },
                outputs={"class": [rows["class"][i]], "score": [rows["score"][i]]},
            )
        )
        for i in range(events)
    ]
