"""A backend for texts without torch: words decide, and some of them do harm."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.answers import Answers
from inference.backend import Inspected, Outputs, Payload, Source
from inference.errors import InferenceError
from inference.manifest import Manifest, ModelSpec
from inference.signature import Columns, TextSignature
from tests.helpers.models import write_spec

LONGEST = 100
"""Characters that it reads."""


class WordsModel:
    """Logit of "toxicity" is 3 for texts with "rude" and -3 for others; of "insult" the same for "you".

    "poison" ends a batch with an error, "slow" takes .2 s a text, and "odd" has no finite answer.
    """

    bucketed = False
    prepares = True
    batches = 0

    def __init__(self, manifest: Manifest) -> None:
        self.memory_bytes = 0
        self._signature = TextSignature(manifest)
        self._answers = Answers(manifest)
        self._max_batch = manifest.limits.max_batch

    @classmethod
    def inspect(cls, spec: ModelSpec, folder: Path) -> Inspected:
        return Inspected(spec=spec, files=())

    @classmethod
    def load(cls, source: Source) -> WordsModel:
        return cls(source.manifest)

    def check(self, columns: Columns, rows: int) -> Payload:
        return self._signature.check(columns, rows)

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(
                data=payload.data,
                rows=payload.rows,
                units=payload.rows,
                cut=sum(len(text) > LONGEST for text in payload.data),
            )
            for payload in payloads
        ]

    def parts(self, payload: Payload) -> list[Payload]:
        starts = range(0, payload.rows, self._max_batch)
        groups = [range(start, min(start + self._max_batch, payload.rows)) for start in starts]
        return [
            Payload(
                data=payload.data[group.start : group.stop],
                rows=len(group),
                units=len(group),
                places=tuple(group),
            )
            for group in groups
        ]

    def collate(self, payloads: Sequence[Payload]) -> list[str]:
        return [text for payload in payloads for text in payload.data]

    def forward(self, batch: list[str]) -> NDArray[np.float64]:
        if any("poison" in text for text in batch):
            raise RuntimeError("a text that no batch survives")
        slow = sum("slow" in text for text in batch)
        if slow:
            threading.Event().wait(0.2 * slow)
        odd = np.array([np.nan if "odd" in text else 0.0 for text in batch])
        words = [[3.0 if word in text else -3.0 for word in ("rude", "you")] for text in batch]
        logits: NDArray[np.float64] = np.array(words).reshape(len(batch), 2) + odd[:, None]
        return logits

    def split(
        self, answer: NDArray[np.float64], payloads: Sequence[Payload]
    ) -> list[Outputs | InferenceError]:
        return self._answers.split(answer, payloads)

    def examples(self) -> list[Payload]:
        return [Payload(data=["a word"], rows=1, units=1)]

    def close(self) -> None:
        """Nothing to give back."""


def words_folder(folder: Path, *, name: str = "words", version: str = "1", **settings: object) -> Path:
    """A folder for `models add`."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_spec(
        folder,
        {
            "name": name,
            "version": version,
            "task": "text-classification",
            "backend": "tests.helpers.text_model:WordsModel",
            "inputs": [{"name": "text", "type": "text"}],
            "outputs": {"classes": ["toxicity", "insult"], "multi_label": True},
            **settings,
        },
    )
