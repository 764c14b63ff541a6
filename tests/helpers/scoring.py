"""Texts and what scores them, without a trained model: a word decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from inference.manifest import Manifest
from monitors.errors import ScoringError
from monitors.scores import Scored
from storage.records import InferenceEvent, Outcome, Value
from storage.scorer import Scorer
from tests.helpers.monitoring import SCORER
from tests.helpers.station import NOON

FORUM = Manifest.model_validate(
    {
        "name": "forum",
        "version": "1",
        "task": "text-classification",
        "backend": "huggingface",
        "inputs": [{"name": "comment", "type": "text"}],
        "outputs": {"classes": ["spam", "fine"]},
        "slices": ["country"],
        "window": {"pane": "1m", "length": "10m"},
        "files": {},
        "added_at": "2026-01-01T00:00:00Z",
    }
)
LOW, HIGH = 0.0625, 0.9375


class WordScorer:
    """Takes texts with "rude" in them for toxic, and those with "you" for insults too."""

    def __init__(self, *, version: str = "1", high: float = HIGH) -> None:
        self.asked: list[str] = []  # every text, as often as it was scored
        self.missing = False
        self.held: threading.Event | None = None  # until it is set nothing is answered
        self._scorer = replace(SCORER, version=version)
        self._high = high

    def open(self) -> Scorer:
        if self.missing:
            raise ScoringError("there is no such model")
        return self._scorer

    def score(self, texts: Sequence[str], waiting: Callable[[], object]) -> Scored:
        while self.held is not None and not self.held.wait(0.01):
            waiting()
        self.asked += texts
        rude = np.array(["rude" in text for text in texts], dtype=bool)
        insult = rude & np.array(["you" in text for text in texts], dtype=bool)
        scores = np.where(np.column_stack([rude, insult]), self._high, LOW).astype(np.float32)
        return Scored(
            scores=scores.reshape(len(texts), 2), truncated=np.array([len(text) > 50 for text in texts])
        )

    def close(self) -> None:
        """Nothing to give back."""


def a_comment(
    *texts: Value, minute: float = 0, country: str | None = None, model: str = "forum"
) -> InferenceEvent:
    """A request with comments, so many minutes after noon."""
    rows = len(texts)
    return InferenceEvent(
        at=NOON + timedelta(minutes=minute),
        outcome=Outcome.OK,
        protocol="v1",
        total_s=0.002,
        model=model,
        version="1",
        rows=rows,
        inputs={"comment": [*texts]},
        outputs={"class": ["fine"] * rows, "score": [0.5] * rows},
        tags={} if country is None else {"country": [country] * rows},
    )


def comments(n: int, *, rude: int = 0, start: float = 0, span: float = 10) -> list[InferenceEvent]:
    """So many requests of one comment, all different, spread over a span of minutes; the first are rude."""
    return [
        a_comment(
            f"{'you are rude' if place < rude else 'all is well'} {start} {place}",
            minute=start + span * place / n,
            country="DE" if place % 2 else "FR",
        )
        for place in range(n)
    ]
