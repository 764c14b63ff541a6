"""What is watched: every model version that is registered, with its reference and its monitors.

The repository folder is looked at here, and what is new there is registered in SQL, so that the API and the
dashboard know of it. Where there is no folder (a worker on another host), SQL alone is read.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from inference.errors import InferenceError
from inference.manifest import Manifest, ModelSpec
from inference.repository import MANIFEST, Repository
from monitors import build, kinds
from monitors.base import ModelContext, Monitor
from monitors.errors import InvalidReferenceError
from monitors.process.decoding import ModelKey
from monitors.reference import Reference
from monitors.reporting.rows import from_bytes
from monitors.settings import MonitorSettings
from storage.clock import Clock
from storage.database import Database
from storage.models import (
    ModelVersion,
    StoredReference,
    find_reference,
    model_versions,
    put_reference,
    put_reference_rows,
    register_model,
)
from storage.records import Window
from storage.scorer import Scorer
from storage.scorers import find_scorer

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ANY_INPUT = {"name": "any", "type": "number"}
_Stamp = tuple[tuple[int, int] | None, ...]  # time and size of the files of a version


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A model version and what watches it."""

    manifest: Manifest
    reference: Reference | None
    monitors: Mapping[str, Monitor]  # those that have something to watch in it
    scorer: Scorer | None = None  # None: no model that scores texts was ever loaded

    @property
    def key(self) -> ModelKey:
        return self.manifest.name, self.manifest.version

    @property
    def pane(self) -> timedelta:
        return self.manifest.window.pane

    @property
    def lateness(self) -> timedelta:
        """How long a window stays open for late events."""
        return self.manifest.window.lateness if self.manifest.window.lateness is not None else self.pane

    def reference_of(self, monitor: str) -> str | None:
        """The hash that a monitor's summaries carry: what they were counted against, or scored with."""
        if self.monitors[monitor].uses_scores:
            return self.scorer.hash if self.scorer is not None else None
        return self.reference.hash if self.reference and self.monitors[monitor].uses_reference else None

    def window_of(self, pane: datetime, monitor: str | None = None) -> Window:
        """The window that a pane lies in. Windows follow each other on the UTC grid.

        A monitor may need longer ones than the model's own (`least_window`).
        """
        least = getattr(self.monitors.get(monitor or ""), "least_window", timedelta(0))
        length = max(self.manifest.window.length, least)
        start = _EPOCH + (pane - _EPOCH) // length * length
        return Window(start=start, end=start + length)


def check_monitors(settings: MonitorSettings) -> None:
    """Refuse names and options that no monitor has, before anything runs. Raises `MonitorError`."""
    spec = ModelSpec.model_validate(
        {"name": "any", "version": "1", "task": "regression", "backend": "any", "inputs": [_ANY_INPUT]}
    )
    context = ModelContext(manifest=spec)
    for name, options in settings.monitors.items():
        build(name, options, context)
    for name in settings.off:
        build(name, {}, context)


class Watchlist:
    """Finds what watches a model version. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        settings: MonitorSettings,
        *,
        clock: Clock,
        repository: Repository | None = None,
    ) -> None:
        check_monitors(settings)
        self._database = database
        self._settings = settings
        self._clock = clock
        self._repository = repository
        self._stamps: dict[ModelKey, _Stamp] = {}
        self._rows: dict[ModelKey, ModelVersion] = {}
        self._watched: dict[ModelKey, Watched] = {}
        self._scorer: Scorer | None = None
        self._lock = threading.Lock()

    @property
    def counted(self) -> tuple[str, ...]:
        """Every monitor that looks at events as they are.

        One that is off passes over events, lest it count them twice once on again.
        """
        return tuple(name for name, kind in kinds().items() if not kind.uses_scores)

    @property
    def scored(self) -> tuple[str, ...]:
        """Every monitor that needs scores of texts, and so is counted apart."""
        return tuple(name for name, kind in kinds().items() if kind.uses_scores)

    @property
    def scorer(self) -> Scorer | None:
        """The model whose scores are counted, by what SQL says."""
        return self._scorer

    def has_any(self, names: Collection[str]) -> bool:
        """Whether one of these monitors watches anything."""
        return any(name in names for watched in self.all() for name in watched.monitors)

    def all(self) -> list[Watched]:
        """Every version that is watched now."""
        return list(self._watched.values())

    def known(self, key: ModelKey) -> Watched | None:
        """What watches a version, as far as is known. Never asks the database: for use in a transaction."""
        return self._watched.get(key)

    def find(self, key: ModelKey) -> Watched | None:
        """What watches a version. One that is not known is looked for."""
        if key not in self._watched:
            self.refresh()
        return self._watched.get(key)

    def refresh(self) -> None:
        """Register what is new in the repository, and take over what is new in SQL."""
        with self._lock:
            if self._repository is not None:
                for key in self._repository.places():
                    self._register(self._repository, key)
            with self._database.read() as connection:
                rows = {(row.model, row.version): row for row in model_versions(connection)}
                scorer = find_scorer(connection)
            changed = [row for key, row in rows.items() if self._same(key, row, scorer) is None]
            watched = {key: self._watched[key] for key in rows if key in self._watched}
            for row in changed:
                built = self._build(row, scorer)
                if built is not None:
                    watched[built.key] = built
            self._watched, self._rows, self._scorer = watched, rows, scorer

    def _same(self, key: ModelKey, row: ModelVersion, scorer: Scorer | None) -> Watched | None:
        """What is known already, if nothing about it changed."""
        held = self._rows.get(key)
        unchanged = held is not None and (held.manifest, held.reference) == (row.manifest, row.reference)
        return self._watched.get(key) if unchanged and scorer == self._scorer else None

    def _register(self, repository: Repository, key: ModelKey) -> None:
        folder = repository.folder(*key)
        rows_path = repository.reference_rows_path(*key)
        stamp = _stamp(folder / MANIFEST, repository.reference_path(*key), rows_path)
        if self._stamps.get(key) == stamp:
            return
        try:
            manifest = repository.manifest(*key)
            reference = _reference_in(repository.reference_path(*key), manifest)
            rows = None if reference is None else _rows_in(rows_path, reference)
        except (InferenceError, InvalidReferenceError, OSError) as exc:
            log.error("model not registered", extra={"model": key[0], "version": key[1], "error": str(exc)})
            self._stamps[key] = stamp
            return
        now = self._clock()
        with self._database.write() as connection:
            register_model(
                connection,
                model=key[0],
                version=key[1],
                manifest=manifest.model_dump_json(),
                registered_at=now,
            )
            if reference is not None:
                body = reference.to_bytes()
                put_reference(
                    connection,
                    StoredReference(
                        hash=reference.hash, model=key[0], version=key[1], body=body, made_at=now
                    ),
                )
                if rows is not None:
                    put_reference_rows(connection, reference.hash, rows)
        self._stamps[key] = stamp
        log.info(
            "model registered", extra={"model": key[0], "version": key[1], "reference": reference is not None}
        )

    def _build(self, row: ModelVersion, scorer: Scorer | None) -> Watched | None:
        try:
            manifest = Manifest.model_validate_json(row.manifest)
            reference = self._load(row.reference)
        except (ValidationError, InvalidReferenceError) as exc:
            log.error(
                "model not watched", extra={"model": row.model, "version": row.version, "error": str(exc)}
            )
            return None
        context = ModelContext(manifest=manifest, reference=reference, scorer=scorer)
        monitors = {
            name: build(name, self._settings.monitors.get(name, {}), context)
            for name, kind in kinds().items()
            if name not in self._settings.off and kind.applies(context)
        }
        return Watched(manifest=manifest, reference=reference, scorer=scorer, monitors=monitors)

    def _load(self, reference: str | None) -> Reference | None:
        if reference is None:
            return None
        with self._database.read() as connection:
            stored = find_reference(connection, reference)
        return None if stored is None else Reference.from_bytes(stored.body)


def _reference_in(path: Path, manifest: Manifest) -> Reference | None:
    try:
        reference = Reference.from_bytes(path.read_bytes())
    except FileNotFoundError:
        return None
    if (reference.model, reference.version) != (manifest.name, manifest.version):
        raise InvalidReferenceError(
            f"{path} belongs to {reference.model} {reference.version}; use `inferwatch reference set`"
        )
    return reference


def _rows_in(path: Path, reference: Reference) -> bytes | None:
    """The sample of its rows. None: it was set before rows were kept, or these are still those of another."""
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return None
    return body if from_bytes(body)[1] == reference.hash else None


def _stamp(*paths: Path) -> _Stamp:
    stamps: list[tuple[int, int] | None] = []
    for path in paths:
        try:
            state = path.stat()
        except FileNotFoundError:
            stamps.append(None)
        else:
            stamps.append((state.st_mtime_ns, state.st_size))
    return tuple(stamps)
