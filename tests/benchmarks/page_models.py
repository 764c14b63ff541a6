"""Three kinds of models, and what the monitors count and measure of an hour and a minute of their traffic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from inference.manifest import Manifest, ModelSpec
from monitors import build, kinds
from monitors.base import ModelContext, Monitor
from monitors.frames import Frame, frame_of_columns, frames_of
from monitors.groupings import of_file
from monitors.reference import Reference, reference_of
from storage.records import EventId, InferenceEvent, Measurement, Outcome, Value
from storage.scorer import Scorer
from storage.summary import Summary

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOUR_ROWS, MINUTE_ROWS = 700, 12
VERSION = "1"
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_NUMBERS = tuple(f"number_{place}" for place in range(5))
_COLOURS, _CLASSES = ("red", "green", "blue"), ("no", "yes")
_CATEGORIES = tuple(f"category_{place}" for place in range(2))
SCORER = Scorer(
    name="toxicity",
    model="words",
    version="1",
    sha256="0" * 64,
    classes=("toxicity", "insult", "threat"),
    bundled=True,
    words="the bundled model of words, which is no moderation model",
    loaded_at=_AT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one monitor keeps of a pane."""

    monitor: str
    reference: str | None
    hour: bytes
    minute: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Models of ten columns: what they are, and what they are compared with."""

    name: str
    context: ModelContext

    @property
    def reference(self) -> Reference:
        """What their traffic is compared with."""
        if self.context.reference is None:
            raise ValueError("a kind of model is made with its reference")
        return self.context.reference

    def counted(self) -> Iterator[Counted]:
        """What each monitor keeps of an hour and of a minute."""
        for name, monitor in self._monitors():
            hour = monitor.observe(self._frame(name, HOUR_ROWS, seed=1, moved=0.0))
            minute = monitor.observe(self._frame(name, MINUTE_ROWS, seed=1, moved=0.0))
            yield Counted(
                monitor=name, reference=hour.reference, hour=hour.to_bytes(), minute=minute.to_bytes()
            )

    def measured(self, seed: int, moved: float) -> Iterator[tuple[str, Measurement]]:
        """What each monitor says of an hour in which one column moved so far."""
        known: Mapping[str, Summary] = self.reference.summaries
        for name, monitor in self._monitors():
            summary = monitor.observe(self._frame(name, HOUR_ROWS, seed=seed, moved=moved))
            for measurement in monitor.assess(summary, known.get(name)):
                yield name, measurement

    def event(self, seed: int) -> InferenceEvent:
        """One request of one row."""
        return _event(self.context.manifest, _columns(seed, 1, 0.0), 0, seed)

    def _monitors(self) -> list[tuple[str, Monitor]]:
        applying = [name for name, kind in kinds().items() if kind.applies(self.context)]
        return [(name, build(name, {}, self.context)) for name in applying]

    def _frame(self, monitor: str, rows: int, *, seed: int, moved: float) -> Frame:
        """Rows with labels for the monitor that only counts those, else requests of one row each."""
        manifest, columns = self.context.manifest, _columns(seed, rows, moved)
        if monitor == "accuracy":
            return frame_of_columns(columns, manifest, labels=_labels(seed, rows))
        events = [
            (EventId(producer="b", segment=1, offset=row), _event(manifest, columns, row, seed + row))
            for row in range(rows)
        ]
        scores = (lambda _: _scores(seed, rows)) if self.name == "texts" else None
        (frame,) = frames_of(events, manifest, HOUR, scores)
        return of_file(frame, manifest)


def kinds_of_models() -> list[Kind]:
    """Plain ones, ones with protected groups, and ones that read a text."""
    return [_kind("plain"), _kind("groups"), _kind("texts")]


def manifest_of(model: str, kind: str) -> Manifest:
    """One model of a kind."""
    last = {"name": "last", "type": "text" if kind == "texts" else "boolean"}
    numbers = [{"name": name, "type": "number"} for name in _NUMBERS]
    categories = [{"name": name, "type": "category", "categories": list(_COLOURS)} for name in _CATEGORIES]
    return Manifest.model_validate(
        {
            "name": model,
            "version": VERSION,
            "task": "classification",
            "backend": "echo",
            "inputs": [*numbers, *categories, last],
            "outputs": {"classes": list(_CLASSES)},
            "label": "truth",
            "window": {"pane": "1m", "length": "1h"},
            "files": {},
            "added_at": "2026-01-01T00:00:00Z",
            "protected": [_CATEGORIES[0]] if kind == "groups" else [],
        }
    )


def _kind(name: str) -> Kind:
    manifest, rows = manifest_of(name, name), 5_000
    frame = frame_of_columns(
        _columns(0, rows, 0.0),
        manifest,
        labels=_labels(0, rows),
        scores=_scores(0, rows) if name == "texts" else None,
    )
    reference = reference_of(of_file(frame, manifest), manifest, "a table", kinds(), SCORER)
    return Kind(name=name, context=ModelContext(manifest=manifest, reference=reference, scorer=SCORER))


def _columns(seed: int, rows: int, moved: float) -> dict[str, list[Value]]:
    random = np.random.default_rng(seed)
    score = random.beta(2, 3, rows)
    numbers = {name: random.normal(40, 10, rows).tolist() for name in _NUMBERS}
    numbers[_NUMBERS[0]] = random.normal(40 + moved, 10, rows).tolist()
    return {
        **numbers,
        **{name: random.choice(_COLOURS, rows, p=[0.5, 0.3, 0.2]).tolist() for name in _CATEGORIES},
        "last": random.choice(["a short text", "another one, somewhat longer"], rows).tolist(),
        "class": [_CLASSES[int(each > 0.5)] for each in score],
        "score": score.tolist(),
    }


def _labels(seed: int, rows: int) -> list[str | int | float | bool | None]:
    truth = np.random.default_rng(seed).beta(2, 3, rows) > 0.45
    return [_CLASSES[int(each)] for each in truth]


def _scores(seed: int, rows: int) -> dict[str, NDArray[np.float32]]:
    drawn = np.random.default_rng(seed).beta(1, 20, (rows, len(SCORER.classes)))
    return {"last": drawn.astype(np.float32)}


def _event(
    manifest: ModelSpec, columns: Mapping[str, Sequence[Value]], row: int, number: int
) -> InferenceEvent:
    return InferenceEvent(
        at=_AT,
        outcome=Outcome.OK if number % 50 else Outcome.ERROR,
        protocol="v1",
        total_s=0.002 + number % 97 / 1e4,
        queue_s=0.0004,
        compute_s=0.001,
        model=manifest.name,
        version=VERSION,
        rows=1,
        inputs={each.name: [columns[each.name][row]] for each in manifest.inputs},
        outputs={name: [columns[name][row]] for name in ("class", "score")},
    )
