"""How the processes log: one line, an event name, then its fields, quoted, for they may hold anything."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def set_up_logging(process: str) -> None:
    """To stderr, from INFO up for ours, from WARNING up for others'."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines(process))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("gateway", "inference", "monitors", "storage"):
        logging.getLogger(package).setLevel(logging.INFO)


class _Lines(logging.Formatter):
    """`2026-01-01T00:00:00Z INFO gateway model ready model='m' version='1'`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = " ".join(f"{name}={value!r}" for name, value in vars(record).items() if name not in _OWN)
        line = f"{at} {record.levelname} {self._process} {record.getMessage()} {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line
