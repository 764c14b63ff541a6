"""`/api/*`: what is sent goes in through the journal; what is asked is read from the database, read-only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from gateway.answers import (
    AccountingAnswer,
    AlertsAnswer,
    EventAnswer,
    JournalAnswer,
    MeasurementsAnswer,
)
from gateway.body import decode
from gateway.documents import ERROR, RESPONSES, Document, json_schema
from gateway.errors import RefusedError
from gateway.examples import ExamplesAnswer, examples_of
from gateway.front import EVERYONE, KEY
from gateway.labels import Labels, LabelsAnswer, LabelsBody, Sender
from gateway.model_answers import ModelAnswer, ModelsAnswer
from gateway.redaction import Redactions
from gateway.samples import SamplesAnswer, next_samples
from gateway.silence_answers import Acknowledged, SilenceEnded, SilenceMade, SilencesAnswer
from gateway.silence_body import AcknowledgeBody, SilenceBody
from gateway.silences import AlertActions
from inference.engine import Engine
from storage import reading
from storage.accounts import Accounting, ProducerAccount, producer_accounts
from storage.database import Database
from storage.errors import DatabaseError
from storage.journal import Journal
from storage.reading import EventStory, MeasurementFilter, ModelInfo
from storage.records import AlertStatus
from storage.samples import Everyone
from storage.scorers import ExampleFilter

MAX_PAGE = 10_000

Text = Annotated[str | None, Query(max_length=256)]
Time = Annotated[datetime | None, Query(description="ISO 8601; without an offset it is UTC")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=100, description="`next` of the page before")]

_LABELS = msgspec.json.Decoder(LabelsBody)
_SILENCE = msgspec.json.Decoder(SilenceBody)
_ACKNOWLEDGE = msgspec.json.Decoder(AcknowledgeBody)


def labels_routes(labels: Labels) -> APIRouter:
    """`POST /api/labels`."""
    router = APIRouter(tags=["labels"])

    async def add_labels(request: Request) -> Response:
        """The truth about earlier requests, in batches.

        Sending one twice changes nothing; the latest `at` wins. `null` in place of a label takes back what
        was said of a row until then. Labels are for events of your key; with the right `read` too they are
        for events of every key, named by event ids.
        """
        body = decode(await request.body(), _LABELS)
        sender = Sender(key=request.scope.get(KEY), everyone=request.scope.get(EVERYONE, False))
        return json_answer(labels.add(body, sender))

    errors: dict[int | str, Document] = {400: ERROR, 413: ERROR, 415: ERROR, 503: ERROR}
    router.post(
        "/api/labels",
        responses={**answers_with(LabelsAnswer), **errors},
        openapi_extra={"requestBody": body_of(LabelsBody)},
    )(add_labels)
    return router


def samples_routes(database: Database) -> APIRouter:
    """`GET /api/samples`."""
    router = APIRouter(tags=["labels"])

    def samples(
        request: Request,
        model: Text = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
        everyone: Annotated[
            bool, Query(description="of the requests of every key; wants the right `read` too")
        ] = False,
    ) -> Response:
        """What to label next, of the requests that came with your key.

        Answer with `POST /api/labels`: a sample's `event` is the label's `id`.
        """
        if everyone and not request.scope.get(EVERYONE, False):
            raise RefusedError(
                403,
                "everyone: this API key lacks the right 'read', and so sees the rows of its own requests",
                reason="permission_denied",
            )
        tenant = Everyone.EVERYONE if everyone else request.scope.get(KEY)
        return json_answer(next_samples(database, tenant=tenant, model=model, limit=limit))

    answers = {**answers_with(SamplesAnswer), 403: ERROR, 503: ERROR}
    router.get("/api/samples", responses=answers)(samples)
    return router


def examples_routes(database: Database) -> APIRouter:
    """`GET /api/examples`."""
    router = APIRouter(tags=["questions"])

    def examples(  # noqa: PLR0913, PLR0917  each is a query parameter
        model: Annotated[str, Query(max_length=256)],
        column: Annotated[str, Query(max_length=256)],
        class_name: Annotated[str, Query(max_length=256, alias="class")],
        version: Text = None,
        start: Time = None,
        end: Time = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        text: Annotated[bool, Query(description="also the texts themselves, which may be abusive")] = False,
    ) -> Response:
        """The worst texts of a column and class, by their places. Twenty of each minute are known."""
        asked = ExampleFilter(
            model=model,
            column=column,
            class_name=class_name,
            version=version,
            start=_utc(start, "start"),
            end=_utc(end, "end"),
        )
        return json_answer(examples_of(database, asked, limit=limit, text=text))

    router.get("/api/examples", responses={**answers_with(ExamplesAnswer), 503: ERROR})(examples)
    return router


def question_routes(database: Database, redactions: Redactions) -> APIRouter:
    """Measurements and single events, as they are in SQL."""
    router = APIRouter(tags=["questions"])

    def measurements(  # noqa: PLR0913, PLR0917  each is a query parameter
        model: Text = None,
        version: Text = None,
        monitor: Text = None,
        metric: Text = None,
        column: Text = None,
        slice: Text = None,
        start: Time = None,
        end: Time = None,
        limit: Limit = 1000,
        cursor: Cursor = None,
    ) -> Response:
        """What was measured, oldest window first."""
        asked = MeasurementFilter(
            model=model,
            version=version,
            monitor=monitor,
            metric=metric,
            column=column,
            slice=slice,
            start=_utc(start, "start"),
            end=_utc(end, "end"),
        )
        with database.read() as connection:
            page = reading.measurements(connection, asked, limit=limit, cursor=cursor)
        return json_answer(MeasurementsAnswer.of(page))

    def event(request: Request, id: Annotated[str, Path(max_length=256)]) -> Response:
        """One event in full: by its id (`x-request-id`), or by the app's own."""
        story = _story(database, redactions.id(id), request.scope.get(KEY))
        if story is None:
            message = f"no event '{id}' is stored: it is not known, not shipped yet, or past its retention"
            raise RefusedError(404, message, reason="not_found")
        return json_answer(EventAnswer.of(story))

    away: dict[int | str, Document] = {400: ERROR, 503: ERROR}
    router.get("/api/measurements", responses={**answers_with(MeasurementsAnswer), **away})(measurements)
    router.get("/api/events/{id}", responses={**answers_with(EventAnswer), **away, 404: ERROR})(event)
    return router


def alert_routes(actions: AlertActions) -> APIRouter:
    """Alerts, and what a person does about them: that goes through the journal, as labels do."""
    router = APIRouter(tags=["alerts"])

    def alerts(
        model: Text = None, status: AlertStatus | None = None, limit: Limit = 200, cursor: Cursor = None
    ) -> Response:
        """What a person should hear about, newest first."""
        return json_answer(actions.alerts(model=model, status=status, limit=limit, cursor=cursor))

    def silences(expired: Annotated[bool, Query(description="also those that are over")] = False) -> Response:
        """The silences that are in force or to come."""
        return json_answer(actions.standing(expired=expired))

    async def silence(request: Request) -> Response:
        """Tell nobody of some alerts for a while. Answers with the open alerts that this hits."""
        body = decode(await request.body(), _SILENCE)
        return json_answer(await run_in_threadpool(actions.silence, body, request.scope.get(KEY)))

    def unsilence(
        request: Request,
        id: Annotated[str, Path(max_length=256)],
        author: Annotated[
            str | None, Query(max_length=100, description="the name of the key if not given")
        ] = None,
    ) -> Response:
        """End a silence before its time."""
        return json_answer(actions.end(id, author, request.scope.get(KEY)))

    async def acknowledge(request: Request, fingerprint: Annotated[str, Path(max_length=256)]) -> Response:
        """Say who looks after an open alert. The latest word wins."""
        body = decode(await request.body() or b"{}", _ACKNOWLEDGE)
        key = request.scope.get(KEY)
        return json_answer(await run_in_threadpool(actions.acknowledge, fingerprint, body, key))

    away: dict[int | str, Document] = {400: ERROR, 503: ERROR}
    sent = {**away, 413: ERROR, 415: ERROR}
    router.get("/api/alerts", responses={**answers_with(AlertsAnswer), **away})(alerts)
    router.get("/api/silences", responses={**answers_with(SilencesAnswer), **away})(silences)
    router.post(
        "/api/silences",
        responses={**answers_with(SilenceMade), **sent, 409: ERROR},
        openapi_extra={"requestBody": body_of(SilenceBody)},
    )(silence)
    router.delete("/api/silences/{id}", responses={**answers_with(SilenceEnded), **sent, 404: ERROR})(
        unsilence
    )
    router.post(
        "/api/alerts/{fingerprint}/acknowledge",
        responses={**answers_with(Acknowledged), **sent, 404: ERROR},
        openapi_extra={"requestBody": {**body_of(AcknowledgeBody), "required": False}},
    )(acknowledge)
    return router


def state_routes(database: Database, engine: Engine, journal: Journal) -> APIRouter:
    """What this gateway knows and SQL knows, put together."""
    router = APIRouter(tags=["questions"])

    async def models() -> Response:
        """Every version: state, task, signature, reference, traffic."""
        infos = await run_in_threadpool(_infos, database)
        states = engine.models()
        return json_answer(
            ModelsAnswer([ModelAnswer.of(state, infos.get((state.name, state.version))) for state in states])
        )

    async def accounting() -> Response:
        """Where every event is."""
        stored, own = await run_in_threadpool(_accounts, database, journal.producer)
        stats = await run_in_threadpool(lambda: journal.stats)  # looks at the folder
        # Read on the event loop, where requests are counted: never between an append and its count.
        held = JournalAnswer.of(journal.producer, stats)
        return json_answer(AccountingAnswer.of(stored, own, journal.tally, held))

    router.get("/api/models", responses=answers_with(ModelsAnswer))(models)
    router.get("/api/accounting", responses={**answers_with(AccountingAnswer), 503: ERROR})(accounting)
    return router


def _story(database: Database, text: str, tenant: str | None) -> EventStory | None:
    with database.read() as connection:
        event_id = reading.find_event_id(connection, text, tenant=tenant)
        return None if event_id is None else reading.event_story(connection, event_id)


def _infos(database: Database) -> dict[tuple[str, str], ModelInfo]:
    """What SQL knows of the versions. Nothing while it is away: that is shown as unknown."""
    try:
        with database.read() as connection:
            return {(info.version.model, info.version.version): info for info in reading.models(connection)}
    except DatabaseError:
        return {}


def _accounts(database: Database, producer: str) -> tuple[Accounting, ProducerAccount | None]:
    with database.read() as connection:
        own = [account for account in producer_accounts(connection) if account.producer == producer]
        return reading.accounting(connection), own[0] if own else None


def _utc(at: datetime | None, name: str) -> datetime | None:
    if at is None or at.tzinfo is None:
        return at if at is None else at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError as exc:
        raise RefusedError(
            422, f"query parameter '{name}': the time is out of range", reason="invalid_parameter"
        ) from exc


def json_answer(answer: msgspec.Struct) -> Response:
    """It, as JSON."""
    return Response(msgspec.json.encode(answer), media_type="application/json")


def answers_with(kind: type) -> dict[int | str, dict[str, Any]]:
    """What a route answers, for its document."""
    content = {"application/json": {"schema": json_schema(kind)}}
    return {**RESPONSES, 200: {"description": (kind.__doc__ or "").strip(), "content": content}}


def body_of(kind: type) -> Document:
    """What a route takes, for its document."""
    return {"required": True, "content": {"application/json": {"schema": json_schema(kind)}}}
