"""What the database holds after a fault, held against what the app was answered and against a single pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inference.manifest import Manifest
from inference.repository import Repository
from monitors import build, kinds
from monitors.base import ModelContext, Monitor
from monitors.frames import frames_of, frames_of_changes
from monitors.reference import Reference
from storage.database import Database
from storage.records import EventId, InferenceEvent, LabelChange, Record, Scope, Window
from storage.segments import SegmentLog
from storage.summaries import scopes_between, sum_between
from storage.summary import Summary

_ALWAYS = Window(start=datetime(1970, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every record in the log, with its id."""

    records: Sequence[tuple[EventId, Record]]

    @property
    def events(self) -> list[tuple[EventId, InferenceEvent]]:
        """The inference events."""
        return [(event_id, record) for event_id, record in self.records if isinstance(record, InferenceEvent)]

    @property
    def changes(self) -> list[LabelChange]:
        """The labels, joined with their events."""
        return [record for _, record in self.records if isinstance(record, LabelChange)]

    def doubled(self) -> set[str]:
        """Requests that were stored more than once."""
        times = Counter(event.app_id for _, event in self.events if event.app_id is not None)
        return {app_id for app_id, count in times.items() if count > 1}

    def lost(self, acknowledged: dict[str, str]) -> set[str]:
        """Requests that were answered, but are not stored under the id that the answer carried."""
        stored = {str(event_id): event.app_id for event_id, event in self.events}
        unread = {event_id for event_id, app_id in stored.items() if app_id is None}  # refused before that
        return {
            app_id
            for app_id, event_id in acknowledged.items()
            if event_id not in unread and stored.get(event_id) != app_id
        }


def read_ledger(database: Database) -> Ledger:
    """Everything in the segment log."""
    log = SegmentLog(database)
    records: list[tuple[EventId, Record]] = []
    for partition in log.partitions:
        seq = 0
        while segments := log.after(partition, seq, 100):
            records += [entry for segment in segments for entry in segment.records()]
            seq = segments[-1].seq
    return Ledger(records)


def stored_totals(database: Database, context: ModelContext) -> dict[tuple[str, Scope], Summary]:
    """What each monitor counted in all, by the summaries in SQL."""
    totals = {}
    with database.read() as connection:
        for name, kind in _watching(context).items():
            for scope in scopes_between(connection, name, _ALWAYS):
                reference = context.reference.hash if kind.uses_reference and context.reference else None
                totals[name, scope] = sum_between(connection, name, scope, reference, _ALWAYS)
    return totals


def single_pass(ledger: Ledger, context: ModelContext) -> dict[tuple[str, Scope], Summary]:
    """What each monitor counts when it is shown all the records at once."""
    model = context.manifest
    pane = model.window.pane
    totals: dict[tuple[str, Scope], Summary] = {}

    def add(name: str, summary: Summary) -> None:
        key = (name, Scope(model=model.name, version=model.version))
        totals[key] = totals.get(key, Summary()) + summary

    ours = [(event_id, event) for event_id, event in ledger.events if event.model == model.name]
    for name in _watching(context):
        monitor: Monitor = build(name, {}, context)
        for frame in frames_of(ours, model, pane):
            add(name, monitor.observe(frame))
        if monitor.uses_labels:
            for change in frames_of_changes(ledger.changes, model, pane):
                add(name, monitor.observe(change.after) - monitor.observe(change.before))
    return totals


def context_of(repository: Repository, name: str, version: str) -> ModelContext:
    """What the monitors know of a model: its manifest, and its reference if it has one."""
    manifest: Manifest = repository.manifest(name, version)
    path = repository.reference_path(name, version)
    return ModelContext(
        manifest=manifest, reference=Reference.from_bytes(path.read_bytes()) if path.exists() else None
    )


def _watching(context: ModelContext) -> dict[str, type[Monitor]]:
    return {name: kind for name, kind in kinds().items() if kind.applies(context)}
