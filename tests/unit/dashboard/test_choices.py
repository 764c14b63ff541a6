"""What the address of a page picks, and how numbers and times are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dashboard import words
from dashboard.event_tables import written
from dashboard.launch import host_names, streamlit_options
from dashboard.subjects import SHOWN, choose, span_of
from storage.records import Window

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(count: int) -> list[Window]:
    return [Window(start=BEGIN + hour * HOUR, end=BEGIN + (hour + 1) * HOUR) for hour in range(count)]


def test_without_a_wish_the_first_is_taken() -> None:
    choice = choose(["b", "a", "b"], None)

    assert (choice.options, choice.chosen, choice.unknown) == (("b", "a"), "b", False)


def test_a_wish_that_is_not_there_is_said_to_be_unknown() -> None:
    choice = choose(["a"], "z")

    assert (choice.chosen, choice.unknown) == ("a", True)


def test_without_a_span_the_newest_windows_are_shown() -> None:
    span = span_of(hours(100), {})

    assert span == Window(start=BEGIN + (100 - SHOWN) * HOUR, end=BEGIN + 100 * HOUR)


def test_a_span_is_taken_as_it_is() -> None:
    span = span_of(hours(100), {"from": "2026-01-01T05:00:00Z", "to": "2026-01-01T07:00:00Z"})

    assert span == Window(start=BEGIN + 5 * HOUR, end=BEGIN + 8 * HOUR)


def test_a_range_ends_with_the_newest_window_and_not_today() -> None:
    span = span_of(hours(100), {"range": "1d"})

    assert span == Window(start=BEGIN + 76 * HOUR, end=BEGIN + 100 * HOUR)


def test_everything_is_everything() -> None:
    span = span_of(hours(1000), {"range": "all"})

    assert span.end - span.start == 1000 * HOUR


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.number(None), "unknown"),
        (words.number(0.0), "0"),
        (words.number(0.123456), "0.1235"),
        (words.number(12345.6), "12,346"),
        (words.share(0.0123), "1.23 %"),
        (words.seconds(0.0042), "4.2 ms"),
        (words.seconds(0.0000042), "4.2 µs"),
        (words.digits(0.1 + 0.2), "0.30000000000000004"),
        (words.stamp(BEGIN), "2026-01-01T00:00:00Z"),
    ],
)
def test_numbers_and_times_are_written_so(written: str, expected: str) -> None:
    assert written == expected


def test_no_page_shows_a_stack_trace_and_nothing_leaves_the_machine() -> None:
    options = streamlit_options("127.0.0.1", 8501, host_names("127.0.0.1", ["dash.example.org"]))

    assert options["client.showErrorDetails"] == "none"
    assert options["browser.gatherUsageStats"] is False
    assert options["logger.hideWelcomeMessage"] is True
    assert options["server.enableXsrfProtection"] is True
    assert options["server.address"] == "127.0.0.1"
    assert options["server.allowedHosts"] == ["127.0.0.1", "::1", "localhost", "dash.example.org"]


@pytest.mark.parametrize("form", [words.number, words.brief])
def test_what_is_no_number_and_what_has_no_end_can_be_written(form: Callable[[float | None], str]) -> None:
    assert [form(each) for each in (math.nan, math.inf, -math.inf)] == ["nan", "inf", "-inf"]


def test_a_value_that_is_cut_in_a_table_says_so() -> None:
    assert written("x" * 3_000) == "x" * 2_000 + "… (of 3,000 characters)"
    assert written([math.nan, 0.5, 2.0]) == "nan, 0.5, 2"
