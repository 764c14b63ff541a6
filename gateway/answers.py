"""What `/api/*` answers, as it is written to JSON: the shapes that other programs rely on."""

from __future__ import annotations

from datetime import datetime

import msgspec

from storage.accounts import Accounting, ProducerAccount
from storage.framing import Tally
from storage.journal import JournalStats
from storage.reading import EventStory, MeasurementPage
from storage.records import Alert, Judgement, Value


class MeasurementAnswer(msgspec.Struct, kw_only=True):
    """One number over one window."""

    model: str
    version: str
    arm: str
    monitor: str
    metric: str
    column: str | None
    slice: str
    start: datetime
    end: datetime
    value: float | None
    interval: tuple[float, float] | None
    bounds: tuple[float | None, float | None]
    n: int
    breached: bool

    @classmethod
    def of(cls, judgement: Judgement) -> MeasurementAnswer:
        """As a judgement has it."""
        scope, measurement = judgement.scope, judgement.measurement
        return cls(
            model=scope.model,
            version=scope.version,
            arm=scope.arm,
            monitor=judgement.monitor,
            metric=measurement.metric,
            column=measurement.column,
            slice=scope.slice,
            start=judgement.window.start,
            end=judgement.window.end,
            value=measurement.value,
            interval=measurement.interval,
            bounds=(measurement.bounds.lower, measurement.bounds.upper),
            n=measurement.n,
            breached=measurement.breached,
        )


class MeasurementsAnswer(msgspec.Struct):
    """A page of measurements, oldest window first."""

    measurements: list[MeasurementAnswer]
    next: str | None

    @classmethod
    def of(cls, page: MeasurementPage) -> MeasurementsAnswer:
        """As storage has it."""
        return cls([MeasurementAnswer.of(judgement) for judgement in page.judgements], page.next)


class AcknowledgedBy(msgspec.Struct, kw_only=True):
    """Who looks after an alert."""

    author: str
    comment: str
    at: datetime


class AlertAnswer(msgspec.Struct, kw_only=True):
    """One alert, and what people did about it while it is open."""

    fingerprint: str
    status: str
    rule: str
    severity: str
    model: str
    version: str
    arm: str
    monitor: str
    metric: str
    column: str | None
    slice: str
    summary: str
    starts_at: datetime
    updated_at: datetime  # end of the newest window it was judged on
    ends_at: datetime | None
    replay: bool
    labels: dict[str, str]  # what the matchers of a silence look at
    acknowledged: AcknowledgedBy | None
    silenced: list[str]  # ids of the silences in force that hit it

    @classmethod
    def of(
        cls,
        alert: Alert,
        *,
        labels: dict[str, str],
        acknowledged: AcknowledgedBy | None,
        silenced: list[str],
    ) -> AlertAnswer:
        """As storage has it."""
        return cls(
            fingerprint=alert.fingerprint,
            status=alert.status,
            rule=alert.rule,
            severity=alert.severity,
            model=alert.scope.model,
            version=alert.scope.version,
            arm=alert.scope.arm,
            monitor=alert.monitor,
            metric=alert.metric,
            column=alert.column,
            slice=alert.scope.slice,
            summary=alert.summary,
            starts_at=alert.starts_at,
            updated_at=alert.updated_at,
            ends_at=alert.ends_at,
            replay=alert.replay,
            labels=labels,
            acknowledged=acknowledged,
            silenced=silenced,
        )


class AlertsAnswer(msgspec.Struct):
    """A page of alerts, newest first."""

    alerts: list[AlertAnswer]
    next: str | None


class JournalAnswer(msgspec.Struct, kw_only=True):
    """What the journal of this gateway holds at this moment."""

    producer: str
    held_bytes: int  # not yet shipped
    budget_bytes: int
    oldest_unshipped_s: float | None  # None: all is shipped

    @classmethod
    def of(cls, producer: str, stats: JournalStats) -> JournalAnswer:
        """As it stands now."""
        return cls(
            producer=producer,
            held_bytes=stats.held_bytes,
            budget_bytes=stats.budget_bytes,
            oldest_unshipped_s=stats.oldest_unshipped_s,
        )


class AccountingAnswer(msgspec.Struct, kw_only=True):
    """Where every event is: answered = counted + quarantined + dropped + waiting."""

    answered: int
    journalled: int
    stored: int
    counted: int
    quarantined: int
    dropped: int
    waiting: int
    journal: JournalAnswer

    @classmethod
    def of(
        cls, stored: Accounting, own: ProducerAccount | None, now: Tally, journal: JournalAnswer
    ) -> AccountingAnswer:
        """What SQL knows, and what this gateway's journal holds that has not come there yet."""
        ahead = now.journalled - (own.journalled if own else 0)
        return cls(
            answered=stored.answered + now.answered - (own.answered if own else 0),
            journalled=stored.journalled + ahead,
            stored=stored.stored,
            counted=stored.counted,
            quarantined=stored.quarantined,
            dropped=stored.dropped + now.dropped - (own.dropped if own else 0),
            waiting=stored.waiting + ahead,
            journal=journal,
        )


class EventLabel(msgspec.Struct, kw_only=True):
    """The label of one row."""

    row: int
    label: str | int | float | bool
    at: datetime
    conflict: bool


class EventProblem(msgspec.Struct, kw_only=True):
    """A monitor that could not count the event."""

    monitor: str
    error: str


class EventAnswer(msgspec.Struct, kw_only=True):
    """One event in full, its labels, and what the monitors said of the windows that it lies in."""

    id: str
    at: datetime
    outcome: str
    reason: str | None
    protocol: str
    model: str | None
    version: str | None
    arm: str
    rows: int
    inputs: dict[str, list[Value]]
    outputs: dict[str, list[Value]]
    tags: dict[str, list[str | None]]
    key: str | None
    app_id: str | None
    total_s: float
    queue_s: float | None
    compute_s: float | None
    tokens: int | None
    joules: float | None
    traceparent: str | None
    replay: bool
    labels: list[EventLabel]
    quarantined: list[EventProblem]
    measurements: list[MeasurementAnswer]

    @classmethod
    def of(cls, story: EventStory) -> EventAnswer:
        """As storage has it."""
        event = story.event
        return cls(
            id=str(story.id),
            **{name: getattr(event, name) for name in _EVENT_FIELDS},
            labels=[
                EventLabel(row=label.row, label=label.value, at=label.labelled_at, conflict=label.conflict)
                for label in story.labels
                if label.value is not None
            ],
            quarantined=[EventProblem(monitor=item.monitor, error=item.error) for item in story.quarantined],
            measurements=[MeasurementAnswer.of(judgement) for judgement in story.judgements],
        )


_EVENT_FIELDS = (
    "at", "outcome", "reason", "protocol", "model", "version", "arm", "rows", "inputs", "outputs", "tags",
    "key", "app_id", "total_s", "queue_s", "compute_s", "tokens", "joules", "traceparent", "replay",
)  # fmt: skip
