"""The rows that a person is asked about, one after the other, with a way back: all that the page remembers.

A desk is never changed: every step gives the next one. Rows come in blocks, so an answer costs one request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from storage.records import Value
from storage.settling import LabelValue

BLOCK = 20
"""Rows that are asked for at once."""

MOST_ROWS = 200
"""The most that the gateway gives at once."""

FRESH = timedelta(minutes=10)
"""A block older than this is asked for anew: others may have answered its rows."""

_STEPS_KEPT = 500

Place = tuple[str, int]
"""An event's id, and the row in it."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about a row."""

    label: str | None
    type: Literal["class", "number"]
    classes: list[str]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row to label, as `GET /api/samples` has it."""

    event: str
    row: int
    model: str
    version: str
    arm: str
    at: datetime
    pi: float
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    tags: dict[str, str | None]
    question: Question

    @property
    def place(self) -> Place:
        return self.event, self.row


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The newest day of a model version, likewise."""

    model: str
    version: str
    day: datetime
    budget: float
    chosen: int
    answered: int


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    samples: list[Row]
    progress: list[Day]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a person did with a row."""

    row: Row
    label: LabelValue | None  # None: it was skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What lies before a person, and what they did."""

    model: str | None  # None: rows of all models
    filled_at: datetime
    waiting: tuple[Row, ...] = ()
    steps: tuple[Step, ...] = ()  # the newest last
    days: tuple[Day, ...] = ()
    ahead: Mapping[tuple[str, str], int] = field(default_factory=dict)  # answers that `days` do not count yet

    @property
    def row(self) -> Row | None:
        """The one that is asked about. None: none is left here."""
        return self.waiting[0] if self.waiting else None

    @property
    def last(self) -> Step | None:
        """What `undone` takes back."""
        return self.steps[-1] if self.steps else None

    @property
    def skipped(self) -> int:
        """How many rows were passed over."""
        return sum(step.label is None for step in self.steps)

    @property
    def wanted(self) -> int:
        """How many rows to ask for, so that some are new: the newest answers are still on their way."""
        return min(2 * BLOCK + self.skipped, MOST_ROWS)

    def is_stale(self, model: str | None, now: datetime) -> bool:
        """Whether rows have to be asked for."""
        return not self.waiting or self.model != model or now - self.filled_at > FRESH

    def filled(self, found: Samples, model: str | None, now: datetime) -> Desk:
        """With the rows that were found, less those that were done with here."""
        labels = {step.row.place: step.label for step in self.steps}
        known = {(day.model, day.version): day for day in found.progress}
        ahead: Counter[tuple[str, str]] = Counter()
        for row in found.samples:  # answered, and still on its way
            day = known.get((row.model, row.version))
            if labels.get(row.place) is not None and day is not None and row.at >= day.day:
                ahead[row.model, row.version] += 1
        left = [row for row in found.samples if row.place not in labels]
        return replace(
            self,
            model=model,
            filled_at=now,
            waiting=tuple(left[:BLOCK]),
            days=tuple(found.progress),
            ahead=ahead,
        )

    def answered(self, label: LabelValue) -> Desk:
        """The row that is asked about has this label; the next comes."""
        return self._passed(label)

    def skip(self) -> Desk:
        """The next comes."""
        return self._passed(None)

    def undone(self) -> Desk:
        """As before the last step: its row is asked about again."""
        *earlier, last = self.steps
        back = replace(self, steps=tuple(earlier), waiting=(last.row, *self.waiting))
        return back if last.label is None else back._counted(last.row, -1)

    def anew(self) -> Desk:
        """What was skipped may be asked about again."""
        return replace(self, steps=tuple(step for step in self.steps if step.label is not None))

    def day_of(self, row: Row) -> Day | None:
        """The day of its model version, with all that was answered here."""
        return next((day for day in self.today if (day.model, day.version) == (row.model, row.version)), None)

    @property
    def today(self) -> tuple[Day, ...]:
        """The newest day of every model version, with all that was answered here."""
        return tuple(
            msgspec.structs.replace(
                day, answered=min(day.chosen, day.answered + self.ahead.get((day.model, day.version), 0))
            )
            for day in self.days
        )

    def _passed(self, label: LabelValue | None) -> Desk:
        row, *left = self.waiting
        steps = (*self.steps, Step(row=row, label=label))[-_STEPS_KEPT:]
        after = replace(self, waiting=tuple(left), steps=steps)
        return after if label is None else after._counted(row, 1)

    def _counted(self, row: Row, n: int) -> Desk:
        version = row.model, row.version
        counts = any((day.model, day.version) == version and row.at >= day.day for day in self.days)
        if not counts:
            return self
        return replace(self, ahead={**self.ahead, version: self.ahead.get(version, 0) + n})


def samples_of(answer: object) -> Samples:
    """The gateway's answer."""
    return msgspec.convert(answer, Samples)


def is_long(value: Value) -> bool:
    """Whether it is a text to read, and not one to see."""
    return isinstance(value, str) and (len(value) > 60 or "\n" in value)
