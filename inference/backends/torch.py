"""The operator's own `torch.nn.Module`, found by name, with weights from a safetensors file.

    forward(numbers: float32[B, n], categories: int64[B, m]) -> logits float32[B, classes]

Raw values come in; scaling and category codes are in the manifest. The class is the operator's installed
code, and the weights hold none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.answers import Answers
from inference.backend import Inspected, Outputs, Payload, Source
from inference.backends.modules import module_class, weighted
from inference.backends.tensors import Landing, tensor_bytes, to_device, use_threads
from inference.errors import InferenceError, LoadError, RefusedFileError, SpecError
from inference.manifest import ModelSpec, Task, TextInput
from inference.pickles import CONVERT
from inference.signature import Columns, Table, TableSignature, table_parts

_TASKS = (Task.CLASSIFICATION, Task.REGRESSION)
_WARM_ROWS = (1, 32)


class TorchModel:
    """A module on its device, with the signature in front and the answers behind."""

    bucketed = False
    prepares = False

    def __init__(self, source: Source, module: torch.nn.Module) -> None:
        manifest = source.manifest
        self.memory_bytes = tensor_bytes(module)
        self._module = module
        self._device = source.device
        self._threads = source.device.threads_for(sum(p.numel() for p in module.parameters()), source.threads)
        self._signature = TableSignature(manifest)
        self._answers = Answers(manifest)
        self._max_batch = manifest.limits.max_batch

    @classmethod
    def inspect(cls, spec: ModelSpec, folder: Path) -> Inspected:
        if spec.torch is None:
            raise SpecError('torch: backend torch needs this section, such as {module: "car_loan:Net"}')
        if spec.task not in _TASKS:
            raise SpecError(f"task: backend torch serves {' and '.join(_TASKS)}, not {spec.task}")
        if any(isinstance(column, TextInput) for column in spec.inputs):
            raise SpecError(
                "inputs: backend torch takes numbers, categories and booleans; texts need backend huggingface"
            )
        if not spec.torch.weights.endswith(".safetensors"):
            raise RefusedFileError(
                f"torch.weights: '{spec.torch.weights}' is not a .safetensors file; {CONVERT}"
            )
        return Inspected(spec=spec, files=(spec.torch.weights,))

    @classmethod
    def load(cls, source: Source) -> TorchModel:
        part = source.manifest.torch
        if part is None:
            raise LoadError("the manifest has no section torch; add the model again")
        module = weighted(module_class(part, source.code), part, source.folder / part.weights)
        return cls(source, module.to(source.device.kind))

    def check(self, columns: Columns, rows: int) -> Payload:
        return self._signature.check(columns, rows)

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    def parts(self, payload: Payload) -> list[Payload]:
        return table_parts(payload, self._max_batch)

    def collate(self, payloads: Sequence[Payload]) -> tuple[torch.Tensor, torch.Tensor]:
        tables: list[Table] = [payload.data for payload in payloads]
        if len(tables) == 1:
            numbers, categories = tables[0].numbers, tables[0].categories
        else:
            numbers = np.concatenate([table.numbers for table in tables])
            categories = np.concatenate([table.categories for table in tables])
        return self._moved(numbers), self._moved(categories)

    def forward(self, batch: tuple[torch.Tensor, torch.Tensor]) -> Landing:
        use_threads(self._threads)
        with torch.inference_mode():
            return Landing(self._module(*batch), self._device.kind)

    def split(self, answer: Landing, payloads: Sequence[Payload]) -> list[Outputs | InferenceError]:
        return self._answers.split(answer.wait(), payloads)

    def examples(self) -> list[Payload]:
        return [self._signature.typical(rows) for rows in _WARM_ROWS if rows <= self._max_batch]

    def close(self) -> None:
        self._module = torch.nn.Identity()

    def _moved(self, array: Any) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor if self._device.is_cpu else to_device(tensor, self._device.kind)
