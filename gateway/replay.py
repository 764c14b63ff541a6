"""`inferwatch replay`: a file through a running gateway, as an app would send it; then the labels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.errors import ReplayError
from gateway.lean_http import Answer, LeanConnection
from gateway.oip import PREFERRED
from gateway.signature import Kind
from gateway.table import cells, check_columns, label_cell, read_table
from storage.records import Value

if TYPE_CHECKING:
    import pandas as pd

LABELS_AT_ONCE = 500
_READY_WITHIN_S = 60.0
_TRIES = 60
_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What `inferwatch replay` was told."""

    file: Path
    model: str
    version: str | None = None
    label: str | None = None
    time: str | None = None
    tags: tuple[str, ...] = ()
    id: str | None = None
    rate: float | None = None  # rows a second; None: as fast as it goes
    concurrency: int = 16
    batch: int = 1  # rows in a request
    url: str = "http://127.0.0.1:8080"
    key: str | None = None


@dataclass(slots=True, kw_only=True)
class ReplayReport:
    """How far it is, and at the end how it went."""

    total: int
    rows: int = 0
    labels: int = 0
    errors: int = 0
    first_error: str | None = None
    began: float = field(default_factory=time.perf_counter)
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """Since it began, or how long it took."""
        return (self.ended or time.perf_counter()) - self.began

    def line(self) -> str:
        """One line for a person."""
        rate = self.rows / self.seconds if self.seconds else 0.0
        text = f"{self.rows} rows, {self.labels} labels, {self.errors} errors"
        text += f" in {self.seconds:.1f} s ({rate:.0f} rows/s)"
        return f"{text}; first error: {self.first_error}" if self.first_error else text


class _Column(msgspec.Struct):
    name: str
    type: str
    categories: list[str | int] | None = None

    @property
    def kind(self) -> Kind:
        """As requests are read."""
        if (
            self.type == "category"
            and self.categories
            and all(isinstance(value, int) for value in self.categories)
        ):
            return Kind.INTEGER_CATEGORY
        return Kind(self.type)


class _Signature(msgspec.Struct):
    inputs: list[_Column]
    classes: list[str]


class _Model(msgspec.Struct):
    name: str
    version: str
    state: str
    current: bool
    signature: _Signature | None
    reason: str | None = None


class _Models(msgspec.Struct):
    models: list[_Model]


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What is said about the rows of a request."""

    at: str | None
    id: str | None
    tags: dict[str, list[str | None]] | None

    def named(self) -> Iterator[tuple[str, object]]:
        """By name, as both protocols call them."""
        yield from (("at", self.at), ("id", self.id), ("tags", self.tags))


@dataclass(frozen=True, slots=True)
class _Sending:
    """One request: its body and the labels of its rows."""

    body: bytes
    rows: int
    labels: Sequence[str | int | float | bool | None]


async def replay(
    settings: ReplaySettings, table: pd.DataFrame, watch: Callable[[ReplayReport], None]
) -> ReplayReport:
    """Send every row, `concurrency` requests at a time. `watch` is told how far it is, ten times a second."""
    first = LeanConnection(settings.url, settings.key)
    try:
        signature = await _signature(first, settings)
    finally:
        first.close()
    check_columns([column.name for column in signature.inputs], table, settings.file)
    sendings = _sendings(settings, table, signature)
    report = ReplayReport(total=len(table))
    labels = _LabelSender(settings, report)
    pace = _Pace(settings.rate)
    senders = [_send_all(settings, sendings, labels, pace, report) for _ in range(settings.concurrency)]
    telling = asyncio.create_task(_tell(report, watch))
    try:
        async with asyncio.TaskGroup() as group:
            for sender in senders:
                group.create_task(sender)
        await labels.flush()
    except ExceptionGroup as exc:
        raise exc.exceptions[0] from exc
    finally:
        labels.close()
        telling.cancel()
    report.ended = time.perf_counter()
    watch(report)
    return report


def load(settings: ReplaySettings) -> pd.DataFrame:
    """The file, in the order of its time column. Raises `ReplayError`."""
    import pandas as pd  # noqa: PLC0415  heavy, and `--help` needs none of it

    table = read_table(settings.file)
    named = [settings.label, settings.time, settings.id, *settings.tags]
    check_columns([name for name in named if name is not None], table, settings.file)
    if settings.time is not None:
        try:
            at = pd.to_datetime(table[settings.time], utc=True)
        except (ValueError, TypeError) as exc:
            raise ReplayError(f"column '{settings.time}' holds something that is no time: {exc}") from exc
        if at.isna().any():
            raise ReplayError(f"column '{settings.time}' has gaps; every row needs its time")
        table = table.assign(**{settings.time: at}).sort_values(settings.time, kind="stable")
    return table


async def _signature(connection: LeanConnection, settings: ReplaySettings) -> _Signature:
    """What the model takes, from the gateway, once it serves."""
    give_up = time.monotonic() + _READY_WITHIN_S
    while True:
        answer = await connection.get("/api/models")
        if answer.status != 200:
            raise ReplayError(f"the gateway refused to list its models: {_message(answer)}")
        models = msgspec.json.decode(answer.body, type=_Models).models
        own = [model for model in models if model.name == settings.model]
        if not own:
            names = ", ".join(sorted({model.name for model in models})) or "none"
            raise ReplayError(f"the gateway serves no model '{settings.model}'; there are {names}")
        wanted = [
            m for m in own if (m.current if settings.version is None else m.version == settings.version)
        ]
        if wanted and wanted[0].state == "ready" and wanted[0].signature is not None:
            return wanted[0].signature
        if settings.version is not None and not wanted:
            raise ReplayError(
                f"model '{settings.model}' has no version '{settings.version}'; there are "
                f"{', '.join(m.version for m in own)}"
            )
        if own[-1].state == "failed" or time.monotonic() > give_up:
            raise ReplayError(
                f"model '{settings.model}' is not ready ({own[-1].state}): "
                f"{own[-1].reason or 'no reason given'}"
            )
        await asyncio.sleep(0.2)


def _sendings(settings: ReplaySettings, table: pd.DataFrame, signature: _Signature) -> Iterator[_Sending]:
    """Every request, made when it is its turn."""
    columns = {column.name: cells(table[column.name].tolist(), column.kind) for column in signature.inputs}
    labels: list[str | int | float | bool | None] = []
    if settings.label is not None:
        labels = [label_cell(value, signature.classes) for value in table[settings.label].tolist()]
    tags = {
        name: [_tag(value) for value in cells(table[name].tolist(), Kind.CATEGORY)] for name in settings.tags
    }
    times: list[str] = []
    if settings.time is not None:
        times = [at.isoformat() for at in table[settings.time].dt.tz_convert(UTC).dt.to_pydatetime()]
    ids = [] if settings.id is None else [str(value) for value in table[settings.id].tolist()]
    encode = _v1 if settings.version is None else _oip
    kinds = {column.name: column.kind for column in signature.inputs}
    for start in range(0, len(table), settings.batch):
        end = min(start + settings.batch, len(table))
        about = _About(
            at=times[start] if times else None,
            id=ids[start] if ids else None,
            tags={name: values[start:end] for name, values in tags.items()} or None,
        )
        body = encode({name: values[start:end] for name, values in columns.items()}, kinds, about)
        yield _Sending(body, end - start, labels[start:end])


def _v1(columns: Mapping[str, Sequence[Value]], kinds: Mapping[str, Kind], about: _About) -> bytes:
    rows = list(zip(*columns.values(), strict=True))
    return _ENCODE({"instances": rows, **{name: value for name, value in about.named() if value is not None}})


def _oip(columns: Mapping[str, Sequence[Value]], kinds: Mapping[str, Kind], about: _About) -> bytes:
    """A version has a place in the paths of OIP alone."""
    tensors = [
        {"name": name, "shape": [len(values)], "datatype": PREFERRED[kinds[name]], "data": values}
        for name, values in columns.items()
    ]
    parameters = {name: value for name, value in about.named() if value is not None and name != "id"}
    body = {"inputs": tensors, "parameters": parameters}
    return _ENCODE(body if about.id is None else {**body, "id": about.id})


async def _send_all(
    settings: ReplaySettings,
    sendings: Iterator[_Sending],
    labels: _LabelSender,
    pace: _Pace,
    report: ReplayReport,
) -> None:
    """One connection's share."""
    connection = LeanConnection(settings.url, settings.key)
    path = _path(settings)
    try:
        for sending in sendings:
            await pace.wait(sending.rows)
            answer = await _insist(connection, path, sending.body)
            report.rows += sending.rows
            if answer.status != 200:
                report.errors += sending.rows
                report.first_error = report.first_error or _message(answer)
                continue
            if answer.event_id is not None and sending.labels:
                await labels.add(answer.event_id, sending.labels)
    finally:
        connection.close()


async def _insist(connection: LeanConnection, path: str, body: bytes) -> Answer:
    """Ask again where the gateway says when to come back."""
    for _ in range(_TRIES):
        answer = await connection.post(path, body)
        if answer.status not in (429, 503):
            return answer
        await asyncio.sleep(min(answer.retry_after_s or 1.0, 10.0))
    return answer


class _LabelSender:
    """Collects labels and sends them in batches, over a connection of its own."""

    def __init__(self, settings: ReplaySettings, report: ReplayReport) -> None:
        self._connection = LeanConnection(settings.url, settings.key)
        self._report = report
        self._waiting: list[dict[str, object]] = []
        self._lock = asyncio.Lock()

    async def add(self, event_id: str, labels: Sequence[str | int | float | bool | None]) -> None:
        """Take the labels of one event; send when enough have come together."""
        self._waiting += [
            {"id": event_id, "row": row, "label": label}
            for row, label in enumerate(labels)
            if label is not None
        ]
        if len(self._waiting) >= LABELS_AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        """Send what waits."""
        async with self._lock:
            batch, self._waiting = self._waiting, []
            if not batch:
                return
            answer = await _insist(self._connection, "/api/labels", msgspec.json.encode({"labels": batch}))
            if answer.status != 200:
                raise ReplayError(f"the gateway refused labels: {_message(answer)}")
            taken = msgspec.json.decode(answer.body, type=_Taken)
            self._report.labels += taken.accepted
            if taken.errors:
                self._report.errors += len(taken.errors)
                self._report.first_error = self._report.first_error or taken.errors[0].error

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class _Problem(msgspec.Struct):
    error: str


class _Taken(msgspec.Struct):
    accepted: int
    errors: list[_Problem]


class _Pace:
    """Holds senders back to so many rows a second."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._next = time.perf_counter()

    async def wait(self, rows: int) -> None:
        """Until it is this request's turn."""
        if self._rate is None:
            return
        now = time.perf_counter()
        turn = max(self._next, now - 1.0)  # after a pause no more than a second is caught up with
        self._next = turn + rows / self._rate
        if turn > now:
            await asyncio.sleep(turn - now)


async def _tell(report: ReplayReport, watch: Callable[[ReplayReport], None]) -> None:
    while True:
        watch(report)
        await asyncio.sleep(0.1)


def _path(settings: ReplaySettings) -> str:
    if settings.version is None:
        return f"/v1/models/{settings.model}:predict"
    return f"/v2/models/{settings.model}/versions/{settings.version}/infer"


def _tag(value: Value) -> str | None:
    return None if value is None else str(value)


def _message(answer: Answer) -> str:
    try:
        found = msgspec.json.decode(answer.body)["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        found = answer.body[:200].decode("utf-8", "replace")
    return f"{answer.status} {found}"
