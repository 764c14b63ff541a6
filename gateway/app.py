"""The FastAPI app behind the hot routes: models, labels, questions, metrics, documents."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry
from starlette.exceptions import HTTPException

from gateway.documents import RESPONSES, add_hot_routes, add_keys
from gateway.errors import RefusedError
from gateway.front import error_body
from gateway.hot import refusal_headers
from gateway.metrics import GatewayMetrics
from storage.errors import DatabaseUnavailableError, InvalidPageError, StorageError

log = logging.getLogger(__name__)

_LAG_EVERY_S = 1.0


def make_app(
    *,
    start: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
    metrics: GatewayMetrics,
) -> FastAPI:
    """An app without routes of its own but the documents. `start` and `stop` run with the server."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await start()
        lag = asyncio.create_task(_watch_lag(metrics))
        try:
            yield
        finally:
            lag.cancel()
            await stop()

    app = FastAPI(
        title="inferwatch",
        version="0.1.0",
        summary="Serves models and watches them",
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's own way to extend the document
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(StorageError, _storage)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)
    return app


def add_probes(app: FastAPI, registry: CollectorRegistry, unready: Callable[[], dict[str, str]]) -> None:
    """`/livez`, `/readyz`, `/health` and `/metrics`."""

    async def livez() -> dict[str, bool]:
        """Whether the process answers."""
        return {"live": True}

    async def readyz() -> Response:
        """Whether it can do its work: every model that should serve does, and events can be recorded."""
        waiting = unready()
        return JSONResponse({"ready": not waiting, "waiting": waiting}, 503 if waiting else 200)

    async def metrics(request: Request) -> Response:
        """For Prometheus."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=None, headers={"content-type": content_type})

    waiting: dict[int | str, dict[str, Any]] = {503: {"description": "not yet, and why"}}
    app.get("/livez", tags=["probes"])(livez)
    app.get("/readyz", tags=["probes"], responses=waiting)(readyz)
    app.get("/health", tags=["probes"], responses=waiting)(readyz)
    app.get("/metrics", tags=["probes"], responses=_METRICS, response_class=Response)(metrics)


_METRICS: dict[int | str, dict[str, Any]] = {
    **RESPONSES,
    200: {"content": {"text/plain": {}}, "description": "all metrics"},
}


async def _watch_lag(metrics: GatewayMetrics) -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(_LAG_EVERY_S)
        metrics.loop_lag_s = max(0.0, loop.time() - before - _LAG_EVERY_S)


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        app.openapi_schema = add_keys(add_hot_routes(document))
    return app.openapi_schema


def _answer(request: Request, exc: RefusedError) -> Response:
    headers = {name.decode(): value.decode() for name, value in refusal_headers(exc)}
    return JSONResponse(error_body(request.url.path, exc), exc.status, headers)


async def _refused(request: Request, exc: Exception) -> Response:
    return _answer(request, exc) if isinstance(exc, RefusedError) else await _fault(request, exc)


async def _storage(request: Request, exc: Exception) -> Response:
    """The database is away, or the page that is asked for does not exist."""
    if isinstance(exc, InvalidPageError):
        return _answer(
            request, RefusedError(400, f"query parameter 'cursor': {exc}", reason="invalid_cursor")
        )
    if isinstance(exc, DatabaseUnavailableError):
        return _answer(request, RefusedError(503, str(exc), reason="database_away", retry_after_s=2.0))
    return await _fault(request, exc)


async def _invalid(request: Request, exc: Exception) -> Response:
    """A parameter that is not as described. In a path that means: no such thing."""
    if not isinstance(exc, RequestValidationError):
        return await _fault(request, exc)
    error = exc.errors()[0]
    kind, *place = map(str, error["loc"])
    message = f"{kind} parameter '{'.'.join(place)}': {error['msg']}"
    if kind == "path":
        return _answer(request, RefusedError(404, message, reason="not_found"))
    return _answer(request, RefusedError(422, message, reason="invalid_parameter"))


async def _http(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        return await _fault(request, exc)
    message = (
        f"{request.method} {request.url.path[:200]}: {str(exc.detail).lower()}; /docs lists what there is"
    )
    answer = _answer(request, RefusedError(exc.status_code, message, reason=_code(exc.status_code)))
    answer.headers.update(
        {name: value for name, value in (exc.headers or {}).items() if name.lower() == "allow"}
    )
    return answer


async def _fault(request: Request, exc: Exception) -> Response:
    """A fault of ours: the log has it, the client an id to ask us about."""
    incident = secrets.token_hex(6)
    log.error("request failed", exc_info=exc, extra={"incident": incident})
    return _answer(request, RefusedError(500, f"internal error {incident}", reason="internal_error"))


def _code(status: int) -> str:
    return {404: "not_found", 405: "method"}.get(status, "http_error")
