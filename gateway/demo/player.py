"""Sends the story through the running gateway, as an app would: one row a request, and the truth later.

The simulated clock is that of the requests: where the gateway is slow, hours just pass slower. After the
story a few requests go on coming, at the time that they are sent.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from gateway.demo.story import MINUTE, MINUTE_S, STORY_MINUTES, Scene, scene_at
from gateway.demo.traffic import SimulatedRequest, requests_of
from gateway.errors import ReplayError
from gateway.lean_http import Answer, LeanConnection
from storage.clock import Clock

_CONNECTIONS = 4
_LABELS_AT_ONCE = 500
_MOST_LABELS = 20_000
_TRICKLE = {"n_loans": 30, "n_messages": 12}
"""Rows a minute after the story, when a minute takes a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a request is tried that the gateway cannot take now, and how long to wait between."""

    tries: int = 30
    pause_s: float = 0.5  # doubles with each try
    longest_s: float = 10.0  # even where the gateway asks for a longer pause


class Progress:
    """How far the story is: the player writes, the screen reads."""

    def __init__(self) -> None:
        self.at: datetime | None = None  # the simulated time; None: it has not begun
        self.minute = 0
        self.sent = 0
        self.labels = 0
        self.refused = 0
        self.told = False  # the story is over
        self.problem: str | None = None  # why nothing is sent any more

    @property
    def scene(self) -> Scene:
        """The one that is played."""
        return scene_at(self.minute)


class Player:
    """Plays the story from its start, or what comes after it."""

    def __init__(
        self, url: str, progress: Progress, *, clock: Clock, patience: Patience | None = None
    ) -> None:
        self._connections = [LeanConnection(url) for _ in range(_CONNECTIONS)]
        self._for_labels = LeanConnection(url)
        self._progress = progress
        self._clock = clock
        self._patience = patience or Patience()
        self._late: list[tuple[datetime, int, str, str]] = []  # labels by when they become known
        self._order = itertools.count()

    async def play(self, start: datetime | None) -> None:
        """Every scene, then the trickle, until it is cancelled. Ends where the gateway takes no more.

        Without a start the story was told before: the trickle alone.
        """
        try:
            if start is not None:
                await self._story(start)
            await self._go_on()
        except ReplayError as exc:
            self._progress.problem = str(exc)
        finally:
            for connection in (*self._connections, self._for_labels):
                connection.close()

    async def _story(self, start: datetime) -> None:
        for minute in range(STORY_MINUTES):
            self._progress.minute = minute
            await self._minute(start + minute * MINUTE, requests_of(minute), MINUTE_S, simulated=True)

    async def _go_on(self) -> None:
        self._progress.told = True
        for minute in itertools.count(STORY_MINUTES):
            self._progress.minute = minute
            requests = requests_of(minute, **_TRICKLE)
            await self._minute(self._clock(), requests, MINUTE.total_seconds(), simulated=False)

    async def _minute(
        self, start: datetime, requests: list[SimulatedRequest], seconds: float, *, simulated: bool
    ) -> None:
        """A minute of requests, spread over so many seconds, then the labels that are known by its end."""
        factor, began = seconds / MINUTE.total_seconds(), time.perf_counter()

        async def share(place: int) -> None:
            for request in requests[place::_CONNECTIONS]:
                turn = began + request.at.total_seconds() * factor
                await asyncio.sleep(max(0.0, turn - time.perf_counter()))
                await self._send(self._connections[place], request, start + request.at, simulated=simulated)

        try:
            async with asyncio.TaskGroup() as group:
                for place in range(_CONNECTIONS):
                    group.create_task(share(place))
        except ExceptionGroup as exc:
            raise exc.exceptions[0] from exc
        await asyncio.sleep(max(0.0, began + seconds - time.perf_counter()))
        self._progress.at = start + MINUTE
        await self._send_labels(start + MINUTE, simulated=simulated)

    async def _send(
        self, connection: LeanConnection, request: SimulatedRequest, at: datetime, *, simulated: bool
    ) -> None:
        body: dict[str, object] = {"instances": [request.inputs]}
        if request.tags:
            body["tags"] = request.tags
        if simulated:
            body["at"] = at.isoformat()
        answer = await self._insist(connection, f"/v1/models/{request.model}:predict", body)
        if answer.status != 200 or answer.event_id is None:
            self._progress.refused += 1
            return
        self._progress.sent += 1
        self._progress.at = max(at, self._progress.at or at)
        if request.label is not None and len(self._late) < _MOST_LABELS:
            due = at + request.label_after
            heapq.heappush(self._late, (due, next(self._order), answer.event_id, request.label))

    async def _send_labels(self, until: datetime, *, simulated: bool) -> None:
        labels: list[dict[str, object]] = []
        while self._late and self._late[0][0] <= until:
            due, _, event, label = heapq.heappop(self._late)
            labels.append({"id": event, "label": label, **({"at": due.isoformat()} if simulated else {})})
        for batch in _batches(labels):
            answer = await self._insist(self._for_labels, "/api/labels", {"labels": batch})
            if answer.status != 200:
                raise ReplayError(f"the gateway refuses labels with {answer.status}")
            self._progress.labels += len(batch)

    async def _insist(self, connection: LeanConnection, path: str, body: object) -> Answer:
        """Ask again where the gateway is busy, or starts anew; not for ever. Raises `ReplayError`."""
        data, pause_s, problem = msgspec.json.encode(body), self._patience.pause_s, ""
        for _ in range(self._patience.tries):
            try:
                answer = await connection.post(path, data)
            except ReplayError as exc:
                problem, wanted_s = str(exc), None
            else:
                if answer.status not in (429, 503):
                    return answer
                problem, wanted_s = f"the gateway refuses with {answer.status}", answer.retry_after_s
            await asyncio.sleep(min(wanted_s or pause_s, self._patience.longest_s))
            pause_s = min(2 * pause_s, self._patience.longest_s)
        raise ReplayError(problem)


def _batches(labels: list[dict[str, object]]) -> Iterable[list[dict[str, object]]]:
    for start in range(0, len(labels), _LABELS_AT_ONCE):
        yield labels[start : start + _LABELS_AT_ONCE]
