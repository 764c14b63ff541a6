"""Which files are refused because reading them runs code, and how to convert them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

SUFFIXES = frozenset({".pt", ".pth", ".bin", ".pkl", ".pickle", ".joblib", ".ckpt", ".pt2", ".npy", ".dill"})
"""Formats that are, or may hold, a pickle. `.pt2` waits for its own switch."""

CONVERT = (
    "reading it would run code. Convert it once, where you trust it: "
    'safetensors.torch.save_file(torch.load("FILE", weights_only=True), "model.safetensors")'
)


def pickles(names: Iterable[str]) -> list[str]:
    """Those of the file names that are refused."""
    return sorted(name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES)
