"""The records that flow down the road, each made from the one before it.

    InferenceEvent ─▶ Summary ─▶ Measurement (in a Judgement) ─▶ Alert

A label that comes later travels the same road as a `LabelEvent`; joined with its prediction it becomes a
`LabelChange`. These three lie in the journal, so they are msgspec structs: a request makes and writes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

Value = str | int | float | bool | None | list[float]
"""One cell of a column. A list is a vector, such as the probabilities of more than two classes."""

Columns = Mapping[str, Sequence[Value]]
"""Named columns of equal length, one value for each row of a request."""

ALL = "all"
"""The slice that holds every row."""


class Outcome(StrEnum):
    """What became of a request."""

    OK = "ok"
    ERROR = "error"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"


class Arm(StrEnum):
    """Which part of a model's traffic an event belongs to."""

    STABLE = "stable"
    CANARY = "canary"
    SHADOW = "shadow"


class AlertStatus(StrEnum):
    """Where an alert stands: seen but not yet told, told, or over."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How soon a person should look."""

    WARNING = "warning"
    CRITICAL = "critical"


class InvalidEventIdError(ValueError):
    """The text is no event id. Use the id that an answer carried (`x-request-id`), unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class EventId:
    """The place of an event: who wrote it, in which segment, at which byte.

    Its text is the id that clients see.
    """

    producer: str
    segment: int
    offset: int

    def __str__(self) -> str:
        return f"{self.producer}-{self.segment:x}-{self.offset:x}"

    @classmethod
    def parse(cls, text: str) -> EventId:
        """Read an id back. Raises `InvalidEventIdError` for any other text."""
        producer, _, place = text.partition("-")
        segment, _, offset = place.partition("-")
        try:
            event_id = cls(producer=producer, segment=int(segment, 16), offset=int(offset, 16))
        except ValueError as exc:
            raise InvalidEventIdError(f"'{text[:80]}' is not an event id") from exc
        if not producer or str(event_id) != text:
            raise InvalidEventIdError(f"'{text[:80]}' is not an event id")
        return event_id


class InferenceEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One request and what became of it. Holds `rows` rows, as columns."""

    at: datetime  # when it happened: our clock, or the app's word in a replay
    outcome: Outcome
    protocol: str  # "oip" or "v1"
    total_s: float  # from the first byte of the request to just before the answer
    model: str | None = None  # None: no such model is served
    version: str | None = None
    arm: Arm = Arm.STABLE
    rows: int = 0
    inputs: dict[str, list[Value]] = msgspec.field(default_factory=dict)
    outputs: dict[str, list[Value]] = msgspec.field(default_factory=dict)
    tags: dict[str, list[str | None]] = msgspec.field(
        default_factory=dict
    )  # for monitoring only; one value a row
    key: str | None = None  # the name of the API key (tenant); None: no key was needed
    app_id: str | None = None  # the app's own id of the request
    reason: str | None = None  # why the outcome is not ok, as a short code: never user text
    queue_s: float | None = None
    compute_s: float | None = None
    tokens: int | None = None
    joules: float | None = None
    traceparent: str | None = None
    replay: bool = False  # the app gave the time: traffic of the past


class LabelEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The truth about one row of an earlier event, as somebody sent it."""

    event: str  # an event id, or the app's own id
    row: int
    value: str | int | float | bool
    at: datetime  # when it was labelled: the latest wins
    key: str | None = None


class LabelChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A label joined with its prediction: what was believed before, and what is now.

    A monitor of labels counts `after` and takes `before` out again; None means no label. So a corrected
    label is a difference like any other, and the order in which labels and events are counted does not
    matter.
    """

    event: str
    row: int
    at: datetime  # the time of the prediction, whose pane it belongs to
    labelled_at: datetime
    model: str
    version: str
    arm: Arm
    inputs: dict[str, list[Value]]  # one row
    outputs: dict[str, list[Value]]
    tags: dict[str, list[str | None]]
    before: str | int | float | bool | None
    after: str | int | float | bool | None
    conflict: bool = False  # two labels of this row disagree


Record = InferenceEvent | LabelEvent | LabelChange


class SummaryMismatchError(ValueError):
    """Two summaries were counted against different references, or in cells of another shape.

    Never add them.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What one monitor remembers of a pane of traffic: named arrays of 64-bit integers that add, and nothing
    else.

    `counts` maps a name to an int64 array of any fixed shape (a scalar count is an array of no dimensions).
    A name that one side lacks counts as zero there, so `Summary()` is the neutral element. `reference` is
    the hash of the reference whose bins were used.
    """

    counts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    reference: str | None = None

    @classmethod
    def of(cls, counts: Mapping[str, object], reference: str | None = None) -> Summary:
        """Make one from ints, lists or arrays of integers."""
        return cls({name: np.asarray(cells, dtype=np.int64) for name, cells in counts.items()}, reference)

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        return self.counts[name]

    def __contains__(self, name: str) -> bool:
        return name in self.counts

    def count(self, name: str) -> int:
        """One scalar count; zero where nothing was counted."""
        return int(self.counts[name]) if name in self.counts else 0

    def __bool__(self) -> bool:
        return any(cells.any() for cells in self.counts.values())

    def __add__(self, other: Summary) -> Summary:
        return self._merge(other, 1)

    def __sub__(self, other: Summary) -> Summary:
        return self._merge(other, -1)

    def __eq__(self, other: object) -> bool:
        """Equal in every cell, where a cell of zero and an absent one are the same."""
        if not isinstance(other, Summary):
            return NotImplemented
        names = self.counts.keys() | other.counts.keys()
        return all(np.array_equal(self._cells(name, other), other._cells(name, self)) for name in names)

    __hash__ = None  # type: ignore[assignment]  # arrays inside: equal ones could not share a hash cheaply

    def to_bytes(self) -> bytes:
        """The same bytes for equal counts, whatever their order."""
        cells = [
            (name, counts.shape, counts.astype("<i8", copy=False).tobytes())
            for name, counts in sorted(self.counts.items())
        ]
        return msgspec.msgpack.encode((self.reference, cells))

    @classmethod
    def from_bytes(cls, data: bytes) -> Summary:
        reference, cells = _SUMMARY.decode(data)
        counts = {
            name: np.frombuffer(raw, dtype="<i8").reshape(shape).astype(np.int64)
            for name, shape, raw in cells
        }
        return cls(counts, reference)

    def _merge(self, other: Summary, sign: int) -> Summary:
        if self.counts and other.counts and self.reference != other.reference:
            raise SummaryMismatchError(f"counted against references {self.reference} and {other.reference}")
        merged = dict(self.counts)
        for name, cells in other.counts.items():
            mine = merged.get(name)
            if mine is not None and mine.shape != cells.shape:
                raise SummaryMismatchError(f"cells '{name}' have shapes {mine.shape} and {cells.shape}")
            merged[name] = sign * cells if mine is None else mine + sign * cells
        return Summary(merged, self.reference if self.counts else other.reference)

    def _cells(self, name: str, other: Summary) -> NDArray[np.int64]:
        return self.counts[name] if name in self.counts else np.zeros_like(other.counts[name])


_SUMMARY: msgspec.msgpack.Decoder[tuple[str | None, list[tuple[str, tuple[int, ...], bytes]]]]
_SUMMARY = msgspec.msgpack.Decoder(tuple[str | None, list[tuple[str, tuple[int, ...], bytes]]])


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Scope:
    """Whose traffic: one slice of one arm of one model version."""

    model: str
    version: str
    arm: Arm = Arm.STABLE
    slice: str = ALL  # "all", or "country=DE"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Window:
    """A run of panes that is judged as one: from `start` up to, and without, `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a value is healthy. None: no bound on that side."""

    lower: float | None = None
    upper: float | None = None

    def hold(self, value: float) -> bool:
        """Whether the value lies inside; the bounds themselves are inside."""
        return (self.lower is None or value >= self.lower) and (self.upper is None or value <= self.upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number over one window, with where it may lie and where it is healthy."""

    metric: str
    # None: unknown (too few rows, nothing to compare with), which is not the same as well
    value: float | None
    n: int  # rows behind it
    column: str | None = None
    interval: tuple[float, float] | None = None  # 95 %
    bounds: Bounds = Bounds()
    significant: bool = True  # False: outside its bounds, but chance may have put it there

    @property
    def breached(self) -> bool:
        """Outside its bounds, and not by chance."""
        return self.value is not None and self.significant and not self.bounds.hold(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A measurement, and whose it is: what is stored, shown, and given to the alert rules."""

    monitor: str
    scope: Scope
    window: Window
    measurement: Measurement
    replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something a person should hear about: one rule, one metric, one column of one scope."""

    fingerprint: str  # hash of rule, scope, monitor, metric and column
    status: AlertStatus
    rule: str
    severity: Severity
    scope: Scope
    monitor: str
    metric: str
    column: str | None
    summary: str  # one sentence for a person
    starts_at: datetime  # end of the first breached window of this episode
    updated_at: datetime  # end of the newest window it was judged on
    ends_at: datetime | None = None  # end of the window that resolved it
    replay: bool = False
