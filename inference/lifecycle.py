"""Where a model version is in its life.

PENDING → LOADING → WARMING → READY → DRAINING → UNLOADED, or FAILED
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from inference.manifest import Manifest
from inference.queues import Counts


class State(StrEnum):
    """Stages of a version's life."""

    PENDING = "pending"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    UNLOADED = "unloaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """One version as the engine sees it now: for `/api/models`, readiness and metrics."""

    name: str
    version: str
    state: State
    current: bool  # what a request without a version gets
    reason: str | None = None  # why it failed or was unloaded
    manifest: Manifest | None = None  # None: the manifest cannot be read
    loaded_at: datetime | None = None
    memory_bytes: int = 0
    inline: bool = False  # runs on the event loop
    device: str | None = None
    waiting_rows: int = 0
    in_flight: int = 0  # batches
    eta_s: float = 0.0  # how long a request that came now would wait
    counts: Counts = field(default_factory=Counts)
