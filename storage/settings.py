"""What the operator chooses about the journal, the database, and how long things are kept."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

_MIB = 1024 * 1024


class FullPolicy(StrEnum):
    """What happens to an event when the journal is over its byte budget, or its disk is full."""

    DROP = "drop"  # the answer goes out, the event is dropped and counted
    SAMPLE = "sample"  # from 80 % of the budget on, one event in ten is kept; the rest is dropped and counted
    REFUSE = "refuse"  # the request is refused with 503: for those who must have every event


class Durability(StrEnum):
    """What a power loss may cost."""

    BATCH = "batch"  # at most the last 50 ms
    SYNC = "sync"  # nothing; every request waits for the disk


class JournalSettings(BaseModel):
    """Where the journal lies and how much it may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(
        default=Path(".inferwatch/journal"), description="a folder on a local disk; one subfolder a gateway"
    )
    budget_bytes: int = Field(
        default=1024 * _MIB, ge=64 * 1024, description="what may wait for the database, in bytes"
    )
    policy: FullPolicy = Field(
        default=FullPolicy.DROP, description="drop, sample or refuse, when the budget is used up"
    )
    durability: Durability = Field(
        default=Durability.BATCH, description="batch (sync every 50 ms) or sync (every event)"
    )
    sync_s: float = Field(default=0.05, gt=0, le=10, description="seconds between two syncs")
    segment_s: float = Field(
        default=0.2, gt=0, le=60, description="a file is closed, and can be shipped, at this age"
    )
    segment_bytes: int = Field(default=256 * 1024, ge=4096, description="or at this size")


class DatabaseSettings(BaseModel):
    """Which database holds what was journalled, counted and judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="sqlite:///.inferwatch/inferwatch.db",
        description="sqlite:///path, or postgresql://user:password@host/name",
    )
    partitions: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="how many workers may count at once; fixed at first start: 1 on SQLite, 16 on PostgreSQL",
    )


class RetentionSettings(BaseModel):
    """How long things are kept. Panes and hours roll up into longer ones as they age; days are deleted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segments_days: float = Field(
        default=30, gt=0, description="days that raw events are kept after they were stored"
    )
    panes_days: float = Field(default=7, gt=0, description="days until panes roll up into hours")
    hours_days: float = Field(default=90, gt=0, description="days until hours roll up into days")
    days_days: float = Field(default=1095, gt=0, description="days until the summary of a day is deleted")
    measurements_days: float = Field(
        default=365, gt=0, description="days that measurements and resolved alerts are kept"
    )
    labels_days: float = Field(
        default=365,
        gt=0,
        description="days that labels, choices of what to label and the apps' own ids are kept",
    )
    waiting_days: float = Field(default=30, gt=0, description="days that a label waits for its event")
    reports_days: float = Field(
        default=90, gt=0, description="days that a report is kept after it was asked for; 100 at most are"
    )
