"""Which model scores texts, as a record: what was counted with its scores carries its hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

TOXICITY = "toxicity"
"""What the only scorer scores so far, and the monitor that counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A model that scores texts."""

    name: str  # what it scores
    model: str
    version: str
    sha256: str  # of its files
    classes: tuple[str, ...]  # in the order of the scores
    bundled: bool  # the small model that comes with inferwatch
    words: str  # what a person should know of it
    loaded_at: datetime

    @property
    def hash(self) -> str:
        """Of all that decides what its scores mean: scores with another hash are not the same thing."""
        parts = (self.name, self.model, self.version, self.sha256, self.classes)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def is_same(self, other: Scorer | None) -> bool:
        """Whether their scores may be added."""
        return other is not None and self.hash == other.hash


def examples_name(column: str, class_name: str) -> str:
    """How a summary calls the worst texts of a column."""
    return f"{column}/{class_name}"
