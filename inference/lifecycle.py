"""Where a model version is in its life.

PENDING → LOADING → WARMING → READY → DRAINING → UNLOADED, or FAILED
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from inference.manifest import Manifest
from inference.runners import Inline
from inference.served import Served
from inference.work import Counts


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


@dataclass(slots=True, kw_only=True)
class Version:
    """What the engine knows of one version."""

    name: str
    version: str
    manifest: Manifest | None = None
    state: State = State.PENDING
    reason: str | None = None
    served: Served | None = None
    loaded_at: datetime | None = None
    asked_for: bool = False  # somebody loaded it by name: a newer version does not replace it
    loading: asyncio.Task[None] | None = None

    def seen(self, device: str | None, *, current: Served | None) -> ModelState:
        """As others may see it. `current` is what a request without a version gets."""
        served = self.served
        if served is None:
            return ModelState(
                name=self.name,
                version=self.version,
                state=self.state,
                current=False,
                reason=self.reason,
                manifest=self.manifest,
            )
        stuck = served.queue.stuck
        return ModelState(
            name=self.name,
            version=self.version,
            state=State.FAILED if stuck else self.state,
            current=served is current,
            reason="unhealthy: a batch does not return" if stuck else self.reason,
            manifest=self.manifest,
            loaded_at=self.loaded_at,
            memory_bytes=served.model.memory_bytes,
            inline=isinstance(served.queue.runner, Inline),
            device=device,
            waiting_rows=served.waiting_rows,
            in_flight=served.queue.in_flight,
            eta_s=served.queue.eta_s(),
            counts=served.queue.counts,
        )
