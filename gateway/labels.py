"""`POST /api/labels`: the truth about earlier requests, into the journal like every other event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Annotated, Protocol

import msgspec

from gateway.errors import RefusedError
from gateway.metrics import GatewayMetrics
from gateway.question import MAX_ID_CHARACTERS, read_at, read_id
from gateway.redaction import Redactions
from storage.errors import JournalError
from storage.records import EventId, LabelEvent

MAX_LABELS = 10_000
MAX_LABEL_CHARACTERS = 1000

Row = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1, description="of the event, from 0")]
EventKey = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_ID_CHARACTERS,
        description="of the event: its `x-request-id`, or the id that the app gave it",
    ),
]
KnownSince = Annotated[str | None, msgspec.Meta(description="ISO 8601; now if not given. The latest wins")]


class Label(msgspec.Struct, forbid_unknown_fields=True):
    """One label: of which event (its id, or the app's own), of which row, and since when it is known.

    `null` takes back what was said of the row until then.
    """

    id: EventKey
    label: str | int | float | bool | None
    row: Row = 0
    at: KnownSince = None


class LabelsBody(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /api/labels` takes."""

    labels: Annotated[list[Label], msgspec.Meta(max_length=MAX_LABELS)]


class LabelProblem(msgspec.Struct):
    """A label that was not taken, by its place in the list."""

    index: int
    error: str


class LabelsAnswer(msgspec.Struct):
    """How many were taken. They are joined with their events later, whichever comes first."""

    accepted: int
    errors: list[LabelProblem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends labels."""

    key: str | None
    everyone: bool  # its labels hold for events of every key, by their event ids


class LabelJournal(Protocol):
    """What takes labels in."""

    def append_many(self, records: Sequence[LabelEvent]) -> list[EventId]:
        """One write for all."""


class Labels:
    """Takes labels in."""

    def __init__(
        self,
        journal: LabelJournal,
        metrics: GatewayMetrics,
        redactions: Redactions,
        clock: Callable[[], datetime],
    ) -> None:
        self._journal, self._metrics, self._clock = journal, metrics, clock
        self._redactions = redactions

    def add(self, body: LabelsBody, sender: Sender) -> LabelsAnswer:
        """Append those that are well; say of the others what is wrong."""
        now = self._clock()
        events, problems = [], []
        for index, label in enumerate(body.labels):
            try:
                events.append(self._redactions.label(_event(label, now, sender)))
            except RefusedError as exc:
                problems.append(LabelProblem(index=index, error=exc.message))
        if events:
            self._append(events)
        return LabelsAnswer(accepted=len(events), errors=problems)

    def _append(self, events: list[LabelEvent]) -> None:
        try:
            self._journal.append_many(events)
        except JournalError as exc:
            raise RefusedError(
                503,
                "labels cannot be recorded now; send them again later",
                reason="journal_full",
                retry_after_s=1.0,
            ) from exc
        self._metrics.labels += len(events)


def _event(label: Label, now: datetime, sender: Sender) -> LabelEvent:
    value = label.label
    if isinstance(value, str) and len(value) > MAX_LABEL_CHARACTERS:
        raise RefusedError(
            400, f"label: up to {MAX_LABEL_CHARACTERS} characters are wanted", reason="invalid_label"
        )
    if isinstance(value, float) and not isfinite(value):
        raise RefusedError(400, "label: a finite number is wanted", reason="invalid_label")
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise RefusedError(400, "label: the integer is beyond 64 bits", reason="invalid_label")
    return LabelEvent(
        event=read_id(label.id, "id") or "",
        row=label.row,
        value=value,
        at=read_at(label.at, "at") or now,
        key=sender.key,
        everyone=sender.everyone,
    )
