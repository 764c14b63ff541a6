"""How many events of 20 columns the monitor process counts a second on one core, all monitors on, on SQLite.

Segments are made first, as the journal writes them. Timed is what the counting thread does: read, decode,
make frames, observe with every monitor, commit. CPU seconds are of this process alone, so that a busy machine
does not blur them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from inference.manifest import Manifest
from monitors import kinds
from monitors.frames import frame_of_columns
from monitors.reference import Reference, reference_of
from storage.framing import encode
from storage.records import InferenceEvent, Outcome, Value
from tests.benchmarks.observe_rates import costs_us
from tests.benchmarks.tables import Table
from tests.helpers.station import NOON, Station, a_station

NUMBERS, CATEGORIES = 14, 6
GROUPS = ("a", "b", "c", "d", "e", "f", "g", "h")
EVENTS = 60_000
SEGMENT_BYTES = 256 * 1024
MANIFEST = Manifest.model_validate(
    {
        "name": "wide",
        "version": "1",
        "task": "classification",
        "backend": "echo",
        "inputs": [
            *({"name": f"number_{place}", "type": "number"} for place in range(NUMBERS)),
            *(
                {"name": f"group_{place}", "type": "category", "categories": list(GROUPS)}
                for place in range(CATEGORIES)
            ),
        ],
        "outputs": {"classes": ["0", "1"]},
        "window": {"pane": "1m", "length": "1h"},
        "files": {},
        "added_at": "2026-01-01T00:00:00Z",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one run reached."""

    events: int
    wall_s: float
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        return self.events / self.cpu_s


def counted(events: int, folder: Path, *, rate: float = 1_000.0) -> Rate:
    """Count so many events of one row, which came at `rate` a second."""
    made = _events(events, rate)
    with a_station(f"sqlite:///{folder}/rates.db", partitions=1) as station:
        station.register(MANIFEST, _reference(made[:5_000]))
        _store(station, made)
        wall, cpu = time.perf_counter(), time.process_time()
        station.count()
        return Rate(events=events, wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)


def monitor_tables() -> Iterator[Table]:
    """The whole of counting, then what each step of it costs."""
    with tempfile.TemporaryDirectory() as folder:
        rate = counted(EVENTS, Path(folder))
    table = Table(
        title="Monitors on one core: 20 columns, all monitors, SQLite",
        header=["events", "events/CPU-s", "events/s"],
    )
    table.add(rate.events, rate.per_cpu_s, rate.events / rate.wall_s)
    yield table
    steps = Table(title="Where a counted event's CPU goes, without SQL", header=["step", "us an event"])
    for step, cost in costs_us().items():
        steps.add(step, cost)
    yield steps


def _events(n: int, rate: float) -> list[InferenceEvent]:
    chance = np.random.default_rng(1)
    numbers = chance.normal(size=(n, NUMBERS)).tolist()
    groups = chance.choice(GROUPS, size=(n, CATEGORIES)).tolist()
    scores = chance.random(n).tolist()
    return [
        InferenceEvent(
            at=NOON + timedelta(seconds=place / rate),
            outcome=Outcome.OK,
            protocol="oip",
            total_s=0.002,
            queue_s=0.0005,
            compute_s=0.001,
            model="wide",
            version="1",
            rows=1,
            inputs={
                **{f"number_{column}": [value] for column, value in enumerate(numbers[place])},
                **{f"group_{column}": [value] for column, value in enumerate(groups[place])},
            },
            outputs={"class": ["1" if scores[place] > 0.5 else "0"], "score": [scores[place]]},
        )
        for place in range(n)
    ]


def _reference(events: list[InferenceEvent]) -> Reference:
    columns: dict[str, list[Value]] = {}
    for event in events:
        for name, values in (event.inputs | event.outputs).items():
            columns.setdefault(name, []).extend(values)
    return reference_of(frame_of_columns(columns, MANIFEST), MANIFEST, "the benchmark", kinds())


def _store(station: Station, events: list[InferenceEvent]) -> None:
    """In segments of the size that the journal closes at."""
    number, size = 1, 0
    parts: list[bytes] = []
    for event in events:
        parts.append(encode(event))
        size += len(parts[-1])
        if size >= SEGMENT_BYTES:
            station.log.store("p", number, b"".join(parts))
            number, size, parts = number + 1, 0, []
    if parts:
        station.log.store("p", number, b"".join(parts))
