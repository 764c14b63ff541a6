"""How many one-row events a second one core reads and counts: msgpack to frame to the Summaries of every monitor.

Run it with `python -m tests.benchmarks.observe_rates`. Prints one line per step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import process_time

import msgspec
import numpy as np

from inference.manifest import ModelSpec
from monitors import MONITORS, build
from monitors.base import ModelContext
from monitors.frames import Frame, frame_of_columns, frames_of
from monitors.reference import reference_of
from storage.records import EventId, InferenceEvent, Outcome, Value

PANE = timedelta(minutes=1)
NUMBERS, CATEGORIES = 14, 6
GOAL = 20_000


def main(events: int = 20_000, segment: int = 1_000) -> None:
    """Measure each step over the same events, in segments as they come from the log."""
    manifest, encoded = _manifest(), _encoded(events)
    reference = reference_of(frame_of_columns(_rows(5_000), manifest), manifest, "benchmark", MONITORS)
    context = ModelContext(manifest=manifest, reference=reference)
    monitors = {kind: build(kind, {}, context) for kind in MONITORS if MONITORS[kind].applies(context)}
    decoder = msgspec.msgpack.Decoder(InferenceEvent)
    spent = dict.fromkeys(["decode", "frame", *monitors], 0.0)

    def timed(name: str, work: Callable[[], list[Frame] | list[InferenceEvent] | None]) -> None:
        begun = process_time()
        work()
        spent[name] += process_time() - begun

    for first in range(0, events, segment):
        decoded: list[InferenceEvent] = []
        frames: list[Frame] = []
        timed("decode", lambda: decoded.extend(map(decoder.decode, encoded[first : first + segment])))  # noqa: B023
        named = [(EventId(producer="p", segment=1, offset=i), event) for i, event in enumerate(decoded)]
        timed("frame", lambda: frames.extend(frames_of(named, manifest, PANE)))  # noqa: B023
        for name, monitor in monitors.items():
            timed(name, lambda: [monitor.observe(frame) for frame in frames] and None)  # noqa: B023
    for name, seconds in spent.items():
        sys.stdout.write(f"{name:10s} {seconds / events * 1e6:7.2f} us an event\n")
    rate = events / sum(spent.values())
    sys.stdout.write(f"all        {rate:7,.0f} events/s of {NUMBERS + CATEGORIES} columns (goal {GOAL:,})\n")


def _manifest() -> ModelSpec:
    numbers = [{"name": f"n{i}", "type": "number"} for i in range(NUMBERS)]
    groups = [{"name": f"c{i}", "type": "category", "categories": list("abcdefgh")} for i in range(CATEGORIES)]
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
                inputs={name: [values[i]] for name, values in rows.items() if name[0] in "nc" and name != "class"},
                outputs={"class": [rows["class"][i]], "score": [rows["score"][i]]},
            )
        )
        for i in range(events)
    ]


if __name__ == "__main__":
    main()
