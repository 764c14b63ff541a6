"""What a backend is: a class that loads a model version, and the table that lists them.

Backends are heavy, so the table holds names, imported on first use. A backend from outside is named in
`model.yaml` the same way: `backend: "package.module:Class"`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from inference.device import Device
from inference.errors import InferenceError, LoadError, SpecError
from inference.manifest import Manifest, ModelSpec
from inference.own_code import look_in

BACKENDS: dict[str, str] = {
    "torch": "inference.backends.torch:TorchModel",
    "huggingface": "inference.backends.huggingface:HuggingFaceModel",
    "ngrams": "inference.backends.ngrams:NgramsModel",
    "echo": "inference.backends.echo:EchoModel",
}

Value = str | int | float | bool | None | list[float]
Outputs = dict[str, list[Value]]
"""Named output columns of one piece of work, one value a row."""


@dataclass(slots=True, kw_only=True)
class Payload:
    """Checked rows of one request, as the backend wants them. Opaque but for its sizes."""

    data: Any  # the backend's own: arrays, texts, token ids
    rows: int
    units: int  # what it costs: rows, or tokens for texts
    length: int = 1  # tokens of its longest row; 1 where rows have no length
    places: tuple[int, ...] | None = None  # rows of the request that these are; None: all of it, in order
    cut: int = 0  # texts that were longer than the model takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a model is loaded from, and where to."""

    manifest: Manifest
    folder: Path
    device: Device
    code: tuple[Path, ...] = ()
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A folder that a backend has looked through: the specification made complete, and the files it needs."""

    spec: ModelSpec
    files: tuple[str, ...]


class Model(Protocol):
    """A loaded model version.

    `check` and `parts` run on the event loop, `prepare` on a side thread, the rest on the engine thread.
    Promises, held by the contract tests: n answers for n payloads, in order, the same in a batch as alone.
    """

    bucketed: bool  # rows have lengths: batches are made of neighbours in length
    prepares: bool  # `prepare` must be called between `check` and `collate`
    memory_bytes: int

    @classmethod
    def inspect(cls, spec: ModelSpec, folder: Path) -> Inspected:
        """Which files the version needs. Refuses what this backend does not serve."""

    @classmethod
    def load(cls, source: Source) -> Model:
        """Read the weights. Raises `LoadError`."""

    def check(self, columns: Any, rows: int) -> Payload:
        """Compare with the signature, cheaply. Raises `InvalidInputError`, which names column and row."""

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        """What is too slow for the event loop, such as tokenising."""

    def parts(self, payload: Payload) -> list[Payload]:
        """The payload cut into pieces that each fit a batch; itself alone where it fits."""

    def collate(self, payloads: Sequence[Payload]) -> Any:
        """One batch on the device."""

    def forward(self, batch: Any) -> Any:
        """Start the computation. On an accelerator it may still run when this returns."""

    def split(self, answer: Any, payloads: Sequence[Payload]) -> list[Outputs | InferenceError]:
        """Wait for the answer and give each payload its own rows."""

    def examples(self) -> list[Payload]:
        """Payloads to warm up with, smallest first."""

    def close(self) -> None:
        """Let go of memory."""


def backend(name: str, code: Sequence[Path] = ()) -> type[Model]:
    """The class of a backend; one from outside is found in the folders of `code` too.

    Raises `SpecError` for no such name, `LoadError` where a package is missing.
    """
    look_in(code)
    place = BACKENDS.get(name, name)
    module, colon, attribute = place.partition(":")
    if not colon:
        raise SpecError(f"backend '{name}' does not exist; there are {', '.join(BACKENDS)}")
    try:
        return cast("type[Model]", getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError) as exc:
        raise LoadError(f"backend '{name}' cannot be imported: {exc}") from exc
