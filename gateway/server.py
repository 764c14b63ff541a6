"""uvicorn on uvloop and httptools, with what it lacks: deadlines for receiving, and caps on connections.

A client that sends a byte now and then is never idle, so idle timeouts do not help: the head of a request
must be there within 10 s of its first byte, the body within 30 s. One sweep a second looks at all
connections; a request costs no timer.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
from collections import Counter
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.settings import GatewaySettings

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
_SWEEP_S = 1.0
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
)
_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_LARGE_HEAD = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


class Connections:
    """All open connections of a server, and who is too slow among them."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self._open: set[Guarded] = set()
        self._by_address: Counter[str] = Counter()
        self._sweep: asyncio.TimerHandle | None = None

    def admit(self, connection: Guarded, address: str) -> bool:
        """Whether one more may be open. One that was admitted must be `forget`ten."""
        settings = self.settings
        full = len(self._open) >= settings.max_connections
        crowded = self._by_address[address] >= settings.max_connections_per_address and not _loopback(address)
        if full or crowded:
            return False
        self._open.add(connection)
        self._by_address[address] += 1
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_S, self._look)
        return True

    def forget(self, connection: Guarded, address: str) -> None:
        """It was closed."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [one for one in self._open if one.give_up_at is not None and one.give_up_at <= now]:
            connection.refuse(_SLOW)
        self._sweep = loop.call_later(_SWEEP_S, self._look) if self._open else None


class Guarded(HttpToolsProtocol):
    """uvicorn's protocol, which remembers until when the client must have sent what it is sending."""

    guard: Connections  # given by `protocol_for`
    give_up_at: float | None = None  # None: nothing is being received
    _in_head = True
    _head_bytes = 0
    _address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Refuse one connection too many, at once."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self.give_up_at = self.loop.time() + self.guard.settings.header_timeout_s
        if not self.guard.admit(self, self._address):
            self.refuse(_BUSY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free its place."""
        self.guard.forget(self, self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bound the head: the parser itself has no limit."""
        if self._in_head:
            self._head_bytes += len(data)
            super().data_received(data)
            if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
                self.refuse(_LARGE_HEAD)
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self.give_up_at = self.loop.time() + self.guard.settings.header_timeout_s
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        if len(self.headers) > MAX_HEADERS:
            self.refuse(_LARGE_HEAD)
            return
        self.give_up_at = self.loop.time() + self.guard.settings.body_timeout_s
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Nothing more of a request that was refused."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is there."""
        self.give_up_at = None
        if not self.transport.is_closing():
            super().on_message_complete()

    def refuse(self, answer: bytes) -> None:
        """Say so, and close."""
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def protocol_for(settings: GatewaySettings) -> type[Guarded]:
    """A protocol class whose connections share one guard: uvicorn takes a class, not an object."""
    return type("GuardedBySettings", (Guarded,), {"guard": Connections(settings)})


def make_server(app: Any, settings: GatewaySettings) -> uvicorn.Server:
    """The server, not yet running."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol_for(settings),
        loop=loop_name(),
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a caller's word about its own address is not taken
        log_level="warning",
        timeout_keep_alive=int(settings.keep_alive_s),
        timeout_graceful_shutdown=int(settings.shutdown_s),
        backlog=2048,
    )
    return uvicorn.Server(config)


def spare_collector() -> None:
    """Call once models are loaded: what is there by then is never looked through again.

    torch alone brings half a million objects, so that a full collection takes a tenth of a second, and the
    many small lists of requests set it off often. Requests free themselves by their reference counts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def loop_name() -> str:
    """uvloop where it is installed: the asyncio loop halves the rate."""
    try:
        import uvloop  # noqa: F401, PLC0415  looked for, not used
    except ImportError:
        return "asyncio"
    return "uvloop"


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
