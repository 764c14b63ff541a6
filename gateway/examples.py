"""`GET /api/examples`: the worst texts that were scored, by their places, and in words where asked for."""

from __future__ import annotations

from datetime import datetime

import msgspec

from storage.database import Database
from storage.records import InferenceEvent
from storage.scorer import Scorer
from storage.scorers import ExampleFilter, FoundExample, find_scorer, worst_examples
from storage.segments import find_event


class ScorerAnswer(msgspec.Struct, kw_only=True):
    """The model that scores texts now."""

    model: str
    version: str
    classes: list[str]
    bundled: bool
    words: str
    loaded_at: datetime


class ExampleAnswer(msgspec.Struct, kw_only=True):
    """A text, by the event and row that hold it: `GET /api/events/{event}` shows all of it."""

    event: str
    row: int
    score: float
    version: str  # of the model that the text came to or from
    start: datetime  # of the minute (later the hour, then the day) that it was counted in
    end: datetime
    text: str | None  # None: not asked for, or past its retention


class ExamplesAnswer(msgspec.Struct, kw_only=True):
    """The worst texts of a column and class, the worst first, and what scored them."""

    examples: list[ExampleAnswer]
    scorer: ScorerAnswer | None  # None: no text was ever scored


def examples_of(database: Database, asked: ExampleFilter, *, limit: int, text: bool) -> ExamplesAnswer:
    """Read them from the counts; and the texts from the segments, if `text`."""
    with database.read() as connection:
        scorer = find_scorer(connection)
        found = worst_examples(connection, asked, limit)
        texts = [
            _text(find_event(connection, example.event), asked.column, example.row) if text else None
            for example in found
        ]
    return ExamplesAnswer(
        examples=[_example(example, said) for example, said in zip(found, texts, strict=True)],
        scorer=None if scorer is None else _scorer(scorer),
    )


def _example(example: FoundExample, text: str | None) -> ExampleAnswer:
    return ExampleAnswer(
        event=str(example.event),
        row=example.row,
        score=example.score,
        version=example.version,
        start=example.window.start,
        end=example.window.end,
        text=text,
    )


def _scorer(scorer: Scorer) -> ScorerAnswer:
    return ScorerAnswer(
        model=scorer.model,
        version=scorer.version,
        classes=list(scorer.classes),
        bundled=scorer.bundled,
        words=scorer.words,
        loaded_at=scorer.loaded_at,
    )


def _text(event: InferenceEvent | None, column: str, row: int) -> str | None:
    """The text, while its event is kept."""
    if event is None:
        return None
    values = event.inputs.get(column) or event.outputs.get(column) or []
    value = values[row] if row < len(values) else None
    return value if isinstance(value, str) else None
