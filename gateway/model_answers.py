"""What `GET /api/models` answers: what is served, what it takes and gives, and how far its traffic is."""

from __future__ import annotations

from datetime import datetime

import msgspec

from inference.lifecycle import ModelState
from inference.manifest import CategoryInput, Manifest
from inference.work import Counts
from storage.reading import ModelInfo


class ColumnAnswer(msgspec.Struct, kw_only=True):
    """One input column."""

    name: str
    type: str
    categories: list[str | int] | None = None


class SignatureAnswer(msgspec.Struct, kw_only=True):
    """What a model takes and gives."""

    inputs: list[ColumnAnswer]
    outputs: list[str]
    classes: list[str]
    positive: str | None
    label: str | None
    slices: list[str]
    protected: list[list[str]]  # by name, or by the names of an intersection

    @classmethod
    def of(cls, manifest: Manifest) -> SignatureAnswer:
        """As the manifest has it."""
        return cls(
            inputs=[
                ColumnAnswer(
                    name=column.name,
                    type=column.type,
                    categories=list(column.categories) if isinstance(column, CategoryInput) else None,
                )
                for column in manifest.inputs
            ],
            outputs=list(manifest.output_names),
            classes=list(manifest.outputs.classes),
            positive=manifest.positive,
            label=manifest.label,
            slices=list(manifest.slices),
            protected=[list(names) for names in manifest.groupings],
        )


class TrafficAnswer(msgspec.Struct, kw_only=True):
    """How far the events of a version have come."""

    newest_at: datetime
    counted_at: datetime
    replay: bool


class WorkAnswer(msgspec.Struct, kw_only=True):
    """What the engine did for a version since it was loaded, in requests, rows, batches and seconds."""

    answered: int
    failed: int
    refused: int
    expired: int
    cancelled: int
    batches: int
    rows: int
    busy_s: float

    @classmethod
    def of(cls, counts: Counts) -> WorkAnswer:
        """As the engine counts."""
        return cls(**{name: getattr(counts, name) for name in cls.__struct_fields__})


class ModelAnswer(msgspec.Struct, kw_only=True):
    """One version. `reference` and `traffic` are null while unknown, also where the database is away."""

    name: str
    version: str
    state: str
    current: bool
    reason: str | None
    task: str | None
    backend: str | None
    device: str | None
    loaded_at: datetime | None
    waiting_rows: int
    memory_bytes: int | None  # held on the device; null while it is not loaded
    work: WorkAnswer
    signature: SignatureAnswer | None
    reference: str | None
    traffic: TrafficAnswer | None

    @classmethod
    def of(cls, state: ModelState, info: ModelInfo | None) -> ModelAnswer:
        """As the engine has it, with what SQL knows."""
        manifest, clock = state.manifest, info.clock if info else None
        return cls(
            name=state.name,
            version=state.version,
            state=state.state,
            current=state.current,
            reason=state.reason,
            task=manifest.task if manifest else None,
            backend=manifest.backend if manifest else None,
            device=state.device,
            loaded_at=state.loaded_at,
            waiting_rows=state.waiting_rows,
            memory_bytes=state.memory_bytes if state.device is not None else None,
            work=WorkAnswer.of(state.counts),
            signature=SignatureAnswer.of(manifest) if manifest else None,
            reference=info.version.reference if info else None,
            traffic=TrafficAnswer(newest_at=clock.newest_at, counted_at=clock.counted_at, replay=clock.replay)
            if clock
            else None,
        )


class ModelsAnswer(msgspec.Struct):
    """Every version."""

    models: list[ModelAnswer]
