"""Events whose redaction failed hold nothing that was sent: monitors must digest them all the same."""

from __future__ import annotations

from pathlib import Path

import msgspec

from storage import tables
from storage.records import ALL
from tests.helpers.station import a_label, a_reference, a_station, traffic


def test_events_without_anything_that_was_sent_are_counted_by_every_monitor(tmp_path: Path) -> None:
    events = traffic(50)
    bare = [msgspec.structs.replace(event, inputs={}, outputs={}, tags={}) for event in events]

    with a_station(f"sqlite:///{tmp_path}/bare.db") as station:
        station.register(reference=a_reference())
        ids = station.store(bare)
        station.store([a_label(id_, "1") for id_ in ids])
        station.count()
        station.retry_labels()
        station.count()
        station.judge()

        assert station.rows(tables.quarantine) == []
        seen = [
            int(summary["requests"].sum())
            for pane, summary in station.summaries("traffic").items()
            if pane.scope.slice == ALL
        ]
        assert sum(seen) == len(events)
