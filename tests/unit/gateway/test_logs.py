"""What a line of the log holds."""

from __future__ import annotations

import logging

import pytest

from gateway.logs import Lines


def an_error(text: str) -> BaseException:
    try:
        try:
            raise KeyError(text)
        except KeyError as exc:
            raise ValueError(text) from exc
    except ValueError as exc:
        return exc


@pytest.mark.parametrize("logger", ["gateway.hot", "gateway.app", "uvicorn.error", "asyncio"])
def test_what_a_request_made_fail_is_told_without_the_text_of_the_error(logger: str) -> None:
    line = written(logger, an_error("jane@example.com"))

    assert "jane@example.com" not in line
    assert "ValueError" in line
    assert "KeyError" in line
    assert "test_logs.py" in line


def test_other_errors_are_told_in_full() -> None:
    line = written("inference.engine", an_error("no weights"))

    assert "ValueError: no weights" in line


def written(logger: str, error: BaseException) -> str:
    record = logging.LogRecord(
        logger, logging.ERROR, __file__, 1, "request failed", None, (type(error), error, error.__traceback__)
    )
    return Lines("gateway").format(record)
