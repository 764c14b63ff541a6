"""Text classification by hashed n-grams of words and characters: linear, small, and quick on a CPU.

    weight of an n-gram = (1 + ln(its count)) x its idf, each kind of n-gram scaled to length 1
    logits = weights of the words @ W + weights of the characters @ C + bias

The weights file holds numbers alone: no vocabulary can be read out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.nn.functional import embedding_bag

from inference.answers import Answers
from inference.backend import Inspected, Outputs, Payload, Source
from inference.backends.hashing import Grams, Hashing
from inference.backends.tensors import Landing, tensor_bytes, to_device, use_threads
from inference.errors import InferenceError, LoadError, RefusedFileError, SpecError
from inference.manifest import ModelSpec, NgramsPart, Task, TextInput
from inference.pickles import CONVERT
from inference.signature import Columns, TextSignature

_CHARACTERS_A_TOKEN = 8
_BLOCK_CHARACTERS = 1 << 18
_WARM_WORDS = (8, 64)
_TINY = 1e-12

Row = tuple[NDArray[np.int64], NDArray[np.float32]]
"""The n-grams of one kind in one text: buckets and counts."""
Bag = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""The n-grams of one kind in a batch: buckets, counts, and where each text begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text as n-grams."""

    words: Row
    characters: Row


class Kind(torch.nn.Module):
    """One kind of n-grams: what each bucket weighs and what it says of each class."""

    def __init__(self, buckets: int, classes: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(buckets, classes))
        self.register_buffer("idf", torch.ones(buckets))
        self.idf: torch.Tensor

    def forward(self, buckets: torch.Tensor, counts: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        weights = (1 + counts.log()) * self.idf[buckets]
        sums = embedding_bag(buckets, self.weight, offsets, mode="sum", per_sample_weights=weights)
        places = torch.arange(len(weights), device=weights.device)
        squares = embedding_bag(places, weights.square()[:, None], offsets, mode="sum")
        return sums / squares.sqrt().clamp(min=_TINY)


class Ngrams(torch.nn.Module):
    """The sum of what words and characters say."""

    def __init__(self, buckets: int, classes: int) -> None:
        super().__init__()
        self.words = Kind(buckets, classes)
        self.characters = Kind(buckets, classes)
        self.bias = torch.nn.Parameter(torch.zeros(classes))

    def forward(self, words: Bag, characters: Bag) -> torch.Tensor:
        logits: torch.Tensor = self.words(*words) + self.characters(*characters) + self.bias
        return logits


class NgramsModel:
    """The module on its device, with the hashing in front and the answers behind."""

    bucketed = False  # nothing is padded
    prepares = True

    def __init__(self, source: Source, module: Ngrams, hashing: Hashing) -> None:
        limits = source.manifest.limits
        self.memory_bytes = tensor_bytes(module)
        self._module = module
        self._hashing = hashing
        self._device = source.device
        self._threads = source.device.threads_for(sum(p.numel() for p in module.parameters()), source.threads)
        self._signature = TextSignature(source.manifest)
        self._answers = Answers(source.manifest)
        self._max_batch = limits.max_batch
        self._max_characters = _CHARACTERS_A_TOKEN * limits.max_length

    @classmethod
    def inspect(cls, spec: ModelSpec, folder: Path) -> Inspected:
        """One file of weights; how texts are hashed is in `model.yaml`."""
        if spec.ngrams is None:
            raise SpecError("ngrams: backend ngrams needs this section, such as {weights: model.safetensors}")
        if spec.task is not Task.TEXT_CLASSIFICATION:
            raise SpecError(f"task: backend ngrams serves {Task.TEXT_CLASSIFICATION}, not {spec.task}")
        if len(spec.inputs) != 1 or not isinstance(spec.inputs[0], TextInput):
            raise SpecError("inputs: backend ngrams takes one input of type text")
        if not spec.outputs.classes:
            raise SpecError("outputs.classes: backend ngrams needs the names of the classes")
        if not spec.ngrams.weights.endswith(".safetensors"):
            raise RefusedFileError(
                f"ngrams.weights: '{spec.ngrams.weights}' is not a .safetensors file; {CONVERT}"
            )
        return Inspected(spec=spec, files=(spec.ngrams.weights,))

    @classmethod
    def load(cls, source: Source) -> NgramsModel:
        part = source.manifest.ngrams
        if part is None:
            raise LoadError("the manifest has no section ngrams; add the model again")
        module = _weighted(source.folder / part.weights, len(source.manifest.outputs.classes))
        hashing = hashing_of(part, len(module.words.idf))
        return cls(source, module.to(source.device.kind), hashing)

    def check(self, columns: Columns, rows: int) -> Payload:
        return self._signature.check(columns, rows)

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Texts become n-grams: many texts in one pass of numpy."""
        whole = [text for payload in payloads for text in payload.data]
        texts = [text[: self._max_characters] for text in whole]
        hashed = [text for block in _blocks(texts) for text in self._hashed(block)]
        prepared, start = [], 0
        for payload in payloads:
            end = start + payload.rows
            cut = sum(len(text) > self._max_characters for text in whole[start:end])
            prepared.append(Payload(data=hashed[start:end], rows=payload.rows, units=payload.rows, cut=cut))
            start = end
        return prepared

    def parts(self, payload: Payload) -> list[Payload]:
        if payload.rows <= self._max_batch:
            return [payload]
        texts: list[Text] = payload.data
        starts = range(0, payload.rows, self._max_batch)
        groups = [range(start, min(start + self._max_batch, payload.rows)) for start in starts]
        return [
            Payload(
                data=texts[group.start : group.stop], rows=len(group), units=len(group), places=tuple(group)
            )
            for group in groups
        ]

    def collate(self, payloads: Sequence[Payload]) -> tuple[Bag, Bag]:
        texts: list[Text] = [text for payload in payloads for text in payload.data]
        return self._bag([text.words for text in texts]), self._bag([text.characters for text in texts])

    def forward(self, batch: tuple[Bag, Bag]) -> Landing:
        use_threads(self._threads)
        with torch.inference_mode():
            return Landing(self._module(*batch), self._device.kind)

    def split(self, answer: Landing, payloads: Sequence[Payload]) -> list[Outputs | InferenceError]:
        return self._answers.split(answer.wait(), payloads)

    def examples(self) -> list[Payload]:
        return [Payload(data=["word " * words], rows=1, units=1) for words in _WARM_WORDS]

    def close(self) -> None:
        self._module = Ngrams(1, 1)

    def _hashed(self, texts: Sequence[str]) -> Iterator[Text]:
        words = _rows(self._hashing.word_grams(texts))
        characters = _rows(self._hashing.character_grams(texts))
        for one, other in zip(words, characters, strict=True):
            yield Text(words=one, characters=other)

    def _bag(self, rows: Sequence[Row]) -> Bag:
        lengths = [len(buckets) for buckets, _ in rows]
        offsets = np.concatenate([[0], np.cumsum(lengths[:-1])]).astype(np.int64)
        arrays = (
            np.concatenate([buckets for buckets, _ in rows]),
            np.concatenate([counts for _, counts in rows]),
            offsets,
        )
        buckets, counts, starts = (self._moved(array) for array in arrays)
        return buckets, counts, starts

    def _moved(self, array: NDArray[np.int64] | NDArray[np.float32]) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor if self._device.is_cpu else to_device(tensor, self._device.kind)


def hashing_of(part: NgramsPart, buckets: int) -> Hashing:
    """How the texts of a model are hashed."""
    return Hashing(words=part.words, characters=part.characters, buckets=buckets)


def _blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Runs of texts of bounded length: each character takes some hundred bytes while it is hashed."""
    start, characters = 0, 0
    for place, text in enumerate(texts):
        if characters and characters + len(text) > _BLOCK_CHARACTERS:
            yield texts[start:place]
            start, characters = place, 0
        characters += len(text)
    yield texts[start:]


def _rows(grams: Grams) -> list[Row]:
    cuts = grams.offsets[1:]
    return list(zip(np.split(grams.buckets, cuts), np.split(grams.counts, cuts), strict=True))


def _weighted(weights: Path, classes: int) -> Ngrams:
    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError) as exc:
        raise LoadError(
            f"ngrams.weights: '{weights.name}' is not a readable safetensors file: {exc}"
        ) from exc
    idf = tensors.get("words.idf")
    if idf is None or idf.ndim != 1 or not len(idf):
        raise LoadError(f"ngrams.weights: '{weights.name}' has no vector 'words.idf', one number a bucket")
    with torch.device("meta"):
        module = Ngrams(len(idf), classes)
    try:
        module.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as exc:
        raise LoadError(f"ngrams.weights: the tensors of '{weights.name}' do not fit: {exc}") from exc
    return module.float().eval().requires_grad_(requires_grad=False)
