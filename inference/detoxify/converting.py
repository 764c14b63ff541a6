"""From a Detoxify checkpoint and a local tokenizer to a model folder: safetensors, classes, a self-test.

Detoxify loads what does not fit with random weights and a line in the log. Here each such case is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file

from inference.detoxify.checkpoint import Checkpoint, Tensors
from inference.detoxify.vocabulary import MAX_LENGTH, check_vocabulary, read_tokenizer
from inference.errors import LoadError, RefusedFileError, SpecError
from inference.texts import TEXTS, toxicity_selftest

PROVENANCE = "provenance.json"
_WEIGHTS = "model.safetensors"
_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A class of transformers that is built. No name from a file is looked up there."""

    tokenizer: str
    head: str  # the layer whose rows are the classes
    unused: str | None = None  # tensors that the class has no use for, and older versions of it saved


ARCHITECTURES = {
    "BertForSequenceClassification": Architecture(tokenizer="BertTokenizer", head="classifier"),
    "RobertaForSequenceClassification": Architecture(
        tokenizer="RobertaTokenizer", head="classifier.out_proj", unused="roberta.pooler."
    ),
    "XLMRobertaForSequenceClassification": Architecture(
        tokenizer="XLMRobertaTokenizer", head="classifier.out_proj", unused="roberta.pooler."
    ),
    "AlbertForSequenceClassification": Architecture(tokenizer="AlbertTokenizer", head="classifier"),
}


def convert(
    read: Checkpoint, tokenizer: Path, into: Path, *, name: str | None = None, version: str | None = None
) -> Path:
    """Write a folder that `Repository.add` takes. Raises `RepositoryError` with what does not fit.

    `tokenizer` is a folder with `config.json` and the tokenizer's files. Without a name and a version these
    come from the checkpoint's name and hash.
    """
    import transformers  # noqa: PLC0415  a second and 100 MB: only where a checkpoint is converted

    kind = _architecture(read)
    model_class = getattr(transformers, read.model_name)
    config = _config(tokenizer, model_class, read)
    module = _module(model_class, config, _kept(read, kind))
    tokens = read_tokenizer(tokenizer, getattr(transformers, kind.tokenizer))
    check_vocabulary(tokens, config)
    into.mkdir(parents=True, exist_ok=True)
    save_file(_tensors(module), into / _WEIGHTS, metadata={"format": "pt"})
    config.save_pretrained(into)
    tokens.save_pretrained(into)
    toxicity_selftest(_scores(module, tokens)).write(into)
    provenance = json.dumps(_provenance(read, into), indent=1)
    (into / PROVENANCE).write_text(provenance + "\n", encoding="utf-8")
    spec = _spec(read, name or _name(read), version or read.sha256[:8])
    (into / "model.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    return into


def _architecture(read: Checkpoint) -> Architecture:
    kind = ARCHITECTURES.get(read.model_name)
    if kind is None:
        raise RefusedFileError(
            f"'{read.file}' wants the class '{read.model_name[:80]}'; taken are {', '.join(ARCHITECTURES)}"
        )
    if read.tokenizer_name not in (kind.tokenizer, f"{kind.tokenizer}Fast"):
        raise RefusedFileError(
            f"'{read.file}' wants the tokenizer '{read.tokenizer_name[:80]}'; {read.model_name} has a "
            f"{kind.tokenizer}"
        )
    return kind


def _config(folder: Path, model_class: Any, read: Checkpoint) -> Any:
    """The configuration of the folder with the classes of the checkpoint in place of its own."""
    path = folder / "config.json"
    wanted = model_class.config_class.model_type
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as exc:
        raise SpecError(f"{path} is needed, and cannot be read: {exc}") from exc
    if found != wanted:
        raise SpecError(f"{path} is of the type '{found}', and '{read.file}' of the type '{wanted}'")
    labels = dict(enumerate(read.classes))
    try:
        return model_class.config_class.from_pretrained(
            folder,
            local_files_only=True,
            id2label=labels,
            label2id={label: place for place, label in labels.items()},
            problem_type="multi_label_classification",
            architectures=[read.model_name],
            dtype=torch.float32,
        )
    except Exception as exc:  # transformers raises of all kinds; whoever imports learns of it
        raise SpecError(f"{path} is not one that transformers takes: {type(exc).__name__}: {exc}") from exc


def _kept(read: Checkpoint, kind: Architecture) -> Tensors:
    """The tensors that are served: in float32, and of the head only the rows of the classes that are shown.

    Each output is a sigmoid of its own, so the others' rows change nothing.
    """
    tensors = {
        key: tensor.float() if tensor.is_floating_point() else tensor
        for key, tensor in read.tensors.items()
        if not key.endswith("position_ids") and not (kind.unused and key.startswith(kind.unused))
    }
    for part in ("weight", "bias"):
        key = f"{kind.head}.{part}"
        if key not in tensors:
            raise LoadError(f"'{read.file}' lacks '{key}': its scores would be those of random weights")
        if len(tensors[key]) != read.outputs:
            raise LoadError(f"'{read.file}': '{key}' has {len(tensors[key])} rows for {read.outputs} outputs")
        tensors[key] = tensors[key][list(read.classes.values())].clone()
    return tensors


def _module(model_class: Any, config: Any, tensors: Tensors) -> Any:
    """The model with exactly these tensors: none missing, none left over, each of its shape."""
    try:
        module = model_class(config)
    except Exception as exc:  # as above
        raise SpecError(f"config.json describes no model: {type(exc).__name__}: {exc}") from exc
    wanted = {key: tensor.shape for key, tensor in module.state_dict().items()}
    problems = {
        "lacks": sorted(wanted.keys() - tensors.keys()),
        "has, and the model has not,": sorted(tensors.keys() - wanted.keys()),
        "has in another shape than config.json says": sorted(
            key for key in wanted.keys() & tensors.keys() if wanted[key] != tensors[key].shape
        ),
    }
    said = "; ".join(f"it {what} {_few(keys)}" for what, keys in problems.items() if keys)
    if said:
        raise LoadError(f"the checkpoint does not fit {model_class.__name__}: {said}")
    module.load_state_dict(tensors, strict=True)
    return module.float().eval().requires_grad_(requires_grad=False)


def _tensors(module: Any) -> Tensors:
    return {key: tensor.contiguous() for key, tensor in module.state_dict().items()}


def _scores(module: Any, tokens: Any) -> list[list[float]]:
    """Those of the fixed texts, one by one, by transformers alone."""
    scores: list[list[float]] = []
    with torch.inference_mode():
        for text in TEXTS:
            batch = tokens(text, return_tensors="pt", truncation=True)
            scores.append(torch.sigmoid(module(**batch).logits[0].double()).tolist())
    return scores


def _provenance(read: Checkpoint, folder: Path) -> dict[str, Any]:
    return {
        "source": {"file": read.file, "sha256": read.sha256},
        "model": read.model_name,
        "outputs_of_the_source": read.outputs,
        "classes": list(read.classes),
        "files": {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.name != PROVENANCE},
    }


def _spec(read: Checkpoint, name: str, version: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "task": "text-classification",
        "backend": "huggingface",
        "inputs": [{"name": "text", "type": "text"}],
        "outputs": {"classes": list(read.classes), "multi_label": True},
        "limits": {"max_length": MAX_LENGTH},
        "description": f"Detoxify, from {read.file} (SHA-256 {read.sha256})",
    }


def _name(read: Checkpoint) -> str:
    stem = re.sub(r"-[0-9a-f]{8}$", "", Path(read.file).stem)
    return "detoxify-" + re.sub(r"[^A-Za-z0-9._-]", "-", stem)[:50]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _few(keys: Sequence[str]) -> str:
    quoted: Iterable[str] = (f"'{key[:80]}'" for key in keys[:_LISTED])
    return ", ".join(quoted) + (f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else "")
