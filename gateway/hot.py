"""The hot routes, as raw ASGI: `infer` and `:predict`, from the first byte to the event to the answer.

The road of a request is `_infer`: admit, find the model, read the body, compare with the signature, run.
Whatever comes of it, an event is recorded before the answer leaves, and the answer carries its id.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import msgspec

from gateway import kserve_v1, oip
from gateway.body import Headers, Receive, check_no_tensors, read_body
from gateway.capture import Recorder
from gateway.errors import ClientLeftError, RefusedError, invalid, refusal_of
from gateway.keys import Keys
from gateway.question import MAX_TAG_CHARACTERS, Question, header_tags, read_tags
from gateway.redaction import Redactions
from gateway.signature import Signature
from gateway.watch import Watch
from inference.engine import Engine
from inference.errors import InferenceError, ModelNotReadyError
from inference.manifest import Manifest
from inference.work import Inference
from storage.keys import Right
from storage.records import InferenceEvent, Outcome, Value

log = logging.getLogger(__name__)

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_JSON = (b"content-type", b"application/json")
_DEFAULT_PRIORITY = 8
"""Triton's 1 is the highest priority and 0 the default: 1 to 7 go before the default, 9 and up after it."""
_AHEAD = timedelta(minutes=5)
"""How far clocks may differ. A model's clock is its newest event: one of next year would end all windows."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How one protocol reads a question and writes an answer."""

    name: str
    read: Callable[[bytes, Signature], Question]
    write: Callable[[Signature, Question, Mapping[str, Sequence[Value]], str], bytes]


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for."""

    protocol: Protocol
    model: str
    version: str | None


OIP = Protocol(oip.NAME, oip.read, oip.write)
V1 = Protocol(kserve_v1.NAME, kserve_v1.read, kserve_v1.write)


def route_of(path: str) -> Route | None:
    """The hot route of a path; None: it is not one."""
    if path.endswith("/infer") and path.startswith("/v2/models/"):
        parts = path[11:-6].split("/")
        if len(parts) == 1:
            return Route(OIP, parts[0], None)
        if len(parts) == 3 and parts[1] == "versions":
            return Route(OIP, parts[0], parts[2])
    elif path.endswith(":predict") and path.startswith("/v1/models/"):
        name = path[11:-8]
        return None if "/" in name else Route(V1, name, None)
    return None


class HotRoutes:
    """Answers inference requests."""

    def __init__(  # noqa: PLR0913  # the parts of a request's way
        self,
        *,
        engine: Engine,
        keys: Keys,
        recorder: Recorder,
        redactions: Redactions,
        clock: Callable[[], datetime],
        max_body_bytes: int,
    ) -> None:
        self._engine, self._keys, self._recorder = engine, keys, recorder
        self._metrics = recorder.metrics
        self._redactions = redactions
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._signatures: dict[tuple[str, str], Signature] = {}

    async def answer(self, route: Route, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request, to its end."""
        request = _Request(route, dict(scope["headers"]), self._clock())
        self._metrics.in_flight.add(request)
        try:
            answer = await self._infer(request, scope["method"], receive)
        except RefusedError as exc:
            answer = self._refused(request, exc)
        except InferenceError as exc:
            answer = self._refused(request, self._known(request, exc))
        except (ClientLeftError, asyncio.CancelledError) as exc:
            self._cancelled(request, exc)
            return
        except Exception:  # noqa: BLE001  a fault of ours: the log has it, the client an id to ask us about
            answer = self._refused(request, _fault())
        finally:
            self._metrics.in_flight.discard(request)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _infer(self, request: _Request, method: str, receive: Receive) -> _Answer:
        headers, route = request.headers, request.route
        request.key = self._keys.admit(headers, Right.INFER)
        if method != "POST":
            raise RefusedError(405, "only POST is taken here", reason="method")
        self._recorder.admit()
        served = self._engine.find(route.model, route.version)
        request.signature = signature = self._signature(served.manifest)
        body = await read_body(headers, receive, self._max_body_bytes)
        if b"inference-header-content-length" in headers:
            check_no_tensors(headers, body)
        request.question = question = self._question(route.protocol.read(body, signature), request)
        if question.rows == 0:
            return await self._answered(request, {name: [] for name in signature.outputs}, None)
        payload = served.check(question.columns, question.rows)
        watch = Watch(receive)
        try:
            inference = await served.run(
                payload,
                key=request.key,
                priority=question.priority - _DEFAULT_PRIORITY if question.priority else 0,
                deadline_s=question.timeout_s,
            )
        finally:
            watch.stop()
        return await self._answered(request, inference.outputs, inference)

    async def _answered(
        self, request: _Request, outputs: dict[str, list[Value]], inference: Inference | None
    ) -> _Answer:
        question, signature = request.question, request.signature
        event = self._event(request, Outcome.OK, outputs=outputs, inference=inference)
        request.handed_over = True
        event_id = await self._recorder.record(event)
        body = request.route.protocol.write(signature, question, outputs, event_id)  # type: ignore[arg-type]  # both are there by now
        return _Answer(200, body, event_id)

    def _refused(self, request: _Request, refusal: RefusedError) -> _Answer:
        """The error in the protocol's own shape, and its event.

        A full journal leaves no event, but a count.
        """
        if refusal.reason == "journal_full":
            self._metrics.refused += 1
            return _Answer(refusal.status, _error(refusal.message), None, refusal)
        try:
            event = self._event(request, refusal.outcome, reason=refusal.reason)
            event_id = self._recorder.record_now(event)
        except RefusedError as full:
            return self._refused(request, full)
        return _Answer(refusal.status, _error(refusal.message), event_id, refusal)

    def _cancelled(self, request: _Request, exc: BaseException) -> None:
        """The client left, or the server stops: nobody reads an answer."""
        reason = "shutdown"
        if isinstance(exc, ClientLeftError) or Watch.left(exc):
            reason = "client_left"
        if not request.handed_over:  # else its event is on its way already
            try:
                self._recorder.record_now(self._event(request, Outcome.CANCELLED, reason=reason))
            except RefusedError:
                self._metrics.refused += 1
        task = asyncio.current_task()
        if reason == "client_left" and task is not None:
            task.uncancel()
        elif isinstance(exc, asyncio.CancelledError):
            raise exc

    def _event(
        self,
        request: _Request,
        outcome: Outcome,
        *,
        outputs: dict[str, list[Value]] | None = None,
        inference: Inference | None = None,
        reason: str | None = None,
    ) -> InferenceEvent:
        question, signature = request.question, request.signature
        event = InferenceEvent(
            at=request.at if question is None or question.at is None else question.at,
            outcome=outcome,
            protocol=request.route.protocol.name,
            total_s=time.perf_counter() - request.started,
            model=signature.name if signature is not None else request.known[0],
            version=signature.version if signature is not None else request.known[1],
            rows=0 if question is None else question.rows,
            inputs={} if question is None else question.columns,
            outputs={} if outputs is None else outputs,
            tags={} if question is None else question.tags,
            key=request.key,
            app_id=None if question is None else question.app_id,
            reason=reason,
            queue_s=None if inference is None else inference.queue_s,
            compute_s=None if inference is None else inference.compute_s,
            tokens=None if inference is None else inference.tokens,
            joules=None if inference is None else inference.joules,
            traceparent=_traceparent(request.headers),
            replay=question is not None and question.at is not None,
        )
        return event if signature is None else self._redactions.event(event, signature.manifest)

    def _question(self, question: Question, request: _Request) -> Question:
        """The question with the tags that came as headers."""
        if question.at is not None and question.at > request.at + _AHEAD:
            raise invalid(
                f"at: {question.at.isoformat()} lies in the future; send when it happened",
                reason="invalid_at",
            )
        headers = request.headers
        sent = headers.get(b"x-request-id")
        listed = headers.get(b"inferwatch-tags")
        if sent is None and listed is None:
            return question
        tags = header_tags(listed)
        if sent is not None and len(sent) <= MAX_TAG_CHARACTERS:  # half of a longer one would find nothing
            tags["x-request-id"] = sent.decode("latin-1")
        return replace(
            question, tags={**read_tags(tags, question.rows, "header inferwatch-tags"), **question.tags}
        )

    def _signature(self, manifest: Manifest) -> Signature:
        name = (manifest.name, manifest.version)
        signature = self._signatures.get(name)
        if signature is None or signature.manifest is not manifest:
            signature = self._signatures[name] = Signature.of(manifest)
        return signature

    def _known(self, request: _Request, exc: InferenceError) -> RefusedError:
        """The engine's error as an answer. A model that is known but not ready is named in the event."""
        if isinstance(exc, ModelNotReadyError) and request.signature is None:
            route = request.route
            for state in self._engine.models():
                if state.name == route.model and route.version in (None, state.version):
                    request.known = (state.name, state.version)
        refusal = refusal_of(exc)
        if refusal.status == 500:
            return _fault()
        return refusal


class _Request:
    """What is known of a request so far."""

    __slots__ = ("at", "handed_over", "headers", "key", "known", "question", "route", "signature", "started")

    def __init__(self, route: Route, headers: Headers, at: datetime) -> None:
        self.started = time.perf_counter()
        self.route, self.headers, self.at = route, headers, at
        self.handed_over = False
        self.key: str | None = None
        self.signature: Signature | None = None
        self.question: Question | None = None
        self.known: tuple[str | None, str | None] = (None, None)


class _Answer:
    """What is sent."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, body: bytes, event_id: str | None, refusal: RefusedError | None = None
    ) -> None:
        self.status, self.body = status, body
        self.headers = [_JSON, (b"content-length", b"%d" % len(body))]
        if event_id is not None:
            self.headers.append((b"x-request-id", event_id.encode()))
        if refusal is not None:
            self.headers += refusal_headers(refusal)


def refusal_headers(refusal: RefusedError) -> list[tuple[bytes, bytes]]:
    """What tells a client whether, and when, to try again."""
    headers = []
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, ceil(refusal.retry_after_s))))
    if refusal.status == 504:
        headers.append((b"x-should-retry", b"false"))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.status == 405:
        headers.append((b"allow", b"POST"))
    return headers


def _error(message: str) -> bytes:
    return msgspec.json.encode({"error": message})


def _fault() -> RefusedError:
    """500 with an id that the log explains."""
    incident = secrets.token_hex(6)
    log.exception("request failed", extra={"incident": incident})
    return RefusedError(500, f"internal error {incident}", reason="engine_error", outcome=Outcome.ERROR)


def _traceparent(headers: Headers) -> str | None:
    """As W3C writes it; what is not of that form could be anything, and is not kept."""
    given = headers.get(b"traceparent")
    return None if given is None or not _TRACEPARENT.fullmatch(given) else given.decode("ascii")


_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
