"""The simulated app: how it behaves towards a gateway that cannot take what it sends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.demo.player import Patience, Player, Progress
from storage.clock import utc_now

QUICK = Patience(tries=3, pause_s=0.001, longest_s=0.01)
PATIENT = Patience(tries=10, pause_s=0.001, longest_s=0.01)
ENOUGH = 20
START = datetime(2026, 1, 1, tzinfo=UTC)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Door:
    """A server that gives every request the next of its answers, and then the last one again."""

    answers: list[int]
    asked: int = 0
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""
    busy: asyncio.Event = field(default_factory=asyncio.Event)  # enough were answered well

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
            status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.asked += 1
            writer.write(
                f"HTTP/1.1 {status} X\r\nX-Request-Id: e-{self.asked}\r\nRetry-After: 60\r\n"
                f"Content-Length: 2\r\n\r\n{{}}".encode()
            )
            if status == 200 and self.asked >= ENOUGH + 3:
                self.busy.set()


@asynccontextmanager
async def a_door(*answers: int) -> AsyncIterator[Door]:
    door = Door([*answers])
    serving: set[asyncio.Task[None]] = set()

    def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(door.serve(reader, writer)))

    server = await asyncio.start_server(opened, "127.0.0.1", 0)
    door.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield door
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close


def test_it_gives_up_when_the_gateway_goes_on_refusing() -> None:
    async def play() -> tuple[Progress, int]:
        progress = Progress()
        async with a_door(503) as door:
            await Player(door.url, progress, clock=utc_now, patience=QUICK).play(START)
            return progress, door.asked

    progress, asked = asyncio.run(play())

    assert progress.problem == "the gateway refuses with 503"
    assert progress.sent == 0
    assert 3 <= asked <= 3 * 4  # three tries on each of four connections


def test_it_gives_up_when_nobody_answers() -> None:
    async def play() -> Progress:
        progress = Progress()
        async with a_door(200) as door:
            url = door.url
        await Player(url, progress, clock=utc_now, patience=QUICK).play(START)
        return progress

    assert "nobody answers" in (asyncio.run(play()).problem or "")


def test_it_asks_again_where_the_gateway_is_busy_for_a_while_and_sends_each_request_once() -> None:
    async def play() -> tuple[Progress, list[bytes]]:
        progress = Progress()
        async with a_door(503, 429, 503, 200) as door:
            player = asyncio.create_task(
                Player(door.url, progress, clock=utc_now, patience=PATIENT).play(START)
            )
            async with asyncio.timeout(20):
                await door.busy.wait()
            player.cancel()
            await asyncio.gather(player, return_exceptions=True)
            return progress, door.bodies

    progress, bodies = asyncio.run(play())

    assert progress.problem is None
    assert progress.sent >= ENOUGH - 4  # those on their way when it was ended
    assert len(bodies) - len(set(bodies)) == 3  # those that were refused, sent again
    assert b'"at":"2026-01-01T00:00:0' in bodies[0]
