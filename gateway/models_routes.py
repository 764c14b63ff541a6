"""What is asked about models, not of them: health, metadata and index of OIP, and the lists of V1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from gateway.body import decode
from gateway.documents import ERROR, RESPONSES, Document
from gateway.errors import RefusedError, refusal_of
from gateway.oip import EXTENSIONS, VERSION, metadata
from inference.engine import Engine
from inference.errors import ModelNotReadyError, UnknownModelError
from inference.lifecycle import ModelState, State
from inference.manifest import NAME

Name = Annotated[str, Path(description="name of a model", pattern=NAME)]
Version = Annotated[str, Path(description="one of its versions", pattern=NAME)]

_INDEX_STATES = {
    State.PENDING: "LOADING",
    State.LOADING: "LOADING",
    State.WARMING: "LOADING",
    State.READY: "READY",
    State.DRAINING: "UNLOADING",
    State.UNLOADED: "UNAVAILABLE",
    State.FAILED: "UNAVAILABLE",
}


class IndexBody(msgspec.Struct):
    """What the index takes: nothing, or whether only ready models are wanted."""

    ready: bool = False


_INDEX = msgspec.json.Decoder(IndexBody)


def unready(engine: Engine) -> dict[str, str]:
    """Models that should serve and do not, with the reason."""
    found: dict[str, str] = {}
    states = engine.models()
    for name in {state.name for state in states if state.state is not State.UNLOADED}:
        own = [state for state in states if state.name == name]
        if not any(state.state is State.READY for state in own):
            newest = own[-1]
            found[name] = f"version {newest.version} is {newest.state}" + (
                f": {newest.reason}" if newest.reason else ""
            )
    return found


def server_routes(engine: Engine, ready: Callable[[], dict[str, str]]) -> APIRouter:
    """OIP about the server: its name, its health, its models."""
    router = APIRouter(tags=["models"])

    async def server() -> dict[str, Any]:
        """Name, version and extensions of the server."""
        return {"name": "inferwatch", "version": VERSION, "extensions": list(EXTENSIONS)}

    async def live() -> dict[str, bool]:
        """Whether the process answers."""
        return {"live": True}

    async def all_ready() -> Response:
        """Whether every model that should be ready is."""
        waiting = ready()
        return JSONResponse({"ready": not waiting}, 503 if waiting else 200)

    async def model_names() -> dict[str, Any]:
        """Names of all models."""
        return {"models": _names(engine)}

    async def index(request: Request) -> list[dict[str, str]]:
        """Every version in the repository, and its state. The body may be empty."""
        body = await request.body()
        only_ready = decode(body, _INDEX).ready if body else False
        states = [state for state in engine.models() if state.state is State.READY or not only_ready]
        return [_indexed(state) for state in states]

    index_body = {"required": False, "content": {"application/json": {"schema": _INDEX_SCHEMA}}}
    router.get("/v2", responses=RESPONSES)(server)
    router.get("/v2/", include_in_schema=False)(server)
    router.get("/v2/health/live", responses=RESPONSES)(live)
    router.get("/v2/health/ready", responses={**RESPONSES, 503: {"description": "not ready"}})(all_ready)
    router.get("/v2/models", responses=RESPONSES)(model_names)
    router.post(
        "/v2/repository/index",
        responses={**RESPONSES, 400: ERROR, 413: ERROR, 415: ERROR},
        openapi_extra={"requestBody": index_body},
    )(index)
    return router


def model_routes(engine: Engine) -> APIRouter:
    """OIP about one model."""
    router = APIRouter(tags=["models"])

    async def model(name: Name) -> dict[str, Any]:
        """Inputs and outputs of a model."""
        return _metadata(engine, name, None)

    async def model_version(name: Name, version: Version) -> dict[str, Any]:
        """Inputs and outputs of one version."""
        return _metadata(engine, name, version)

    async def model_ready(name: Name) -> Response:
        """Whether a model answers."""
        return _ready(engine, name, None)

    async def version_ready(name: Name, version: Version) -> Response:
        """Whether one version answers."""
        return _ready(engine, name, version)

    router.get("/v2/models/{name}", responses=_UNKNOWN)(model)
    router.get("/v2/models/{name}/versions/{version}", responses=_UNKNOWN)(model_version)
    router.get("/v2/models/{name}/ready", responses=_UNKNOWN)(model_ready)
    router.get("/v2/models/{name}/versions/{version}/ready", responses=_UNKNOWN)(version_ready)
    return router


def v1_routes(engine: Engine) -> APIRouter:
    """The lists of KServe V1, in one object with those of the OpenAI API, which has the same paths."""
    router = APIRouter(tags=["models"])

    async def models() -> dict[str, Any]:
        """All models, as KServe V1 and the OpenAI API list them."""
        names = _names(engine)
        return {"object": "list", "data": [_openai(engine, name) for name in names], "models": names}

    async def model(name: Name) -> Response:
        """One model, and whether it is ready."""
        states = [state for state in engine.models() if state.name == name]
        if not states:
            message = f"model '{name}' does not exist; there are {_listed(engine)}"
            raise RefusedError(404, message, reason="model_not_found")
        answers = any(state.state is State.READY for state in states)
        return JSONResponse(
            {**_openai(engine, name), "name": name, "ready": answers}, 200 if answers else 503
        )

    async def alive() -> dict[str, str]:
        """What KServe's client asks for V1 liveness."""
        return {"status": "alive"}

    router.get("/v1/models", responses=RESPONSES)(models)
    router.get("/v1/models/{name}", responses=_UNKNOWN)(model)
    router.get("/", responses=RESPONSES)(alive)
    return router


_UNKNOWN: dict[int | str, Document] = {**RESPONSES, 404: ERROR, 503: {"description": "not ready"}}
_INDEX_SCHEMA = {"type": "object", "properties": {"ready": {"type": "boolean"}}}


def _indexed(state: ModelState) -> dict[str, str]:
    return {
        "name": state.name,
        "version": state.version,
        "state": _INDEX_STATES[state.state],
        "reason": state.reason or "",
    }


def _names(engine: Engine) -> list[str]:
    return sorted({state.name for state in engine.models()})


def _listed(engine: Engine) -> str:
    return ", ".join(_names(engine)) or "none"


def _metadata(engine: Engine, name: str, version: str | None) -> dict[str, Any]:
    states = [state for state in engine.models() if state.name == name and version in (None, state.version)]
    current = next((state for state in states if state.current), states[-1] if states else None)
    if current is None or current.manifest is None:
        asked = f"model '{name}'" + (f" version '{version}'" if version else "")
        raise RefusedError(
            404, f"{asked} does not exist; there are {_listed(engine)}", reason="model_not_found"
        )
    return metadata(current.manifest, [state.version for state in engine.models() if state.name == name])


def _ready(engine: Engine, name: str, version: str | None) -> Response:
    try:
        engine.find(name, version)
    except UnknownModelError as exc:
        raise refusal_of(exc) from exc
    except ModelNotReadyError as exc:
        return JSONResponse({"name": name, "ready": False, "error": str(exc)}, 503)
    return JSONResponse({"name": name, "ready": True})


def _openai(engine: Engine, name: str) -> dict[str, Any]:
    loaded = [
        state.loaded_at for state in engine.models() if state.name == name and state.loaded_at is not None
    ]
    created = int(max(loaded).timestamp()) if loaded else 0
    return {"id": name, "object": "model", "created": created, "owned_by": "inferwatch"}
