"""How the processes log: one line, an event name, then its fields, quoted, for they may hold anything."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime

_OF_REQUESTS = ("gateway.hot", "gateway.app", "uvicorn", "asyncio")
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def set_up_logging(process: str) -> None:
    """To stderr, from INFO up for ours, from WARNING up for others'."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(process))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("gateway", "inference", "monitors", "storage"):
        logging.getLogger(package).setLevel(logging.INFO)


class Lines(logging.Formatter):
    """`2026-01-01T00:00:00Z INFO gateway model ready model='m' version='1'`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = " ".join(f"{name}={value!r}" for name, value in vars(record).items() if name not in _OWN)
        line = f"{at} {record.levelname} {self._process} {record.getMessage()} {fields}".rstrip()
        if not record.exc_info:
            return line
        if record.name.startswith(_OF_REQUESTS):
            return f"{line}\n{_without_texts(record.exc_info[1])}"
        return f"{line}\n{self.formatException(record.exc_info)}"


def _without_texts(error: BaseException | None) -> str:
    """The kinds and places of an error and of those that led to it: its text may repeat what a user sent."""
    lines: list[str] = []
    while error is not None:
        lines += [*traceback.format_tb(error.__traceback__), f"{type(error).__name__}\n"]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "".join(lines).rstrip()
