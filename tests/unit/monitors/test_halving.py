"""Bad items are found, and all others are used, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.process.halving import TRIES, digest
from storage.errors import DatabaseUnavailableError


@given(items=st.lists(st.integers(0, 1_000), unique=True), bad=st.sets(st.integers(0, 1_000)))
def test_the_sum_of_all_but_the_bad_items_is_found(items: list[int], bad: set[int]) -> None:
    def total(some: Sequence[int]) -> int:
        if bad & set(some):
            raise ValueError("poison")
        return sum(some)

    found = digest(items, total)

    assert sum(found.results) == sum(set(items) - bad)
    assert [item for item, _ in found.bad] == [item for item in items if item in bad]
    assert {error for _, error in found.bad} <= {"ValueError: poison"}


def test_what_fails_only_for_a_moment_is_no_fault_of_the_items() -> None:
    tries = iter(range(TRIES))

    def shaky(some: Sequence[int]) -> int:
        if next(tries) < TRIES - 1:
            raise TimeoutError
        return sum(some)

    found = digest([1, 2, 3], shaky)

    assert found.results == [6]
    assert found.bad == []


def test_the_database_is_never_the_fault_of_an_item() -> None:
    def away(some: Sequence[int]) -> int:
        raise DatabaseUnavailableError("away")

    with pytest.raises(DatabaseUnavailableError):
        digest([1, 2, 3], away)


def test_nothing_is_observed_of_nothing() -> None:
    assert digest([], len).results == []
