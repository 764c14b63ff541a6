"""A model that says its comment again, and fails in the ways a model can: for tests of what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.backend import Inspected, Outputs, Payload, Source
from inference.errors import InferenceError, InvalidInputError
from inference.manifest import ModelSpec


class ParrotModel:
    """Its answer is the comment. "stumble" in it is a fault of the check, "explode" one of the batch."""

    bucketed = False
    prepares = False
    memory_bytes = 0

    @classmethod
    def inspect(cls, spec: ModelSpec, folder: Any) -> Inspected:
        return Inspected(spec=spec, files=())

    @classmethod
    def load(cls, source: Source) -> ParrotModel:
        return cls()

    def check(self, columns: Any, rows: int) -> Payload:
        """Refuses an age that is no number, and says it again."""
        for row, age in enumerate(columns.get("age", [])):
            if not isinstance(age, int | float):
                raise InvalidInputError(f"input 'age', row {row}: {age} came; a number is wanted")
        for comment in columns["comment"]:
            if "stumble" in comment:
                raise ValueError(f"cannot read {comment}")
        return Payload(data=columns["comment"], rows=rows, units=rows)

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    def parts(self, payload: Payload) -> list[Payload]:
        return [payload]

    def collate(self, payloads: Sequence[Payload]) -> list[str]:
        return [comment for payload in payloads for comment in payload.data]

    def forward(self, batch: list[str]) -> list[str]:
        for comment in batch:
            if "explode" in comment:
                raise ValueError(f"cannot say {comment}")
        return batch

    def split(self, answer: list[str], payloads: Sequence[Payload]) -> list[Outputs | InferenceError]:
        return [{"text": list(payload.data)} for payload in payloads]

    def examples(self) -> list[Payload]:
        return [Payload(data=["hello"], rows=1, units=1)]

    def close(self) -> None:
        """Nothing is held."""
