"""Scores of texts as columns of frames: every text of a take is scored once, however often it came.

A column that holds texts has scores by its name, rows x classes, NaN where a text was not scored; and by
`<name>.truncated`, rows x 1, whether the text was longer than the model reads.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.manifest import ModelSpec
from monitors.columns import Kind, Role, WatchedColumn, watched_columns
from monitors.errors import ScoringError
from monitors.frames import Frame
from monitors.texts import TextKind, text_kind
from storage.records import EventId, InferenceEvent, Value
from storage.scorer import Scorer

Floats = NDArray[np.float32]
Numbered = tuple[EventId, InferenceEvent]
ScoreColumns = Mapping[str, Floats]
MOST_OF_FILE = 5_000
"""Rows of a reference file whose texts are scored: their share is then known to a percent or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What was found out about some texts."""

    scores: Floats  # texts x classes; NaN where the model has no answer
    truncated: NDArray[np.bool_]  # longer than the model reads


class TextScorer(Protocol):
    """A model that scores texts."""

    def open(self) -> Scorer:
        """Load it, unless it is loaded. Raises `ScoringError` with what keeps it from scoring."""

    def score(self, texts: Sequence[str], waiting: Callable[[], object]) -> Scored:
        """Score texts. Calls `waiting` now and then meanwhile; what that raises ends it."""

    def close(self) -> None:
        """Give its memory and threads back."""


@dataclass(slots=True, kw_only=True)
class ScoringStats:
    """What was scored since the process began."""

    texts: int = 0
    failed: int = 0  # texts that the model has no answer for
    seconds: float = 0.0  # spent waiting for scores
    failures: int = 0  # times that nothing could be scored
    ready: bool = False  # the model is loaded, and in force


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTake:
    """The scores of the texts of one take of one model version."""

    columns: tuple[WatchedColumn, ...]
    places: Mapping[str, int]  # of each text among the scores
    scored: Scored
    share: float

    def of(self, events: Sequence[Numbered]) -> ScoreColumns:
        """The score columns of some of its events, one row for each of theirs."""
        found: dict[str, Floats] = {}
        names = {column.name for column in self.columns}
        for column in self.columns:
            index = np.fromiter(
                (place for id_, event in events for place in self._places_of(id_, event, column)), np.intp
            )
            known = index >= 0
            scores = np.full((len(index), self.scored.scores.shape[1]), np.nan, dtype=np.float32)
            scores[known] = self.scored.scores[index[known]]
            found[column.name] = scores
            if truncated_of(column.name) not in names:
                cut = np.zeros((len(index), 1), dtype=np.float32)
                cut[known, 0] = self.scored.truncated[index[known]]
                found[truncated_of(column.name)] = cut
        return found

    def _places_of(self, id_: EventId, event: InferenceEvent, column: WatchedColumn) -> Sequence[int]:
        values = _texts_of(event, column) if is_chosen(id_, self.share) else ()
        if not values:
            return [-1] * event.rows
        return [self.places.get(value, -1) if type(value) is str else -1 for value in values]


class TakeScorer:
    """Scores the texts of takes. `waiting` is called while it waits for the model: who counts may set it."""

    def __init__(self, scorer: TextScorer, *, share: float) -> None:
        self.scorer = scorer
        self.stats = ScoringStats()
        self.waiting: Callable[[], object] = lambda: None
        self._share = share

    def score(self, events: Sequence[Numbered], manifest: ModelSpec, in_force: Scorer | None) -> ScoredTake:
        """Score what was chosen of the texts that these events hold.

        Raises `ScoringError`, also where its model is not the one that is in force for everybody.
        """
        scorer = self.scorer.open()
        if not scorer.is_same(in_force):
            other = f"{in_force.model} {in_force.version}" if in_force is not None else "none"
            raise ScoringError(
                f"this process scores texts with {scorer.model} {scorer.version}, and {other} is in force: "
                "set the same monitor.scoring.model for all, and start this one again"
            )
        columns = text_columns(manifest)
        places: dict[str, int] = {}
        for id_, event in events:
            if not is_chosen(id_, self._share):
                continue
            for column in columns:
                for value in _texts_of(event, column):
                    if text_kind(value) is TextKind.TEXT:
                        places.setdefault(str(value), len(places))
        started = time.perf_counter()
        try:
            scored = self.scorer.score(list(places), self.waiting)
        finally:
            self.stats.seconds += time.perf_counter() - started
        answered = int(np.count_nonzero(np.isfinite(scored.scores).all(axis=1)))
        self.stats.texts += answered
        self.stats.failed += len(places) - answered
        return ScoredTake(columns=columns, places=places, scored=scored, share=self._share)


def scores_of_file(frame: Frame, manifest: ModelSpec, scorer: TextScorer) -> ScoreColumns:
    """The score columns of rows of a file. Of many rows so many are chosen, the same each time."""
    chosen = np.arange(frame.rows)
    if frame.rows > MOST_OF_FILE:
        chosen = np.sort(np.random.default_rng(0).choice(frame.rows, MOST_OF_FILE, replace=False))
    found: dict[str, Floats] = {}
    for column in text_columns(manifest):
        values = frame.column(column.name)
        kinds = ((place, text_kind(values[place])) for place in chosen.tolist())
        texts = {place: str(values[place]) for place, kind in kinds if kind is TextKind.TEXT}
        scored = scorer.score(list(texts.values()), lambda: None)
        scores = np.full((frame.rows, scored.scores.shape[1]), np.nan, dtype=np.float32)
        scores[list(texts)] = scored.scores
        found[column.name] = scores
    return found


def text_columns(manifest: ModelSpec) -> tuple[WatchedColumn, ...]:
    """The columns whose texts are scored."""
    return tuple(column for column in watched_columns(manifest) if column.kind is Kind.TEXT)


def truncated_of(column: str) -> str:
    """The name under which a frame says which texts of a column were cut."""
    return f"{column}.truncated"


def is_chosen(id_: EventId, share: float) -> bool:
    """Whether the texts of an event are scored: by its id, so that a replay chooses the same."""
    if share >= 1:
        return True
    digest = hashlib.blake2b(str(id_).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def _texts_of(event: InferenceEvent, column: WatchedColumn) -> Sequence[Value]:
    values = (event.inputs if column.role is Role.INPUT else event.outputs).get(column.name, ())
    return values if len(values) == event.rows else ()
