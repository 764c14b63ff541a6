"""From a class name and a safetensors file to a module with its weights. The file runs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from inference.errors import LoadError
from inference.manifest import TorchPart
from inference.own_code import look_in


def module_class(part: TorchPart, code: Sequence[Path]) -> type[torch.nn.Module]:
    """The operator's class, found in the folders of `code` too."""
    look_in(code)
    name, _, attribute = part.module.partition(":")
    try:
        found = getattr(importlib.import_module(name), attribute, None)
    except ImportError as exc:
        looked = ", ".join(map(str, code)) or "none"
        raise LoadError(
            f"torch.module: '{name}' cannot be imported ({exc}); name its folder in engine.code ({looked})"
        ) from exc
    except Exception as exc:  # the operator's code runs on import; whoever loads it learns what it raised
        raise LoadError(f"torch.module: importing '{name}' raised {type(exc).__name__}: {exc}") from exc
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise LoadError(f"torch.module: '{name}' has no torch.nn.Module called '{attribute}'")
    return found


def weighted(kind: type[torch.nn.Module], part: TorchPart, weights: Path) -> torch.nn.Module:
    """The module with the file's tensors in place.

    Built on the meta device and assigned: 24-41 times less CPU than initialising and copying (engine.md), and
    the pages stay mapped. A buffer that is in no file cannot be made so; then the module is built the
    ordinary way.
    """
    try:
        tensors = load_file(weights)
    except (OSError, SafetensorError) as exc:
        raise LoadError(f"torch.weights: '{weights.name}' is not a readable safetensors file: {exc}") from exc
    with torch.device("meta"):
        module = _built(kind, part)
    if any(name not in tensors for name, _ in module.named_buffers()):
        module = _built(kind, part)
    try:
        module.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as exc:
        raise LoadError(
            f"torch.weights: the tensors of '{weights.name}' do not fit {part.module}: {exc}"
        ) from exc
    return module.float().eval().requires_grad_(requires_grad=False)


def _built(kind: type[torch.nn.Module], part: TorchPart) -> torch.nn.Module:
    try:
        return kind(**part.args)
    except Exception as exc:  # the operator's code; whoever loads it learns what it raised
        raise LoadError(f"torch.args: {part.module} raised {type(exc).__name__}: {exc}") from exc
