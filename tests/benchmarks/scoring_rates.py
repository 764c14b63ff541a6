"""What the monitor process makes of texts a second: the scoring stage beside the engine asked directly.

Directly: the same texts, in one call, to the engine that the stage uses. The stage reads segments, decodes
them, scores in takes, counts every class, keeps the worst texts and commits to SQLite. CPU seconds of all
threads.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inference.detoxify.checkpoint import read_checkpoint
from inference.detoxify.converting import convert
from inference.repository import Repository
from inference.texts import TEXTS
from monitors.process.scorer import EngineScorer
from monitors.settings import ScoringSettings
from storage.clock import utc_now
from tests.benchmarks.tables import Table
from tests.helpers.detoxify import bert_checkpoint
from tests.helpers.scoring import FORUM, a_comment
from tests.helpers.station import a_station

COUNTS = {"bundled n-grams": 20_000, "BERT 2x128, imported": 4_000}
_SEGMENT = 250


def scoring_tables() -> Iterator[Table]:
    """The bundled model, and a small BERT in Detoxify's format."""
    table = Table(
        title="Scoring in the monitor process, texts per CPU second on one thread",
        header=["model", "engine, asked directly", "the scoring stage", "of direct"],
        note="One text an event, each different; the stage counts, keeps the worst and commits as well.",
    )
    with tempfile.TemporaryDirectory() as root:
        place = Path(root)
        made = bert_checkpoint(place, hidden=128)
        folder = convert(read_checkpoint(made.saved()), made.tokenizer, place / "folder", name="bert")
        repository = Repository(place / "models")
        repository.root.mkdir()
        repository.add(folder)
        for name, model in (("bundled n-grams", None), ("BERT 2x128, imported", "bert")):
            settings = ScoringSettings(model=model, folder=place / "scorers")
            scorer = EngineScorer(settings, repository, code=(), clock=utc_now)
            try:
                direct, stage = _rates(scorer, _texts(COUNTS[name]), place / f"{model}.db")
            finally:
                scorer.close()
            table.add(name, direct, stage, stage / direct)
    yield table


def _rates(scorer: EngineScorer, texts: list[str], database: Path) -> tuple[float, float]:
    scorer.score(texts[:200])
    direct = _rate(lambda: scorer.score(texts), len(texts))
    with a_station(f"sqlite:///{database}", partitions=1, scorer=scorer) as station:
        station.register(FORUM)
        events = [a_comment(text, minute=10 * place / len(texts)) for place, text in enumerate(texts)]
        for start in range(0, len(events), _SEGMENT):
            station.store(events[start : start + _SEGMENT])
        return direct, _rate(station.score, len(texts))


def _rate(score: Callable[[], object], texts: int) -> float:
    started = time.process_time()
    score()
    return texts / (time.process_time() - started)


def _texts(count: int) -> list[str]:
    rng = random.Random(1)  # noqa: S311  the same texts in every run
    words = " ".join(TEXTS).split()
    return [
        f"{' '.join(rng.choices(words, k=min(90, 3 + int(rng.expovariate(1 / 20)))))} {place}"
        for place in range(count)
    ]
