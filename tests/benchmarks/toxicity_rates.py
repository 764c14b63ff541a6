"""How near toxicity scoring in the engine comes to a script that does it by hand, in texts per CPU second.

By hand: tokenise all texts, sort them by length, run them in padded batches with torch on one thread, take
sigmoids; with the batch size that is quickest here. The engine does that for texts that arrive as they like.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from inference.bundled import BUNDLED_TOXICITY
from inference.detoxify.checkpoint import read_checkpoint
from inference.detoxify.converting import convert
from inference.served import Served
from inference.texts import TEXTS
from tests.benchmarks.tables import Table
from tests.helpers.detoxify import bert_checkpoint
from tests.helpers.engines import serving

COUNT = 1024
SECONDS = 2.0
BATCHES = (16, 32, 64, 128)
_BLOCK = 1024  # as the monitor sends them
_IN_FLIGHT = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Texts per CPU second of one model."""

    blocks: float
    singles: float


def toxicity_tables() -> Iterator[Table]:
    """A BERT of 2 layers and 128 columns in Detoxify's format, imported; and the bundled model."""
    texts = _texts()
    with tempfile.TemporaryDirectory() as root:
        place = Path(root)
        made = bert_checkpoint(place, hidden=128)
        folder = convert(read_checkpoint(made.saved()), made.tokenizer, place / "folder", name="bert")
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        by_hand = max(_measured(_by_hand(folder, texts, rows), len(texts)) for rows in BATCHES)
        bert = asyncio.run(_measure(place / "bert", folder, texts))
        bundled = asyncio.run(_measure(place / "bundled", BUNDLED_TOXICITY, texts))
    table = Table(
        title="Toxicity scoring, texts per CPU second",
        header=["model", "by hand", f"blocks of {_BLOCK}", "of by hand", "one text a request", "of by hand"],
        note=f"{COUNT:,} texts of 3 to 90 words; tokenising and all threads count. Goal: 0.85 of by hand.",
    )
    shares = (bert.blocks / by_hand, bert.singles / by_hand)
    table.add("BERT 2x128, imported", by_hand, bert.blocks, shares[0], bert.singles, shares[1])
    table.add("bundled n-grams", "", bundled.blocks, "", bundled.singles, "")
    yield table


def _texts() -> list[str]:
    rng = random.Random(1)  # noqa: S311  the same texts in every run
    words = " ".join(TEXTS).split()
    return [" ".join(rng.choices(words, k=min(90, 3 + int(rng.expovariate(1 / 20))))) for _ in range(COUNT)]


def _by_hand(folder: Path, texts: Sequence[str], rows: int) -> Callable[[], None]:
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    module: Any = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    def score() -> None:
        ids: list[list[int]] = tokenizer(list(texts), truncation=True)["input_ids"]
        ids.sort(key=len)
        with torch.inference_mode():
            for start in range(0, len(ids), rows):
                batch = tokenizer.pad({"input_ids": ids[start : start + rows]}, return_tensors="pt")
                torch.sigmoid(module(**batch).logits).tolist()

    return score


async def _measure(place: Path, folder: Path, texts: Sequence[str]) -> Rates:
    async with serving(place, folder, threads=1) as engine:
        (state,) = engine.models()
        served = engine.find(state.name)
        blocks = await _rate(lambda: _in_blocks(served, texts), len(texts))
        singles = await _rate(lambda: _one_by_one(served, texts), len(texts))
    return Rates(blocks=blocks, singles=singles)


async def _in_blocks(served: Served, texts: Sequence[str]) -> None:
    starts = range(0, len(texts), _BLOCK)
    blocks = [list(texts[start : start + _BLOCK]) for start in starts]
    await asyncio.gather(*(served.infer({"text": block}, rows=len(block)) for block in blocks))


async def _one_by_one(served: Served, texts: Sequence[str]) -> None:
    waiting = iter(texts)

    async def client() -> None:
        for text in waiting:
            await served.infer({"text": [text]}, rows=1)

    await asyncio.gather(*(client() for _ in range(_IN_FLIGHT)))


async def _rate(score: Callable[[], Awaitable[None]], texts: int) -> float:
    """The best of a few rounds, as by hand the best of a few batch sizes."""
    await score()
    rates = []
    for _ in BATCHES:
        clock = _Clock()
        while clock.seconds < SECONDS:
            await score()
            clock.scored += texts
        rates.append(clock.rate)
    return max(rates)


def _measured(score: Callable[[], None], texts: int) -> float:
    torch.set_num_threads(1)
    score()
    clock = _Clock()
    while clock.seconds < SECONDS:
        score()
        clock.scored += texts
    return clock.rate


class _Clock:
    """CPU seconds of all threads: where others use the machine too, the wall clock says nothing."""

    def __init__(self) -> None:
        self.scored = 0
        self._started = time.process_time()

    @property
    def seconds(self) -> float:
        return time.process_time() - self._started

    @property
    def rate(self) -> float:
        return self.scored / self.seconds
