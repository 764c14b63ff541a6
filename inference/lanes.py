"""Whose turn it is: strict priority between lanes, deficit round robin over keys within one.

Shreedhar and Varghese, "Efficient fair queuing using deficit round robin", 1995. Credit is counted in units
(rows or tokens), never in requests: else the key with the largest blocks wins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from inference.work import Work


class Lanes:
    """All work that waits for one model.

    Work whose future is done is dropped when it is met, not searched for.
    """

    def __init__(self, *, quantum: int) -> None:
        self._quantum = quantum
        self._lanes: dict[int, _Lane] = {}
        self._order: list[_Lane] = []  # most urgent first

    def append(self, work: Work) -> None:
        """Wait behind the work of the same priority and key."""
        self._lane(work.priority).line(work.key).append(work)

    def take(self, rows: int) -> list[Work]:
        """Work of up to `rows` rows in fair order, most urgent first; at least one piece if any waits."""
        taken: list[Work] = []
        for lane in self._order:
            rows = lane.take(taken, rows)
            if rows <= 0:
                break
        return taken

    def put_back(self, works: Iterable[Work]) -> None:
        """Return what a batch had no place for to the heads of its lines."""
        for work in reversed(list(works)):
            self._lane(work.priority).put_back(work)

    def drop_done(self) -> None:
        """Forget work that nobody waits for."""
        for lane in self._order:
            lane.drop_done()

    def __iter__(self) -> Iterator[Work]:
        return (work for lane in self._order for line in lane.lines.values() for work in line)

    def _lane(self, priority: int) -> _Lane:
        lane = self._lanes.get(priority)
        if lane is None:
            lane = self._lanes[priority] = _Lane(self._quantum)
            self._order = [self._lanes[priority] for priority in sorted(self._lanes)]
        return lane


class _Lane:
    """One line of work for each key, and the keys' turns."""

    def __init__(self, quantum: int) -> None:
        self._quantum = quantum
        self.lines: dict[str | None, deque[Work]] = {}
        self._turns: deque[str | None] = deque()
        self._credit: dict[str | None, int] = {}

    def line(self, key: str | None) -> deque[Work]:
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = deque()
            self._turns.append(key)
            self._credit[key] = 0
        return line

    def take(self, taken: list[Work], rows: int) -> int:
        """Move work of up to `rows` rows into `taken`.

        Returns the rows still free; none when the next did not fit.
        """
        while self._turns:
            key = self._turns[0]
            line = self.lines[key]
            while line and line[0].future.done():
                line.popleft()
            if not line:
                self._forget(key)
                continue
            work = line[0]
            alone = len(self._turns) == 1
            if not alone and work.payload.units > self._credit[key]:
                self._credit[key] += self._quantum
                self._turns.rotate(-1)
                continue
            if work.payload.rows > rows and taken:
                return 0
            line.popleft()
            if not alone:
                self._credit[key] -= work.payload.units
            taken.append(work)
            rows -= work.payload.rows
            if rows <= 0:
                return 0
        return rows

    def put_back(self, work: Work) -> None:
        line = self.line(work.key)
        line.appendleft(work)
        if len(self._turns) > 1:
            self._credit[work.key] += work.payload.units

    def drop_done(self) -> None:
        for key, line in list(self.lines.items()):
            alive = deque(work for work in line if not work.future.done())
            if alive:
                self.lines[key] = alive
            else:
                self._forget(key)

    def _forget(self, key: str | None) -> None:
        del self.lines[key], self._credit[key]
        self._turns.remove(key)
