"""The process that tells the story: it waits for the others, plays, and shows how far it is.

Run by `inferwatch demo`, which owns it: `python -m gateway.demo.tell FOLDER`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.demo import loans
from gateway.demo.chronicle import Chronicle
from gateway.demo.folder import DemoFolder
from gateway.demo.mails import Mails
from gateway.demo.player import Player, Progress
from gateway.demo.ports import DemoPorts
from gateway.demo.screen import Screen, View, screen_of
from gateway.demo.story import story_start
from gateway.errors import ReplayError
from gateway.lean_http import LeanConnection
from gateway.settings_file import load_settings
from storage.clock import utc_now

_LOOK_S = 0.25
_READY_WITHIN_S = 120.0


class _Measured(msgspec.Struct):
    measurements: list[object]


async def tell(folder: DemoFolder) -> None:
    """Until SIGTERM."""
    ports = DemoPorts.of(load_settings(folder.config))
    progress = Progress()
    view = View(folder=folder, ports=ports, progress=progress)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    chronicle = Chronicle(folder.logs / "story.log", clock=utc_now, monotonic=time.monotonic)
    with screen_of(sys.stdout, view) as screen:
        tasks = [
            asyncio.create_task(_play(ports, progress)),
            asyncio.create_task(_show(view, Mails(folder.mails), chronicle, screen)),
        ]
        ended = asyncio.create_task(told.wait())
        await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, *tasks):
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def _play(ports: DemoPorts, progress: Progress) -> None:
    try:
        await _ready(ports)
        start = await _start(ports, utc_now())
        await Player(ports.gateway_url, progress, clock=utc_now).play(start)
    except ReplayError as exc:
        progress.problem = str(exc)
    await asyncio.Event().wait()  # nothing is sent any more; the display goes on, and says why


async def _ready(ports: DemoPorts) -> None:
    """Once the gateway serves both models and the dashboard answers."""
    await _until(lambda: _answers(ports.gateway_url, "/readyz"), "gateway")
    await _until(lambda: _answers(ports.dashboard_url, "/"), "dashboard")


async def _until(true: Callable[[], Awaitable[bool]], who: str) -> None:
    give_up = time.monotonic() + _READY_WITHIN_S
    while not await true():
        if time.monotonic() > give_up:
            raise ReplayError(f"the {who} is not ready after {_READY_WITHIN_S:g} s; its log says why")
        await asyncio.sleep(_LOOK_S)


async def _answers(url: str, path: str) -> bool:
    connection = LeanConnection(url)
    try:
        return (await connection.get(path)).status == 200
    except ReplayError:
        return False
    finally:
        connection.close()


async def _start(ports: DemoPorts, now: datetime) -> datetime | None:
    """When the simulated time begins. None: the story was told here before, and its times are taken."""
    begin = story_start(now)
    connection = LeanConnection(ports.gateway_url)
    try:
        answer = await connection.get(f"/api/measurements?model={loans.MODEL}&limit=1")
    finally:
        connection.close()
    if answer.status != 200:  # no database yet: the monitor has just been started
        return begin
    return None if msgspec.json.decode(answer.body, type=_Measured).measurements else begin


async def _show(view: View, mails: Mails, chronicle: Chronicle, screen: Screen) -> None:
    while True:
        view.mails = mails.lines()
        for line in chronicle.news(view.progress, view.mails):
            screen.say(line)
        screen.show(view)
        await asyncio.sleep(_LOOK_S)


def main(folder: str) -> None:
    """The process."""
    logging.basicConfig(level=logging.CRITICAL)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(tell(DemoFolder(path=Path(folder))))


if __name__ == "__main__":
    main(*sys.argv[1:])
