"""A small classifier that sorts simulated messages by topic, trained on the spot over hashed n-grams."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
import yaml
from safetensors.torch import save_file

from gateway.demo.messages import LABEL, MODEL, TOPICS
from gateway.demo.rows import Rows
from inference.backends.hashing import Grams, Hashing
from inference.backends.ngrams import Ngrams

_SEED = 20262
_STEPS = 60
_WORDS, _CHARACTERS = (1, 2), (3, 4)
_BUCKETS = 1 << 13


def make_message_model(folder: Path, rows: Rows) -> None:
    """Train on the rows, and write `model.yaml` and the weights. Takes a second."""
    torch.manual_seed(_SEED)
    hashing = Hashing(words=_WORDS, characters=_CHARACTERS, buckets=_BUCKETS)
    texts = cast(list[str], rows.inputs["text"])
    words, characters = _bag(hashing.word_grams(texts)), _bag(hashing.character_grams(texts))
    names = tuple(TOPICS)
    truth = torch.tensor([names.index(label) for label in rows.labels])
    model = Ngrams(_BUCKETS, len(names))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(words, characters), truth, label_smoothing=0.05)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "model.yaml").write_text(yaml.safe_dump(_spec(names), sort_keys=False), encoding="utf-8")


def _bag(grams: Grams) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.from_numpy(grams.buckets), torch.from_numpy(grams.counts), torch.from_numpy(grams.offsets)


def _spec(topics: tuple[str, ...]) -> dict[str, object]:
    return {
        "name": MODEL,
        "version": "1",
        "description": "SIMULATED: made by `inferwatch demo`, sorts messages that nobody wrote",
        "task": "text-classification",
        "backend": "ngrams",
        "ngrams": {"weights": "model.safetensors", "words": [*_WORDS], "characters": [*_CHARACTERS]},
        "inputs": [{"name": "text", "type": "text"}],
        "outputs": {"classes": [*topics]},
        "label": LABEL,
        "window": {"pane": "1m", "length": "10m"},
    }
