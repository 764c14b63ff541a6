"""The door of the dashboard, as ASGI in front of all that Streamlit serves: pages, files and the web-socket.

Once an API key exists, nothing but the health probe is answered without a cookie that holds a key with the
right to read. The cookie is all there is of a session, so it outlives a restart of the dashboard. Each
request asks the watched file of keys, and an open web-socket twice a second: a revoked key is out within a
second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.login_page import HEADERS, login_page
from dashboard.login_tries import Tries
from dashboard.visitor import COOKIE, LOGIN, LOGOUT
from storage.keys import LOOK_EVERY_S, ApiKey, KnownKeys, Refusal, Right

log = logging.getLogger(__name__)

HEALTH: Final = "/_stcore/health"
"""Says that a server is there, and no more; a probe may ask it by any name and without a key."""

_MAX_FORM_BYTES = 8 * 1024
_FORM_TIMEOUT_S = 10.0
_MAX_NEXT = 2048
_POLICY_VIOLATION = 1008

_WORDS = {
    Refusal.MISSING: "Enter an API key.",
    Refusal.UNKNOWN: "This API key is not known. Look whether all of it was copied.",
    Refusal.ENDED: "This API key has expired or was revoked. Ask for a new one.",
    Refusal.LACKING: "This API key lacks the right to read. Ask for one that has it.",
}


class Login:
    """Asks for a key before anything of `app` is seen. `hosts` are the names by which browsers may come."""

    def __init__(
        self, app: ASGIApp, *, keys: KnownKeys, hosts: Collection[str], tries: Tries | None = None
    ) -> None:
        self._app, self._keys = app, keys
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._tries = tries or Tries()
        self._logouts: Counter[str] = Counter()  # by the name of the key: ends the sockets of other tabs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, ask for a key, or refuse."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = scope["path"]
        if path == HEALTH:
            await self._app(scope, receive, send)
            return
        found = self._judge(request)
        if not self._comes_by_our_name(request):
            response: Response = PlainTextResponse(
                "The dashboard is not known by this name: add it to dashboard.allowed_hosts.\n", 403
            )
        elif path == LOGIN:
            response = await self._log_in(request, found)
        elif path == LOGOUT:
            response = self._log_out(request, found)
        elif isinstance(found, Refusal):
            response = _ask_for_a_key(request)
        else:
            await self._app(scope, receive, send)
            return
        await response(scope, receive, send)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open a web-socket, and close it when its key ends or its owner logs out."""
        handshake = HTTPConnection(scope)
        name = _name_of(self._judge(handshake))
        before = self._logouts[name] if name else 0

        def may_stay() -> bool:
            found = self._judge(handshake)
            gone = name is not None and self._logouts[name] != before
            return not isinstance(found, Refusal) and not gone

        if not self._comes_by_our_name(handshake) or not may_stay():
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return

        async def hear() -> Message:
            waiting = asyncio.ensure_future(receive())
            try:
                while may_stay() and not waiting.done():
                    await asyncio.wait({waiting}, timeout=LOOK_EVERY_S)
                if may_stay():
                    return waiting.result()
            finally:
                waiting.cancel()
            with contextlib.suppress(OSError):  # the browser has just left
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}

        async def say(message: Message) -> None:
            if not may_stay():
                raise OSError("the key of this web-socket has ended")  # as ASGI says that the other side left
            await send(message)

        await self._app(scope, hear, say)

    async def _log_in(self, request: Request, found: ApiKey | Refusal | None) -> Response:
        if request.method == "POST":
            return await self._try(request)
        next_path = _inside(request.query_params.get("next", ""))
        if not isinstance(found, Refusal):
            return RedirectResponse(next_path, 303, headers=HEADERS)
        # A link from another site, as in a web-mail, comes without the cookie, being strict: ask once more.
        again = _cross_site(request) and "again" not in request.query_params
        wrong = None if found is Refusal.MISSING else _WORDS[found]
        return _page(200, next_path=next_path, wrong=wrong, again=again)

    async def _try(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        wait_s = self._tries.wait_s(address)
        if wait_s is not None:
            response = _page(429, wrong=f"Too many wrong keys. Try again in {wait_s} seconds.")
            response.headers["retry-after"] = str(wait_s)
            return response
        if not _same_origin(request):
            return _page(
                403, wrong="This form came from another site. Open the dashboard itself, and log in there."
            )
        form = await _form(request)
        if form is None:
            return _page(400, wrong="The form did not arrive whole. Try again.")
        text, next_path = form.get("key", "").strip(), _inside(form.get("next", ""))
        found = self._keys.judge(text, Right.READ)
        if isinstance(found, Refusal):
            if found is not Refusal.MISSING:
                self._tries.note(address)
                log.warning("login refused", extra={"reason": found.value, "address": address})
            status = 403 if found is Refusal.LACKING else 401
            return _page(status, next_path=next_path, wrong=_WORDS[found])
        response = RedirectResponse(next_path, 303, headers=HEADERS)
        if found is not None:
            response.set_cookie(COOKIE, text, httponly=True, samesite="strict", secure=_encrypted(request))
        return response

    def _log_out(self, request: Request, found: ApiKey | Refusal | None) -> Response:
        if _cross_site(request) or found is None:
            return RedirectResponse("/", 303, headers=HEADERS)
        name = _name_of(found)
        if name is not None:
            self._logouts[name] += 1
        response = _page(200, said="You are logged out.")
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_encrypted(request))
        return response

    def _judge(self, connection: HTTPConnection) -> ApiKey | Refusal | None:
        return self._keys.judge(connection.cookies.get(COOKIE), Right.READ)

    def _comes_by_our_name(self, connection: HTTPConnection) -> bool:
        """Against names that somebody else pointed here (DNS rebinding). Reads patterns as Streamlit does."""
        try:
            name = urlsplit(f"//{connection.headers.get('host', '')}").hostname
        except ValueError:
            return False
        if name is None:
            return False
        name = name.rstrip(".")
        domains = (f"*.{parent}" for parent in _parents(name))
        return not self._hosts.isdisjoint({"*", name, *domains})


def _ask_for_a_key(request: Request) -> Response:
    """A page leads to the form and back; what a page fetches is refused in a line, which Streamlit shows."""
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        path = request.scope.get("raw_path", b"").decode("latin-1") or "/"
        query = request.scope["query_string"].decode("latin-1")
        next_path = _inside(f"{path}?{query}" if query else path)
        return RedirectResponse(f"{LOGIN}?next={quote(next_path, safe='')}", 303, headers=HEADERS)
    return JSONResponse("An API key is needed: reload the page to log in.", 401, headers=HEADERS)


def _page(
    status: int,
    *,
    next_path: str = "/",
    wrong: str | None = None,
    said: str | None = None,
    again: bool = False,
) -> Response:
    content = login_page(next_path=next_path, wrong=wrong, said=said, again=again)
    return HTMLResponse(content, status, headers=HEADERS)


def _inside(path: str) -> str:
    """Where to go after the login, if it is a page of this dashboard; else the first page.

    Browsers read a backslash as a slash and drop tabs, so that only plain visible characters are let through.
    """
    plain = all("!" <= character <= "~" and character != "\\" for character in path)
    ours = path.startswith("/") and not path.startswith("//")
    if not plain or not ours or len(path) > _MAX_NEXT or urlsplit(path).path in {LOGIN, LOGOUT}:
        return "/"
    return path


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form; None where it is too long, too slow, or another kind."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return None
    body = b""
    try:
        async with asyncio.timeout(_FORM_TIMEOUT_S):
            async for part in request.stream():
                body += part
                if len(body) > _MAX_FORM_BYTES:
                    return None
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=8)
    except (TimeoutError, ClientDisconnect, ValueError):
        return None
    return {name: values[0] for name, values in fields.items()}


def _same_origin(request: Request) -> bool:
    """Whether a form was sent from a page of this dashboard. Every browser says where a form comes from."""
    host = request.headers.get("host", "")
    try:
        origin = urlsplit(request.headers.get("origin", "")).netloc
    except ValueError:
        return False
    return origin.lower() == host.lower() != ""


def _cross_site(request: Request) -> bool:
    return request.headers.get("sec-fetch-site") == "cross-site"


def _encrypted(request: Request) -> bool:
    """Whether the browser came over TLS. Who only claims so gets a cookie that is guarded more strictly."""
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return "https" in {request.url.scheme, forwarded.lower()}


def _name_of(found: ApiKey | Refusal | None) -> str | None:
    return found.name if isinstance(found, ApiKey) else None


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[place:]) for place in range(1, len(parts))]
