"""Makes one report in a process of its own, which gives way to others: `python -m monitors.reporting.child`.

The first line of its input is a `Task`; when its input ends before it is through, whoever started it is gone,
and so it ends too. Each line that it writes is how far it is. What became of it lies in the file of the task.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from pathlib import Path

import msgspec

from monitors.errors import MonitorError
from storage.errors import StorageError
from storage.records import ReportWish
from storage.reports import MadeReport

LOWEST_PRIORITY = 19
MOST_BYTES = 2 << 30
"""What it may hold: a report of 50,000 rows of 500 columns needs less than half of it."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to make, from which database, and where to put it."""

    wish: ReportWish
    url: str
    result: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: one of the two."""

    made: MadeReport | None = None
    failed: str | None = None  # why there is none, in words for whoever asked


def main() -> None:
    """Read the task, do it, write the result."""
    os.nice(LOWEST_PRIORITY)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    result = _result_of(task)
    draft = Path(f"{task.result}.draft")
    draft.write_bytes(msgspec.msgpack.encode(result))
    draft.replace(task.result)


def _result_of(task: Task) -> Result:
    from monitors.report import make_report  # noqa: PLC0415  after the priority is low: it takes a while
    from storage.database import open_reader  # noqa: PLC0415  as above
    from storage.settings import DatabaseSettings  # noqa: PLC0415  as above

    database = open_reader(DatabaseSettings(url=task.url))
    try:
        return Result(made=make_report(database, task.wish, progress=_tell))
    except (MonitorError, StorageError) as exc:
        return Result(failed=str(exc))
    except MemoryError:
        return Result(failed="its rows need too much memory: ask for a shorter window or a slice")
    finally:
        database.close()


def _tell(progress: float) -> None:
    sys.stdout.write(f"{progress:.3f}\n")
    sys.stdout.flush()


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
