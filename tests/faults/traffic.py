"""An app that keeps asking, whatever happens to the server, and remembers what it was answered."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Answers:
    """What came back, as Jepsen accounts for it: acknowledged, refused by the server, or unknown."""

    # the app's own id -> the event id of its answer
    acknowledged: dict[str, str] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)  # sent, but no answer came
    slowest_s: float = 0.0

    @property
    def failed(self) -> int:
        """Answers that were not 200."""
        return sum(n for status, n in self.statuses.items() if status != 200)


@contextmanager
def traffic(
    port: int, path: str, body: Callable[[str], dict[str, object]], *, clients: int = 4, pause_s: float = 0.0
) -> Iterator[Answers]:
    """Ask `clients` at a time until the block ends. `body` makes the request of one id of the app's own."""
    answers, ending, numbers, lock = Answers(), threading.Event(), itertools.count(), threading.Lock()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not ending.is_set():
            app_id = f"app-{next(numbers)}"
            started = time.monotonic()
            try:
                connection.request(
                    "POST", path, json.dumps(body(app_id)), {"Content-Type": "application/json"}
                )
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                with lock:
                    answers.unknown.add(app_id)
                ending.wait(0.05)
                continue
            with lock:
                answers.acknowledged[app_id] = answer.headers["x-request-id"]
                answers.statuses[answer.status] = answers.statuses.get(answer.status, 0) + 1
                answers.slowest_s = max(answers.slowest_s, time.monotonic() - started)
            if pause_s:
                ending.wait(pause_s)
        connection.close()

    threads = [threading.Thread(target=ask, name=f"app-{n}") for n in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ending.set()
        for thread in threads:
            thread.join(60)
