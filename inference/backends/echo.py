"""A model without torch, for tests: its logits are sums of what came in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.answers import Answers
from inference.backend import Inspected, Outputs, Payload, Source
from inference.errors import InferenceError, SpecError
from inference.manifest import Manifest, ModelSpec, Task, TextInput
from inference.signature import Columns, Table, TableSignature, table_parts


class EchoModel:
    """Logit k of a row is (k + 1) x (the sum of its scaled numbers and category codes)."""

    bucketed = False
    prepares = False

    def __init__(self, manifest: Manifest) -> None:
        self.memory_bytes = 0
        self._signature = TableSignature(manifest)
        self._answers = Answers(manifest)
        self._max_batch = manifest.limits.max_batch
        width = 1 if manifest.task is Task.REGRESSION else len(manifest.outputs.classes)
        self._factors = np.arange(1, width + 1, dtype=np.float64)

    @classmethod
    def inspect(cls, spec: ModelSpec, folder: Path) -> Inspected:
        """It needs no file."""
        if any(isinstance(column, TextInput) for column in spec.inputs):
            raise SpecError("inputs: backend 'echo' takes numbers, categories and booleans, no text")
        return Inspected(spec=spec, files=())

    @classmethod
    def load(cls, source: Source) -> EchoModel:
        return cls(source.manifest)

    def check(self, columns: Columns, rows: int) -> Payload:
        return self._signature.check(columns, rows)

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    def parts(self, payload: Payload) -> list[Payload]:
        return table_parts(payload, self._max_batch)

    def collate(self, payloads: Sequence[Payload]) -> NDArray[np.float64]:
        tables: list[Table] = [payload.data for payload in payloads]
        return np.concatenate([table.numbers.sum(axis=1) + table.categories.sum(axis=1) for table in tables])

    def forward(self, batch: NDArray[np.float64]) -> NDArray[np.float64]:
        return batch[:, None] * self._factors

    def split(
        self, answer: NDArray[np.float64], payloads: Sequence[Payload]
    ) -> list[Outputs | InferenceError]:
        return self._answers.split(answer, payloads)

    def examples(self) -> list[Payload]:
        return [self._signature.typical(1)]

    def close(self) -> None:
        """Nothing is held."""
