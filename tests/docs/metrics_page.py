"""Every metric of the gateway and of the monitor process, from what they answer to a scrape."""

from __future__ import annotations

import tempfile
from pathlib import Path

from prometheus_client.core import Metric

from gateway.metrics import GatewayCollector, GatewayMetrics, journal_values
from monitors.process.metrics import MonitorCollector
from monitors.process.stages import build_stages
from monitors.settings import AlertSettings, MonitorSettings
from storage.clock import utc_now
from storage.counting import Counting
from storage.database import open_writer
from storage.journal import Journal
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings, JournalSettings, RetentionSettings
from tests.docs.tables import code, table
from tests.helpers.scoring import WordScorer

_HEAD = """\
# Metrics

In Prometheus' text form. The gateway answers at `/metrics` on its own port (with a key of the right `read`,
once a key exists), the monitor process at `/metrics` on `monitor.metrics_port`. Each name begins with
`inferwatch_`; a counter is scraped with `_total` at its end. What is not known now is absent, and never zero.
"""


def metrics_page() -> str:
    """The page."""
    parts = [_HEAD]
    for name, families in (("The gateway", gateway_families), ("The monitor process", monitor_families)):
        rows = [
            (
                code(each.name.removeprefix("inferwatch_")),
                each.type,
                ", ".join(map(code, labels_of(each))),
                each.documentation,
            )
            for each in families()
        ]
        parts.append(f"\n## {name}\n\n{table(('metric', 'kind', 'labels', 'what it is'), rows)}")
    return "".join(parts)


def gateway_families() -> list[Metric]:
    """Every family of the gateway."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), settings=JournalSettings(folder=Path(folder)))
        try:
            collector = GatewayCollector(GatewayMetrics(), lambda: [], lambda: journal_values(journal))
            return list(collector.collect())
        finally:
            journal.close()


def monitor_families() -> list[Metric]:
    """Every family of the monitor process."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_writer(DatabaseSettings(url=f"sqlite:///{folder}/inferwatch.db"))
        try:
            log = SegmentLog(database)
            stages = build_stages(
                database, log=log, counting=Counting(database, log), journal=Path(folder), repository=None,
                settings=MonitorSettings(), alerts=AlertSettings(), retention=RetentionSettings(),
                owner="docs", clock=utc_now, chance=lambda: 0.5, scorer=WordScorer(),
            )  # fmt: skip
            return list(MonitorCollector(stages, [], clock=utc_now).collect())
        finally:
            database.close()


def labels_of(family: Metric) -> tuple[str, ...]:
    """The names of its labels."""
    return tuple(getattr(family, "_labelnames", ()))
