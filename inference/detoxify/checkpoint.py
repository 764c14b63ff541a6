"""What a Detoxify checkpoint holds, read without running any of it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.errors import HashMismatchError, RefusedFileError

CLASSES = (
    "toxicity",
    "severe_toxicity",
    "obscene",
    "threat",
    "insult",
    "identity_attack",
    "sexual_explicit",
)
"""The classes that Detoxify shows. Others, such as the identities of `unbiased`, are left out."""
_RENAMED = {"toxic": "toxicity", "severe_toxic": "severe_toxicity", "identity_hate": "identity_attack"}
_NAMED_HASH = re.compile(r"-([0-9a-f]{8})\.\w+$")  # the custom of torch.hub
_PIN = re.compile(r"^[0-9a-f]{8,64}$")

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The weights, and what they are the weights of."""

    file: str
    sha256: str
    model_name: str
    tokenizer_name: str
    outputs: int
    classes: dict[str, int]  # each class that is shown, and its output; in the order of the file
    tensors: Tensors


class _Args(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model_type: str
    model_name: str
    tokenizer_name: str
    num_classes: int = Field(ge=1)


class _Architecture(BaseModel):
    args: _Args


class _Names(BaseModel):
    classes: list[str] = Field(min_length=1)


class _Dataset(BaseModel):
    args: _Names


class _Config(BaseModel):
    arch: _Architecture
    dataset: _Dataset


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    config: _Config
    state_dict: dict[str, torch.Tensor]


def read_checkpoint(path: Path, *, pinned: str | None = None) -> Checkpoint:
    """Compare the file with its hash, then read it. Raises `RefusedFileError` or `HashMismatchError`.

    `pinned` is its SHA-256 or the first digits of it, 8 or more.
    """
    sha256 = _checked(path, pinned)
    content = _file(path, _plain(path))
    args = content.config.arch.args
    names = [_RENAMED.get(name, name) for name in content.config.dataset.args.classes]
    if len(names) > args.num_classes or len(set(names)) != len(names):
        raise RefusedFileError(f"'{path.name}' names {len(names)} classes for {args.num_classes} outputs")
    classes = {name: output for output, name in enumerate(names) if name in CLASSES}
    if "toxicity" not in classes:
        raise RefusedFileError(f"'{path.name}' has no class toxicity: this is no model of Detoxify's")
    return Checkpoint(
        file=path.name,
        sha256=sha256,
        model_name=args.model_name,
        tokenizer_name=args.tokenizer_name,
        outputs=args.num_classes,
        classes=classes,
        tensors=content.state_dict,
    )


def _checked(path: Path, pinned: str | None) -> str:
    """The hash of the file, which is what it should be."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise RefusedFileError(f"'{path}' cannot be read: {exc.strerror}") from exc
    wanted = pinned.lower() if pinned is not None else None
    if wanted is not None and not _PIN.match(wanted):
        raise HashMismatchError(
            "the SHA-256 to compare with is 64 hexadecimal digits, or the first 8 or more"
        )
    named = _NAMED_HASH.search(path.name)
    for start, said in ((wanted, "you gave"), (named and named.group(1), "its name says")):
        if start and not sha256.startswith(start):
            raise HashMismatchError(
                f"'{path.name}' has the SHA-256 {sha256}, and {said} {start}: it is damaged or another file; "
                "get it again"
            )
    return sha256


def _plain(path: Path) -> Any:
    """Dicts, lists, strings, numbers and tensors. Whatever else a pickle can do is refused, not run."""
    try:
        # The one place that reads a pickle: an import by hand, its hash compared, as plain data
        return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except Exception as exc:  # of all kinds; torch's advice, to read the file unsafely, is not passed on
        raise RefusedFileError(
            f"'{path.name}' is refused ({type(exc).__name__}): it is damaged, or holds more than dicts, "
            "lists, strings, numbers and tensors, and reading that would run code"
        ) from exc


def _file(path: Path, content: Any) -> _File:
    try:
        return _File.model_validate(content)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        raise RefusedFileError(
            f"'{path.name}' is no checkpoint of Detoxify 0.5: {'.'.join(map(str, first['loc'])) or 'it'}: "
            f"{first['msg']}"
        ) from exc
