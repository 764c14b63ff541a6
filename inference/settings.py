"""What the operator chooses about the engine: the section `engine` of `inferwatch.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EngineSettings(BaseModel):
    """How models are found, loaded and run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: Path = Field(
        default=Path(".inferwatch/models"), description="folder that `inferwatch models add` fills"
    )
    code: tuple[Path, ...] = Field(
        default=(),
        description="folders with the operator's own modules, for `torch.module`; that of this file if none",
    )
    device: Literal["auto", "cpu", "cuda", "mps", "xpu"] = Field(
        default="auto", description="auto: CUDA where there is one, else the CPU"
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        description="CPU threads of one forward; not given: 1 for small models, else cores - 1",
    )
    poll_s: float = Field(
        default=5.0, gt=0, description="how often the repository is looked at for new versions"
    )
    drain_s: float = Field(
        default=30.0, ge=0, description="how long a replaced version may finish what it has"
    )
    stuck_s: float = Field(
        default=60.0,
        gt=0,
        description="a batch that runs longer than this, and than 20 x the usual, is given up",
    )
    memory_bytes: int | None = Field(
        default=None,
        ge=1,
        description="what all models may hold on the device; not given: 0.8 of what is free at start",
    )
