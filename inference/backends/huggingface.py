"""Text classification with a Hugging Face folder: safetensors weights, no code, batches of near length."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.answers import Answers
from inference.backend import Inspected, Outputs, Payload, Source
from inference.backends.tensors import Landing, tensor_bytes, to_device, use_threads
from inference.bucketing import Room, cut
from inference.errors import InferenceError, LoadError, RefusedFileError, SpecError
from inference.manifest import ModelSpec, Task, TextInput
from inference.manifest import Outputs as OutputSpec
from inference.pickles import CONVERT, pickles
from inference.signature import Columns, TextSignature

_SUFFIXES = {".json", ".txt", ".safetensors", ".model"}
_WARM_LENGTHS = (8, 64)

Tokens = list[NDArray[np.int64]]
"""Token ids, one array a text."""


class HuggingFaceModel:
    """A sequence classifier and its tokenizer."""

    bucketed = True
    prepares = True

    def __init__(self, source: Source, module: torch.nn.Module, tokenizer: Any, max_length: int) -> None:
        limits = source.manifest.limits
        self.memory_bytes = tensor_bytes(module)
        self._module = module
        self._tokenizer = tokenizer
        self._device = source.device
        self._threads = source.device.threads_for(sum(p.numel() for p in module.parameters()), source.threads)
        self._signature = TextSignature(source.manifest)
        self._answers = Answers(source.manifest)
        self._room = Room(rows=limits.max_batch, tokens=limits.token_budget, padding=limits.max_padding)
        self._max_length = max_length
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)

    @classmethod
    def inspect(cls, spec: ModelSpec, folder: Path) -> Inspected:
        if spec.task is not Task.TEXT_CLASSIFICATION:
            raise SpecError(
                f"task: backend huggingface serves {Task.TEXT_CLASSIFICATION} so far, not {spec.task}"
            )
        if len(spec.inputs) != 1 or not isinstance(spec.inputs[0], TextInput):
            raise SpecError("inputs: backend huggingface takes one input of type text")
        place = spec.huggingface.folder if spec.huggingface is not None else "."
        names = _names(folder, place)
        config = _configuration(folder / place)
        classes = _classes(config)
        if not spec.outputs.classes:
            outputs = OutputSpec.model_validate({**spec.outputs.model_dump(), "classes": classes})
            spec = ModelSpec.model_validate({**spec.model_dump(), "outputs": outputs})
        if len(spec.outputs.classes) != len(classes) and not (len(classes) == 1 and spec.binary):
            raise SpecError(
                f"outputs.classes names {len(spec.outputs.classes)} classes, config.json {len(classes)}"
            )
        return Inspected(spec=spec, files=tuple(names))

    @classmethod
    def load(cls, source: Source) -> HuggingFaceModel:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        part = source.manifest.huggingface
        folder = source.folder / (part.folder if part is not None else ".")
        _configuration(folder)
        module, tokenizer = _read(folder)
        max_length = _max_length(source.manifest.limits.max_length, module.config, tokenizer)
        moved = module.eval().requires_grad_(requires_grad=False).to(source.device.kind)
        return cls(source, moved, tokenizer.backend_tokenizer, max_length)

    def check(self, columns: Columns, rows: int) -> Payload:
        return self._signature.check(columns, rows)

    def prepare(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Texts become token ids: one call of the tokenizer, which releases the GIL."""
        encodings = iter(
            self._tokenizer.encode_batch_fast([text for payload in payloads for text in payload.data])
        )
        return [self._tokenised([next(encodings) for _ in range(payload.rows)]) for payload in payloads]

    def parts(self, payload: Payload) -> list[Payload]:
        tokens: Tokens = payload.data
        if payload.rows == 1:
            return [payload]
        groups = cut([len(ids) for ids in tokens], self._room)
        return [_payload([tokens[place] for place in group], tuple(group)) for group in groups]

    def collate(self, payloads: Sequence[Payload]) -> dict[str, torch.Tensor]:
        texts: Tokens = [ids for payload in payloads for ids in payload.data]
        longest = max(map(len, texts))
        ids = np.zeros((len(texts), longest), dtype=np.int64)
        mask = np.zeros((len(texts), longest), dtype=np.int64)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        pad = getattr(self._module.config, "pad_token_id", None)
        if pad:
            ids[mask == 0] = pad
        return {"input_ids": self._moved(ids), "attention_mask": self._moved(mask)}

    def forward(self, batch: dict[str, torch.Tensor]) -> Landing:
        use_threads(self._threads)
        with torch.inference_mode():
            return Landing(self._module(**batch).logits, self._device.kind)

    def split(self, answer: Landing, payloads: Sequence[Payload]) -> list[Outputs | InferenceError]:
        return self._answers.split(answer.wait(), payloads)

    def examples(self) -> list[Payload]:
        return [Payload(data=["a " * length], rows=1, units=1) for length in _WARM_LENGTHS]

    def close(self) -> None:
        self._module = torch.nn.Identity()

    def _tokenised(self, encodings: Sequence[Any]) -> Payload:
        tokens = [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
        payload = _payload(tokens, None)
        payload.cut = sum(bool(encoding.overflowing) for encoding in encodings)
        return payload

    def _moved(self, array: NDArray[np.int64]) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor if self._device.is_cpu else to_device(tensor, self._device.kind)


def _payload(tokens: Tokens, places: tuple[int, ...] | None) -> Payload:
    lengths = [len(ids) for ids in tokens]
    return Payload(data=tokens, rows=len(tokens), units=sum(lengths), length=max(lengths), places=places)


def _names(folder: Path, place: str) -> list[str]:
    """The files of the folder that are served. Refuses a folder whose weights are pickles only."""
    inside = (folder / place).resolve()
    if not inside.is_relative_to(folder.resolve()):
        raise RefusedFileError(f"huggingface.folder: '{place}' lies outside {folder}; put the model into it")
    if not inside.is_dir():
        raise SpecError(f"huggingface.folder: {inside} is no folder")
    names = sorted(path.name for path in inside.iterdir())
    if not any(name.endswith(".safetensors") for name in names):
        refused = pickles(names)
        found = (
            f"only '{refused[0]}', which is refused: {CONVERT.replace('FILE', refused[0])}"
            if refused
            else "none"
        )
        raise RefusedFileError(f"{inside} must hold safetensors weights, and there is {found}")
    wanted = [name for name in names if Path(name).suffix in _SUFFIXES and (inside / name).is_file()]
    return [(Path(place) / name).as_posix() for name in wanted]


def _configuration(folder: Path) -> dict[str, Any]:
    """`config.json`, unless it asks for code from the folder."""
    for name in ("config.json", "tokenizer_config.json"):
        path = folder / name
        if not path.exists():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as exc:
            raise SpecError(f"{path} is not JSON: {exc}") from exc
        if "auto_map" in content:
            raise RefusedFileError(
                f"{path} needs code that comes with the model (auto_map), which is never run; "
                "use an architecture that transformers has"
            )
    path = folder / "config.json"
    if not path.exists():
        raise SpecError(f"{path} does not exist; a Hugging Face folder has one")
    configuration: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return configuration


def _classes(config: dict[str, Any]) -> tuple[str, ...]:
    names = config.get("id2label")
    if names:
        return tuple(str(names[place]) for place in sorted(names, key=int))
    return tuple(f"LABEL_{place}" for place in range(int(config.get("num_labels", 2))))


def _read(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer, from files alone: no network, no pickle, no code of the folder."""
    import transformers  # noqa: PLC0415  a second and 100 MB: only where such a model is served

    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    safe = {"trust_remote_code": False, "local_files_only": True}
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **safe)
        module, report = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **safe
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True, **safe)
    except Exception as exc:  # transformers raises of all kinds; whoever loads the model learns of it
        raise LoadError(f"transformers cannot load it: {type(exc).__name__}: {exc}") from exc
    if report["missing_keys"]:
        raise LoadError(
            f"the weights lack '{sorted(report['missing_keys'])[0]}': fine-tune it for classification first"
        )
    if not tokenizer.is_fast:
        raise LoadError("the tokenizer has no fast form; save the model with a tokenizer.json")
    return module, tokenizer


def _max_length(wanted: int, config: Any, tokenizer: Any) -> int:
    """Tokens of one text that the model has positions for."""
    positions = getattr(config, "max_position_embeddings", None) or wanted
    if "roberta" in str(getattr(config, "model_type", "")):
        positions -= (config.pad_token_id or 0) + 1  # RoBERTa counts its positions from behind the padding's
    return int(min(wanted, positions, tokenizer.model_max_length))
