"""What an append costs a request, and how fast the shipper moves what was appended."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from storage.database import open_writer
from storage.framing import encode
from storage.journal import Journal
from storage.records import InferenceEvent, Outcome
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings, Durability, JournalSettings
from storage.shipper import Shipper
from tests.benchmarks.tables import Table

APPENDS = 20_000
SYNCED_APPENDS = 300
DECODED_AT_ONCE = 4  # segments, as the monitors read them


def journal_tables() -> Iterator[Table]:
    """Append, then ship, then read."""
    event = a_wide_event()
    table = Table(
        title="Journal",
        header=("durability", "p50 µs", "p99 µs", "p99.9 µs", "shipped events/s", "read events/CPU-s"),
        note=f"20 columns, {len(encode(event))} bytes an event; SQLite. Reading is in CPU seconds.",
    )
    with tempfile.TemporaryDirectory() as folder:
        for durability, appends in ((Durability.BATCH, APPENDS), (Durability.SYNC, SYNCED_APPENDS)):
            place = Path(folder) / durability.value
            seconds = sorted(append_seconds(place, durability, event, appends))
            shipped, read = shipping_rates(place, appends)
            p50, p99, p999 = (seconds[int(appends * share)] * 1e6 for share in (0.5, 0.99, 0.999))
            table.add(durability.value, p50, p99, p999, shipped, read)
    yield table


def append_seconds(folder: Path, durability: Durability, event: InferenceEvent, appends: int) -> list[float]:
    """How long each append took, its encoding and the count of the answer included."""
    journal = Journal(folder / "journal", settings=JournalSettings(durability=durability))
    seconds = []
    for _ in range(appends):
        begun = time.perf_counter()
        journal.append(event)
        journal.count_answered()
        seconds.append(time.perf_counter() - begun)
    journal.close()
    return seconds


def shipping_rates(folder: Path, appends: int) -> tuple[float, float]:
    """Events a second from the journal's files into SQLite, and from SQLite into records."""
    database = open_writer(DatabaseSettings(url=f"sqlite:///{folder}/bench.db"))
    log = SegmentLog(database)
    begun = time.perf_counter()
    Shipper(folder / "journal", log, database).ship()
    shipping_s = time.perf_counter() - begun
    begun = time.process_time()
    seq = 0
    while segments := log.after(0, seq, DECODED_AT_ONCE):
        for segment in segments:
            segment.records()
        seq = segments[-1].seq
    reading_s = time.process_time() - begun
    database.close()
    return appends / shipping_s, appends / reading_s


def a_wide_event() -> InferenceEvent:
    """One row of 20 columns."""
    return InferenceEvent(
        at=datetime.now(UTC),
        outcome=Outcome.OK,
        protocol="oip",
        total_s=0.001,
        model="wide",
        version="1",
        rows=1,
        inputs={f"column_{number}": [1.5 * number] for number in range(20)},
        outputs={"class": ["1"], "score": [0.7]},
    )
