"""What a simulated app sends of one model: inputs, tags that the model never sees, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from storage.records import Value


class Change(StrEnum):
    """One way in which simulated traffic departs from the reference. They do not get in each other's way."""

    DRIFT = "drift"  # older cars, from the south
    TOXIC = "toxic"  # some customers are rude
    UNFAIR = "unfair"  # those under 30 come with the loans that are hard to repay
    WRONG = "wrong"  # the truth no longer follows the inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Simulated rows, as columns."""

    inputs: dict[str, list[Value]]
    labels: list[str]
    tags: dict[str, list[str]] = field(default_factory=dict)
