"""The monitor process without its threads: segments go in, and each stage runs when a test says so."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import sqlalchemy as sa

from inference.manifest import Manifest
from monitors import kinds
from monitors.alerts import build_channels
from monitors.alerts.channels import Channel
from monitors.frames import frame_of_columns
from monitors.process.rounds import ScoringRound
from monitors.process.stages import Stages, build_stages
from monitors.process.tenure import Tenure
from monitors.reference import Reference, reference_of
from monitors.scores import TextScorer
from monitors.settings import AlertSettings, MonitorSettings
from storage import tables
from storage.counting import Counting, CountingWrite
from storage.database import Database, open_writer
from storage.framing import encode, scan
from storage.leases import Lease
from storage.models import StoredReference, put_reference, register_model
from storage.records import Arm, EventId, InferenceEvent, LabelEvent, Outcome, Record, Scope, Value
from storage.segments import SegmentLog
from storage.settings import DatabaseSettings, RetentionSettings
from storage.summary import Summary

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

MANIFEST = Manifest.model_validate(
    {
        "name": "shop",
        "version": "1",
        "task": "classification",
        "backend": "echo",
        "inputs": [
            {"name": "age", "type": "number"},
            {"name": "plan", "type": "category", "categories": ["free", "paid"]},
        ],
        "outputs": {"classes": ["0", "1"], "positive": "1"},
        "slices": ["country"],
        "protected": ["country"],
        "window": {"pane": "1m", "length": "10m"},
        "files": {},
        "added_at": "2026-01-01T00:00:00Z",
    }
)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """What a summary is of, partitions summed."""

    monitor: str
    scope: Scope
    reference: str
    start: datetime


class CrashError(BaseException):
    """Stands for the end of the process, so nothing of ours catches it."""


class CrashingCounting(Counting):
    """Transactions in which the process ends at a step that a test names."""

    crash_at: tuple[str, str, int] | None = None  # step, "before" or "after" it, and at which call of it

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[CountingWrite]:
        with super().transaction(lease) as write:
            yield cast(CountingWrite, _CrashingWrite(write, self)) if self.crash_at else write


class _CrashingWrite:
    def __init__(self, write: CountingWrite, counting: CrashingCounting) -> None:
        self._write = write
        self._counting = counting

    def __getattr__(self, name: str) -> object:
        found = getattr(self._write, name)
        if self._counting.crash_at is None or self._counting.crash_at[0] != name:
            return found
        step, moment, left = self._counting.crash_at
        self._counting.crash_at = (step, moment, left - 1)

        if name == "connection":  # used by whatever is not a method of the transaction: each use is a step
            if left == 1:
                raise CrashError
            return found

        def last(*arguments: object, **named: object) -> object:
            if moment == "after":
                found(*arguments, **named)
            raise CrashError

        return last if left == 1 else found


class Station:
    """One worker on one database, with a clock of its own."""

    def __init__(  # noqa: PLR0917  # the whole of what a worker is given
        self,
        database: Database,
        clock: Clock,
        settings: MonitorSettings,
        alerts: AlertSettings,
        owner: str,
        scorer: TextScorer | None = None,
    ) -> None:
        log = SegmentLog(database, clock=clock)
        self.database = database
        self.log = log
        self.clock = clock
        self.counting = CrashingCounting(database, log, clock=clock)
        self._settings = settings
        self._alerts = alerts
        self._owner = owner
        self._scorer = scorer
        self._scoring: ScoringRound | None = None
        self._numbers = iter(range(1, 1_000_000))
        self._leases: dict[str, Lease] = {}
        self.stages = self._built()

    def restart(self) -> None:
        """Go on as a new process would that knows nothing but what lies in SQL."""
        self.counting.crash_at = None
        self._leases.clear()
        self._scoring = None
        self.stages = self._built()
        self.stages.watchlist.refresh()

    def _built(self) -> Stages:
        return build_stages(
            self.database,
            log=self.log,
            counting=self.counting,
            journal=None,
            repository=None,
            settings=self._settings,
            alerts=self._alerts,
            retention=RetentionSettings(),
            owner=self._owner,
            clock=self.clock,
            chance=lambda: 0.5,
            scorer=self._scorer,
        )

    @property
    def channels(self) -> list[Channel]:
        """The channels of its settings."""
        return build_channels(self._alerts)

    def register(self, manifest: Manifest = MANIFEST, reference: Reference | None = None) -> None:
        """Make a model version known, and put its reference into force."""
        with self.database.write() as connection:
            register_model(
                connection,
                model=manifest.name,
                version=manifest.version,
                manifest=manifest.model_dump_json(),
                registered_at=self.clock(),
            )
            if reference is not None:
                put_reference(
                    connection,
                    StoredReference(
                        hash=reference.hash,
                        model=manifest.name,
                        version=manifest.version,
                        body=reference.to_bytes(),
                        made_at=self.clock(),
                    ),
                )
        self.stages.watchlist.refresh()

    def store(
        self, records: Sequence[Record], *, producer: str = "p", number: int | None = None
    ) -> list[EventId]:
        """Put records into the log as one segment; returns their ids."""
        number = next(self._numbers) if number is None else number
        raw = b"".join(encode(record) for record in records)
        self.log.store(producer, number, raw)
        return [EventId(producer=producer, segment=number, offset=frame.offset) for frame in scan(raw).frames]

    def lease(self, name: str) -> Lease:
        """A lease, taken at the first call and after a restart."""
        if name not in self._leases:
            taken = self.stages.leases.acquire(name)
            assert taken is not None
            self._leases[name] = taken
        return self._leases[name]

    def count(self) -> int:
        """Take all there is, in every partition, derived segments too. Returns the number of segments."""
        taken = 0
        while True:
            now = 0
            for partition in self.log.partitions:
                lease = self.lease(f"partition-{partition}")
                now += self.stages.runner.take(partition, lease)
                now += self.stages.recounter.take(partition, lease)
            if not now:
                return taken
            taken += now

    @property
    def scoring(self) -> ScoringRound:
        """What scores, since the start or restart."""
        if self._scoring is None:
            assert self.stages.scoring is not None
            tenure = Tenure(self.stages.leases, ttl_s=15.0)
            self._scoring = ScoringRound(self.stages, self.stages.scoring, tenure, threading.Event())
        return self._scoring

    def score(self) -> ScoringRound:
        """Score and count all texts there are, in every partition. Returns the round that did."""
        while self.scoring.step():
            pass
        return self.scoring

    def retry_labels(self) -> None:
        """Try all waiting labels again."""
        lease = self.lease("partition-0")
        while self.stages.joiner.retry(0, lease):
            pass

    def judge(self) -> int:
        lease = self.lease("judge")
        return self.stages.judge.look(lease)

    def notify(self) -> int:
        lease = self.lease("judge")
        return self.stages.notifier.look(lease)

    def send(self) -> int:
        lease = self.lease("send")
        return self.stages.sender.send(lease)

    def summaries(self, monitor: str | None = None) -> dict[Pane, Summary]:
        """All that was counted."""
        found: dict[Pane, Summary] = {}
        for row in self.rows(tables.summary):
            if monitor is not None and row.monitor != monitor:
                continue
            scope = Scope(model=row.model, version=row.version, arm=Arm(row.arm), slice=row.slice)
            pane = Pane(monitor=row.monitor, scope=scope, reference=row.reference, start=row.start)
            found[pane] = found.get(pane, Summary()) + Summary.from_bytes(bytes(row.body))
        return {pane: summary for pane, summary in found.items() if summary}

    def rows(self, table: sa.Table) -> Sequence[sa.Row[tuple[object, ...]]]:
        """All rows of a table."""
        with self.database.read() as connection:
            return connection.execute(sa.select(table)).all()


@contextmanager
def a_station(
    url: str,
    *,
    settings: MonitorSettings | None = None,
    alerts: AlertSettings | None = None,
    owner: str = "one",
    partitions: int | None = None,
    at: datetime = NOON,
    scorer: TextScorer | None = None,
) -> Iterator[Station]:
    """A station on a database, closed at the end of the block."""
    clock = Clock(at)
    database = open_writer(DatabaseSettings(url=url, partitions=partitions))
    try:
        yield Station(
            database, clock, settings or MonitorSettings(), alerts or AlertSettings(), owner, scorer
        )
    finally:
        database.close()


def an_event(
    *,
    at: datetime = NOON,
    ages: Sequence[Value] = (40.0,),
    plans: Sequence[Value] | None = None,
    countries: Sequence[str | None] | None = None,
    scores: Sequence[float] | None = None,
    outcome: Outcome = Outcome.OK,
    app_id: str | None = None,
    key: str | None = None,
    model: str = "shop",
    replay: bool = False,
) -> InferenceEvent:
    """An event of the shop's model."""
    rows = len(ages)
    positive = list(scores or [0.5] * rows)
    answered = outcome is Outcome.OK
    outputs: dict[str, list[Value]] = {
        "class": ["1" if score >= 0.5 else "0" for score in positive],
        "score": [*positive],
    }
    return InferenceEvent(
        at=at,
        outcome=outcome,
        protocol="v1",
        total_s=0.002,
        model=model,
        version="1",
        rows=rows,
        inputs={"age": [*ages], "plan": [*(plans or ["free"] * rows)]},
        outputs=outputs if answered else {},
        tags={} if countries is None else {"country": [*countries]},
        app_id=app_id,
        key=key,
        replay=replay,
    )


def a_label(
    event: EventId | str,
    value: str | float | bool | None,
    *,
    row: int = 0,
    at: datetime = NOON,
    key: str | None = None,
    everyone: bool = False,
) -> LabelEvent:
    return LabelEvent(event=str(event), row=row, value=value, at=at, key=key, everyone=everyone)


def traffic(
    n: int, *, seed: int = 1, start: datetime = NOON, span_s: float = 600.0, shift: float = 0.0
) -> list[InferenceEvent]:
    """Events spread evenly over a span of time; `shift` moves the age by so many sd."""
    chance = random.Random(seed)  # noqa: S311  # numbers for a test
    events = []
    for place in range(n):
        rows = chance.choice([1, 1, 1, 2, 5])
        events.append(
            an_event(
                at=start + timedelta(seconds=span_s * place / n),
                ages=[chance.gauss(40 + 10 * shift, 10) for _ in range(rows)],
                plans=[chance.choice(["free", "paid", "paid"]) for _ in range(rows)],
                countries=[chance.choice(["DE", "FR", None]) for _ in range(rows)],
                scores=[chance.random() for _ in range(rows)],
                outcome=Outcome.ERROR if chance.random() < 0.01 else Outcome.OK,
            )
        )
    return events


def a_reference(events: Sequence[InferenceEvent] | None = None, manifest: Manifest = MANIFEST) -> Reference:
    """The reference that some traffic makes."""
    columns: dict[str, list[Value]] = {"age": [], "plan": [], "class": [], "score": []}
    for event in events if events is not None else traffic(2_000, seed=7):
        if event.outcome is Outcome.OK:
            for name, values in (event.inputs | event.outputs).items():
                columns[name] += values
    return reference_of(frame_of_columns(columns, manifest), manifest, "a test", kinds())
