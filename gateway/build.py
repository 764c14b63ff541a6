"""The composition root: the only place that makes real things. Everywhere else they are arguments."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from prometheus_client.registry import CollectorRegistry

from gateway.api import (
    alert_routes,
    examples_routes,
    labels_routes,
    question_routes,
    samples_routes,
    state_routes,
)
from gateway.app import add_probes, make_app
from gateway.capture import JournalCapture, NoCapture, Recorder
from gateway.checks import ports
from gateway.front import Front
from gateway.hot import HotRoutes
from gateway.keys import Keys
from gateway.labels import Labels
from gateway.logs import set_up_logging
from gateway.metrics import GatewayCollector, GatewayMetrics, journal_values
from gateway.models_routes import model_routes, server_routes, unready, v1_routes
from gateway.privacy_key import PrivacyKey
from gateway.redaction import Redaction, Redactions
from gateway.report_routes import report_routes
from gateway.reports import ReportDesk
from gateway.server import make_server, spare_collector
from gateway.settings import Settings
from gateway.silences import AlertActions
from gateway.supervisor import Child, Supervisor, check_ports
from inference.engine import Engine
from inference.errors import UnknownModelError
from inference.repository import Repository
from monitors.rule_settings import effective_rules
from storage.clock import Clock, utc_now
from storage.database import open_reader
from storage.journal import Journal
from storage.keys import KeyFile, KnownKeys, check_exposure

if TYPE_CHECKING:
    from gateway.reference_file import ReferenceSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway, not yet listening. Its engine and journal live from the app's start-up to its shutdown."""

    front: Front
    app: FastAPI
    engine: Engine
    journal: Journal
    keys: Keys


def gateway(
    settings: Settings, *, clock: Clock = utc_now, settled: Callable[[], None] = lambda: None
) -> Gateway:
    """Everything that `inferwatch serve` runs. `settled` is called once the first models are loaded."""
    engine = Engine(Repository(settings.engine.repository), settings.engine, clock=clock)
    journal = Journal(settings.journal.folder, settings=settings.journal, clock=clock)
    database = open_reader(settings.database)
    keys = Keys(KnownKeys(KeyFile(settings.gateway.keys_file), clock=clock))
    metrics = GatewayMetrics()
    capture = JournalCapture(journal, settings.journal.policy) if settings.gateway.capture else NoCapture()

    redactions = Redactions(
        default=settings.gateway.detect, manifests=engine.manifests,
        key=PrivacyKey(settings.gateway.privacy_key_file), metrics=metrics,
    )  # fmt: skip

    waiting: set[asyncio.Task[None]] = set()

    async def start() -> None:
        await engine.start()
        waiting.add(asyncio.create_task(loaded()))

    async def loaded() -> None:
        await engine.settled()
        settled()

    async def stop() -> None:
        for task in waiting:
            task.cancel()
        await engine.close()
        journal.close()
        database.close()

    def not_ready() -> dict[str, str]:
        found = unready(engine)
        return found if capture.accepting else {**found, "journal": "full; events cannot be recorded"}

    registry = CollectorRegistry()
    registry.register(GatewayCollector(metrics, engine.models, lambda: journal_values(journal)))
    app = make_app(start=start, stop=stop, metrics=metrics)
    add_probes(app, registry, not_ready)
    app.include_router(server_routes(engine, not_ready))
    app.include_router(model_routes(engine))
    app.include_router(v1_routes(engine))
    app.include_router(labels_routes(Labels(journal, metrics, redactions, clock)))
    app.include_router(samples_routes(database))
    app.include_router(examples_routes(database))
    app.include_router(question_routes(database, redactions))
    rule_labels = {rule.name: rule.labels for rule in effective_rules(settings.alerts.rules)}
    app.include_router(alert_routes(AlertActions(journal, database, clock, rule_labels=rule_labels)))
    app.include_router(report_routes(ReportDesk(journal, database, clock)))
    app.include_router(state_routes(database, engine, journal))
    hot = HotRoutes(
        engine=engine, keys=keys, recorder=Recorder(capture, metrics), redactions=redactions, clock=clock,
        max_body_bytes=settings.gateway.max_body_bytes,
    )  # fmt: skip
    front = Front(
        hot=hot, app=app, keys=keys, allowed_hosts=(*settings.gateway.allowed_hosts, settings.gateway.host),
        max_body_bytes=settings.gateway.max_body_bytes,
    )  # fmt: skip
    return Gateway(front=front, app=app, engine=engine, journal=journal, keys=keys)


def serve(settings: Settings) -> None:
    """Run the gateway until SIGTERM."""
    set_up_logging("gateway")
    has_keys = bool(KeyFile(settings.gateway.keys_file).read())
    check_exposure("gateway.host", settings.gateway.host, has_keys=has_keys)
    check_ports({"gateway.port": (settings.gateway.host, settings.gateway.port)})
    make_server(gateway(settings, settled=spare_collector).front, settings.gateway).run()


def monitor(settings: Settings) -> None:
    """Run the monitor process until SIGTERM."""
    from monitors.process.run import ProcessSettings, run  # noqa: PLC0415  scipy: a gateway does not need it

    set_up_logging("monitor")
    run(
        ProcessSettings(
            database=settings.database,
            journal=settings.journal,
            retention=settings.retention,
            monitor=settings.monitor,
            alerts=settings.alerts,
            repository=settings.engine.repository,
            code=settings.engine.code,
        ),
        clock=utc_now,
    )


def supervise(settings: Settings, config: Path) -> None:
    """Run gateway, monitor and dashboard until SIGTERM."""
    set_up_logging("up")
    has_keys = bool(KeyFile(settings.gateway.keys_file).read())
    check_exposure("gateway.host", settings.gateway.host, has_keys=has_keys)
    check_exposure("dashboard.host", settings.dashboard.host, has_keys=has_keys)
    check_ports(ports(settings))
    Supervisor(children_of(config)).run()


def children_of(config: Path, logs: Path | None = None) -> list[Child]:
    """Gateway, monitor and dashboard as processes. `logs`: a folder that each writes a file into."""
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    return [
        Child(
            name=command,
            command=[sys.executable, "-m", "gateway.cli", command, "--config", str(config)],
            environment=threads,
            log=None if logs is None else logs / f"{command}.log",
        )
        for command in ("serve", "monitor", "dashboard")
    ]


def set_reference_of(settings: Settings, model: str, version: str | None, file: Path) -> ReferenceSet:
    """What `inferwatch reference set` does."""
    from gateway.reference_file import set_reference  # noqa: PLC0415  pandas and scipy: a gateway needs neither
    from monitors.process.scorer import EngineScorer  # noqa: PLC0415  as above

    repository = Repository(settings.engine.repository)
    versions = repository.versions(model)
    if not versions:
        names = ", ".join(sorted({name for name, _ in repository.places()})) or "none"
        raise UnknownModelError(f"model '{model}' is not in the repository; there are {names}")
    manifest = repository.manifest(model, version or versions[-1])
    redaction = Redaction(manifest, settings.gateway.detect, PrivacyKey(settings.gateway.privacy_key_file))
    scorer = EngineScorer(settings.monitor.scoring, repository, code=settings.engine.code, clock=utc_now)
    return set_reference(
        file, manifest, repository, redaction, lambda: Engine(repository, settings.engine, clock=utc_now),
        None if "toxicity" in settings.monitor.off else scorer,
    )  # fmt: skip
