"""The requests of a simulated minute: a pure function of the minute, so a story is always the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from gateway.demo import loans, messages
from gateway.demo.rows import Rows
from gateway.demo.story import MINUTE, scene_at
from storage.records import Value

LOANS_A_MINUTE = 50
MESSAGES_A_MINUTE = 15

_SEED = 20263
_LABELLED = {loans.MODEL: 0.75, messages.MODEL: 0.5}
"""The share of rows whose truth becomes known; the rest is for people to label."""
_DELAY_MINUTES = (2.0, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRequest:
    """One row that a simulated app asks about."""

    model: str
    at: timedelta  # since the minute began
    inputs: dict[str, Value]
    tags: dict[str, str] = field(default_factory=dict)
    label: str | None  # None: it never becomes known
    label_after: timedelta  # since the request


def requests_of(
    minute: int, *, n_loans: int = LOANS_A_MINUTE, n_messages: int = MESSAGES_A_MINUTE
) -> list[SimulatedRequest]:
    """The requests of a minute of the story, in the order of their times."""
    rng = np.random.default_rng((_SEED, minute))
    changes = scene_at(minute).changes
    made = [
        *_requests(loans.MODEL, loans.loan_rows(n_loans, rng, changes), rng),
        *_requests(messages.MODEL, messages.message_rows(n_messages, rng, changes), rng),
    ]
    return sorted(made, key=lambda each: each.at)


def _requests(model: str, rows: Rows, rng: np.random.Generator) -> Iterator[SimulatedRequest]:
    n = len(rows.labels)
    known = rng.random(n) < _LABELLED[model]
    delays = rng.uniform(*_DELAY_MINUTES, n)
    for place in range(n):
        yield SimulatedRequest(
            model=model,
            at=MINUTE * ((place + 0.5) / n),
            inputs={name: values[place] for name, values in rows.inputs.items()},
            tags={name: values[place] for name, values in rows.tags.items()},
            label=rows.labels[place] if known[place] else None,
            label_after=MINUTE * float(delays[place]),
        )
