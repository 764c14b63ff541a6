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
from pathlib import Path

from storage.framing import encode
from storage.records import InferenceEvent
from tests.benchmarks.observe_rates import costs_us
from tests.benchmarks.tables import Table
from tests.benchmarks.wide import MANIFEST, wide_events, wide_reference
from tests.helpers.station import Station, a_station

EVENTS = 60_000
SEGMENT_BYTES = 256 * 1024


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
    made = wide_events(events, rate)
    with a_station(f"sqlite:///{folder}/rates.db", partitions=1) as station:
        station.register(MANIFEST, wide_reference(made[:5_000]))
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
