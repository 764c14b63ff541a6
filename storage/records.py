"""The records that flow down the road, each made from the one before it.

    InferenceEvent ─▶ Summary ─▶ Measurement (in a Judgement) ─▶ Alert

A label that comes later travels the same road as a `LabelEvent`; joined with its prediction it becomes a
`LabelChange`. These three lie in the journal, so they are msgspec structs: a request makes and writes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

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
    """The truth about one row of an earlier event, as somebody sent it. Without one: it is taken back."""

    event: str  # an event id, or the app's own id
    row: int
    value: str | int | float | bool | None
    at: datetime  # when it was labelled: the latest wins
    key: str | None = None
    everyone: bool = False  # its key may label events of every key, by their event ids


class LabelChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A label joined with its prediction: what was believed before, and what is now.

    A monitor of labels counts `after` and takes `before` out again; None means no label. So a label that is
    corrected or taken back is a difference like any other, and the order in which labels and events are
    counted does not matter. That a row was chosen to be labelled is such a change too, in which neither side
    has a label.
    """

    event: str
    row: int
    at: datetime  # the time of the prediction, whose pane it belongs to
    labelled_at: datetime  # where a label is taken back: since when the row had one
    model: str
    version: str
    arm: Arm
    inputs: dict[str, list[Value]]  # one row
    outputs: dict[str, list[Value]]
    tags: dict[str, list[str | None]]
    before: str | int | float | bool | None
    after: str | int | float | bool | None
    conflict: bool = False  # two labels of this row disagree since now
    conflict_over: bool = False  # two did, until one of them was taken back
    pi: float | None = None  # probability with which the row was chosen to be labelled; None: it was not
    chosen: bool = False  # this change is the choice itself: before it, the row had no `pi`


class Action(StrEnum):
    """What a person does: about alerts, or to look deeper into a window."""

    SILENCE = "silence"
    UNSILENCE = "unsilence"
    ACKNOWLEDGE = "acknowledge"
    REPORT = "report"


class ReportKind(StrEnum):
    """What a report of a window shows, beside the same of the reference."""

    DATA_DRIFT = "data_drift"
    DATA_SUMMARY = "data_summary"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class ReportWish(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which report somebody asks for: of the rows of one scope, from `start` up to, and without, `end`."""

    kind: ReportKind
    model: str
    version: str
    arm: Arm
    slice: str
    start: datetime
    end: datetime


class MatchOperator(StrEnum):
    """How a silence looks at a label of an alert, in Alertmanager's signs. Expressions match as a whole."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


class Matcher(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One condition on the labels of an alert. A label that it lacks is the empty text."""

    label: str
    operator: MatchOperator = MatchOperator.EQUAL
    value: str


class ActionEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a person did. It travels the road of events, so it is kept, in its order."""

    at: datetime
    action: Action
    author: str
    comment: str = ""
    key: str | None = None  # the name of the API key that it came with
    matchers: tuple[Matcher, ...] = ()  # of a silence
    # Of a silence; None: at once. Of an acknowledged alert: when its episode began.
    starts_at: datetime | None = None
    ends_at: datetime | None = None  # of a silence
    silence: str | None = None  # id of the silence to end: the event id of the action that made it
    fingerprint: str | None = None  # of the alert that is acknowledged
    report: ReportWish | None = None  # that is asked for


Record = InferenceEvent | LabelEvent | LabelChange | ActionEvent


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Scope:
    """Whose traffic: one slice of one arm of one model version."""

    model: str
    version: str
    arm: Arm = Arm.STABLE
    slice: str = ALL  # "all", or "country=DE"

    @property
    def sliced_by(self) -> str | None:
        """The column or tag that the slice is made of."""
        return None if self.slice == ALL else self.slice.partition("=")[0]


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
