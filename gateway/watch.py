"""Notices that a client has left while its request runs, and takes the request back."""

from __future__ import annotations

import asyncio

from gateway.body import Receive

LOOK_AFTER_S = 0.005
"""Most answers are there by then, and a watcher costs a task."""

_LEFT = "the client left"


class Watch:
    """Cancels the current task when the client disconnects. Begin before a wait, `stop` after it."""

    __slots__ = ("_handle", "_loop", "_receive", "_task", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self._handle = self._loop.call_later(LOOK_AFTER_S, self._begin)

    def stop(self) -> None:
        """The wait is over."""
        self._handle.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    @staticmethod
    def left(exc: BaseException) -> bool:
        """Whether this cancellation came from here."""
        return bool(exc.args) and exc.args[0] == _LEFT

    def _begin(self) -> None:
        self._watcher = self._loop.create_task(self._look())

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._task is not None:
            self._task.cancel(_LEFT)
