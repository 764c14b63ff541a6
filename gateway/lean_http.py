"""One HTTP/1.1 connection that sends one request after the other: what `replay` needs, and no more.

httpx takes some 1000 us of CPU for a request, this some 30: with httpx the client would set the pace.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

from gateway.errors import ReplayError

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    event_id: str | None
    retry_after_s: float | None
    body: bytes


class LeanConnection:
    """Sends a request and waits for its answer; connects when it has to."""

    def __init__(self, url: str, key: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ReplayError(f"--url {url}: write http://host:port")
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port or (443 if self._tls else 80)
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._head = f" HTTP/1.1\r\nHost: {parts.netloc}\r\n{authorization}Content-Type: application/json\r\n"
        self._reader: _Reader | None = None

    async def post(self, path: str, body: bytes) -> Answer:
        """Ask. Raises `ReplayError` where nobody answers."""
        return await self._ask(f"POST {path}{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def get(self, path: str) -> Answer:
        """Ask without a body."""
        return await self._ask(f"GET {path}{self._head}\r\n".encode())

    def close(self) -> None:
        """Hang up."""
        if self._reader is not None:
            self._reader.transport.close()

    async def _ask(self, request: bytes) -> Answer:
        reader = self._reader
        if reader is None or reader.gone:
            reader = self._reader = await self._connect()
        try:
            return await reader.ask(request)
        except (OSError, TimeoutError) as exc:
            reader.transport.close()
            self._reader = None
            raise ReplayError(
                f"{self._host}:{self._port} broke off ({exc}); is `inferwatch serve` still running?"
            ) from exc

    async def _connect(self) -> _Reader:
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context() if self._tls else None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                _, reader = await loop.create_connection(_Reader, self._host, self._port, ssl=context)
        except (OSError, TimeoutError) as exc:
            raise ReplayError(
                f"nobody answers at {self._host}:{self._port} ({exc}); start `inferwatch serve`, or give "
                "--url"
            ) from exc
        return reader


class _Reader(asyncio.Protocol):
    """Puts an answer together."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.gone = False
        self._waiter: asyncio.Future[Answer] | None = None
        self._event_id: str | None = None
        self._retry_after_s: float | None = None
        self._begin()

    async def ask(self, request: bytes) -> Answer:
        """Write, and wait for the answer."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self.transport.write(request)
        timer = loop.call_later(_TIMEOUT_S, self._late)
        try:
            return await self._waiter
        finally:
            timer.cancel()

    # What asyncio and httptools call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of TCP it is one that writes

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._fail(exc or ConnectionResetError("connection closed"))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            self._fail(OSError(str(exc)))
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"x-request-id":
            self._event_id = value.decode("latin-1")
        elif name == b"retry-after" and value.isdigit():
            self._retry_after_s = float(value)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        answer = Answer(self._parser.get_status_code(), self._event_id, self._retry_after_s, self._body)
        if not self._parser.should_keep_alive():
            self.gone = True
        self._begin()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._event_id = self._retry_after_s = None
        self._body = b""

    def _late(self) -> None:
        self._fail(TimeoutError(f"no answer within {_TIMEOUT_S:g} s"))

    def _fail(self, exc: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc)
