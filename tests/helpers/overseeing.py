"""A gateway and the monitor process on its files, on loopback: what is posted comes to lie in SQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from monitors.process.run import ProcessSettings, run_until
from monitors.settings import MonitorSettings
from storage.alerts import save_alerts
from storage.database import open_writer
from storage.records import Alert
from tests.helpers.acting import AT
from tests.helpers.serving import ECHO, Serving, serving

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Overseen:
    """Both of them."""

    gateway: Serving

    def wait_for(self, look: Callable[[], T], timeout_s: float = 20.0) -> T:
        """What a look gives, once it gives something."""
        deadline = time.monotonic() + timeout_s
        while not (found := look()):
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.05)
        return found

    def silences(self, *, expired: bool = False) -> list[dict[str, Any]]:
        reply = self.gateway.get("/api/silences?expired=true" if expired else "/api/silences")
        found: list[dict[str, Any]] = reply.json["silences"]
        return found

    def alert(self, fingerprint: str) -> dict[str, Any]:
        """One alert as the API shows it."""
        (found,) = (
            alert
            for alert in self.gateway.get("/api/alerts").json["alerts"]
            if alert["fingerprint"] == fingerprint
        )
        return dict(found)


@contextmanager
def overseen(
    folder: Path,
    alerts: Sequence[Alert] = (),
    settings: dict[str, Any] | None = None,
    models: Sequence[dict[str, Any]] = (ECHO,),
    options: dict[str, dict[str, Any]] | None = None,
) -> Iterator[Overseen]:
    """Both run until the block ends; the alerts are there already. `options` are those of monitors."""
    stop = threading.Event()
    with serving(folder, models, settings=settings) as gateway:
        database = open_writer(gateway.settings.database)
        with database.write() as connection:
            save_alerts(connection, alerts, stored_at=AT)
        database.close()
        read = ProcessSettings(
            database=gateway.settings.database,
            journal=gateway.settings.journal,
            retention=gateway.settings.retention,
            monitor=MonitorSettings(poll_s=0.05, metrics_port=None, monitors=options or {}),
            alerts=gateway.settings.alerts,
            repository=gateway.settings.engine.repository,
        )
        monitor = threading.Thread(target=run_until, args=(stop, read))
        monitor.start()
        try:
            yield Overseen(gateway)
        finally:
            stop.set()
            monitor.join(30)
