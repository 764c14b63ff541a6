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
from pathlib import Path


@dataclass(slots=True)
class Answers:
    """What came back, as Jepsen accounts for it: acknowledged, refused by the server, or unknown."""

    # the app's own id -> the event id of its answer
    acknowledged: dict[str, str] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)  # sent, but no answer came
    labelled: set[str] = field(default_factory=set)  # ids of events whose label was taken
    slowest_s: float = 0.0

    @property
    def failed(self) -> int:
        """Answers that were not 200."""
        return sum(n for status, n in self.statuses.items() if status != 200)


@contextmanager
def traffic(
    port: int,
    path: str,
    body: Callable[[str], dict[str, object]],
    *,
    clients: int = 4,
    pause_s: float = 0.0,
    label: str | None = None,
) -> Iterator[Answers]:
    """Ask `clients` at a time until the block ends. `body` makes the request of one id of the app's own.

    With `label`, every fourth answer is labelled so, by its event id.
    """
    answers, ending, numbers, lock = Answers(), threading.Event(), itertools.count(), threading.Lock()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not ending.is_set():
            number = next(numbers)
            app_id = f"app-{number}"
            started = time.monotonic()
            try:
                status, event_id = _post(connection, path, body(app_id))
            except (OSError, http.client.HTTPException):
                connection.close()
                with lock:
                    answers.unknown.add(app_id)
                ending.wait(0.05)
                continue
            with lock:
                answers.acknowledged[app_id] = event_id
                answers.statuses[status] = answers.statuses.get(status, 0) + 1
                answers.slowest_s = max(answers.slowest_s, time.monotonic() - started)
            if label is not None and number % 4 == 0 and status == 200:
                _label(connection, event_id, label, answers)
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


def one_row(app_id: str) -> dict[str, object]:
    """A request of one row of thirty numbers, under an id of the app's own."""
    return {"id": app_id, "instances": [_numbers(int(app_id.removeprefix("app-")))]}


def write_rows(file: Path, rows: int = 1000) -> Path:
    """A reference for such requests: a CSV of the same columns."""
    lines = [",".join(f"x{column}" for column in range(30))]
    lines += [",".join(map(str, _numbers(number))) for number in range(rows)]
    file.write_text("\n".join(lines))
    return file


def _numbers(number: int) -> list[float]:
    return [(number * column) % 7 / 7 for column in range(1, 31)]


def _post(connection: http.client.HTTPConnection, path: str, body: dict[str, object]) -> tuple[int, str]:
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers.get("x-request-id", "")


def _label(connection: http.client.HTTPConnection, event_id: str, value: str, answers: Answers) -> None:
    body: dict[str, object] = {"labels": [{"id": event_id, "row": 0, "label": value}]}
    try:
        status, _ = _post(connection, "/api/labels", body)
    except (OSError, http.client.HTTPException):
        connection.close()  # taken or not: nobody knows
        return
    if status == 200:
        answers.labelled.add(event_id)
