"""What every request meets first, as raw ASGI: foreign pages and missing keys are refused here."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.body import Headers, Receive, check_depth, read_body
from gateway.errors import ClientLeftError, RefusedError
from gateway.hot import HotRoutes, Send, refusal_headers, route_of
from gateway.keys import Keys, labels_for_all
from storage.keys import Right

App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

PROBES = frozenset({"/livez", "/readyz", "/health", "/v2/health/live", "/v2/health/ready"})
"""What needs no key: they say no more than that a server is there."""

KEY = "inferwatch.key"
"""Where the ASGI scope holds the name of the caller's key."""

EVERYONE = "inferwatch.everyone"
"""Where it holds whether the caller may label the rows of every key."""

_ANY_KEY = ("/v1", "/v2", "/api/models")
_LABELLING = frozenset({"/api/labels", "/api/samples"})
_ACTED_ON = ("/api/silences", "/api/alerts", "/api/reports")
_ASKING = frozenset({"GET", "HEAD", "OPTIONS"})


class Front:
    """The outermost application."""

    def __init__(
        self, *, hot: HotRoutes, app: App, keys: Keys, allowed_hosts: Iterable[str], max_body_bytes: int
    ) -> None:
        self._hot, self._app, self._keys = hot, app, keys
        self._hosts = {"localhost", *(host.lower() for host in allowed_hosts)}
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One connection's worth of ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # nothing here speaks WebSocket
            return
        headers = dict(scope["headers"])
        path: str = scope["path"]
        try:
            self._check_foreign(headers)
            route = route_of(path)
            if route is not None:
                await self._hot.answer(route, scope, receive, send)
                return
            if path not in PROBES:
                key = self._keys.admitted(headers, right_for(scope["method"], path))
                scope[KEY], scope[EVERYONE] = key and key.name, labels_for_all(key)
            scope, receive = await self._with_body(scope, headers, receive)
        except RefusedError as exc:
            await send_error(path, exc, send)
            return
        except ClientLeftError:
            return
        await self._app(scope, receive, send)

    def _check_foreign(self, headers: Headers) -> None:
        """Pages of other sites, and names that somebody pointed here (DNS rebinding).

        A key proves more than a name.
        """
        host = _host_of(headers.get(b"host"))
        origin = headers.get(b"origin")
        if origin is not None:
            name = _host_of_origin(origin)
            if name is None or (name != host and name not in self._hosts):
                raise RefusedError(
                    403, "header origin: pages of other sites may not ask here", reason="origin"
                )
        if host is None or host in self._hosts or _is_address(host) or self._keys.required:
            return
        raise RefusedError(
            403,
            f"header host: '{host[:80]}' is not a name of this server; add it to gateway.allowed_hosts",
            reason="host",
        )

    async def _with_body(
        self, scope: dict[str, Any], headers: Headers, receive: Receive
    ) -> tuple[dict[str, Any], Receive]:
        """The request with its body read within bounds, inflated, and called JSON whatever was said."""
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return scope, receive
        body = await read_body(headers, receive, self._max_body_bytes)
        check_depth(body)
        kept = [
            pair
            for pair in scope["headers"]
            if pair[0] not in (b"content-type", b"content-encoding", b"content-length")
        ]
        kept += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def replay() -> dict[str, Any]:
            message = next(messages, None)
            return dict(await receive()) if message is None else message

        return {**scope, "headers": kept}, replay


def right_for(method: str, path: str) -> Right | None:
    """Which right a route of the app wants. None: any key will do."""
    if path in _LABELLING:
        return Right.LABEL
    if path == "/" or path.startswith(_ANY_KEY):
        return None
    return Right.READ if method in _ASKING or not path.startswith(_ACTED_ON) else Right.ACT


async def send_error(path: str, exc: RefusedError, send: Send) -> None:
    """An error in the shape of its protocol."""
    body = msgspec.json.encode(error_body(path, exc))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *refusal_headers(exc),
    ]
    await send({"type": "http.response.start", "status": exc.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def error_body(path: str, exc: RefusedError) -> dict[str, object]:
    """OpenAI's object on `/v1/*`, save `:predict`; everywhere else a text."""
    if not path.startswith("/v1/") or path.endswith(":predict"):
        return {"error": exc.message}
    kind = "server_error" if exc.status >= 500 else "invalid_request_error"
    return {"error": {"message": exc.message, "type": kind, "param": None, "code": exc.reason}}


def _host_of_origin(value: bytes) -> str | None:
    """The name in an Origin header. None: there is none, or it is no address."""
    try:
        return _host_of(urlsplit(value.decode("latin-1")).netloc.encode("latin-1"))
    except ValueError:
        return None


def _host_of(value: bytes | None) -> str | None:
    """The name in a Host header, without the port."""
    if not value:
        return None
    text = value.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


@lru_cache(maxsize=256)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
