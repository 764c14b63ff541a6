"""A piece of work: the rows of one request that wait, run and are answered together."""

from __future__ import annotations

from asyncio import Future
from dataclasses import dataclass

from inference.backend import Outputs, Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """An answer, and what it took."""

    outputs: Outputs
    queue_s: float  # from the request's arrival at the engine to the start of its batch
    compute_s: float  # of its batch
    batch_rows: int  # rows that ran together with it, its own included
    tokens: int | None = None  # of a text model
    joules: float | None = None  # not measured yet
    cut: int = 0  # texts that were longer than the model takes


@dataclass(slots=True, kw_only=True, eq=False)
class Work:
    """What waits in a queue. Done when its future is: answered, failed, expired or cancelled."""

    payload: Payload
    future: Future[Inference]
    arrived: float  # by the event loop's clock
    deadline: float
    key: str | None = None
    priority: int = 0  # lower goes first
    waiting: bool = False  # counted among those that wait in a queue


@dataclass(slots=True, kw_only=True)
class Counts:
    """What became of the work of one model version since it was loaded."""

    answered: int = 0
    failed: int = 0
    refused: int = 0
    expired: int = 0
    cancelled: int = 0
    undeliverable: int = 0
    batches: int = 0
    rows: int = 0
    retried: int = 0
    busy_s: float = 0.0
