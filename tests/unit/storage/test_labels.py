"""Which of several labels of one row holds."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from storage.labels import Label, Settled, settle
from storage.records import EventId
from tests.helpers.events import START

EVENT = EventId(producer="a", segment=1, offset=50)


def label(value: str | int | bool, minutes: int, place: int = 1) -> Label:
    return Label(
        event=EVENT,
        row=0,
        value=value,
        labelled_at=START + timedelta(minutes=minutes),
        place=EventId(producer="a", segment=2, offset=place),
    )


def test_the_first_label_changes_nothing_into_something() -> None:
    settled = settle(None, label("1", 0))

    assert (settled.before, settled.winner.value, settled.conflict, settled.changed) == (
        None,
        "1",
        False,
        True,
    )


def test_the_same_value_again_changes_nothing() -> None:
    assert not settle(label("1", 0), label("1", 5)).changed


def test_a_later_label_of_another_value_wins_and_is_a_conflict() -> None:
    settled = settle(label("1", 0), label("0", 5))

    assert (settled.before, settled.winner.value, settled.conflict) == ("1", "0", True)


def test_an_earlier_label_that_comes_late_does_not_win_but_is_a_conflict() -> None:
    settled = settle(label("1", 5), label("0", 0))

    assert (settled.before, settled.winner.value, settled.conflict, settled.changed) == ("1", "1", True, True)


def test_of_two_labels_of_one_time_the_later_place_wins() -> None:
    assert settle(label("1", 0, place=2), label("0", 0, place=9)).winner.value == "0"
    assert settle(label("1", 0, place=9), label("0", 0, place=2)).winner.value == "1"


def test_true_and_one_are_two_values() -> None:
    assert settle(label(1, 0), label(True, 5)).conflict


@given(st.lists(st.tuples(st.sampled_from(["0", "1", "2"]), st.integers(0, 3)), min_size=1, max_size=4))
def test_every_order_of_arrival_ends_the_same(sent: list[tuple[str, int]]) -> None:
    labels = [label(value, minutes, place=place) for place, (value, minutes) in enumerate(sent)]

    ends = {_end(order) for order in permutations(labels)}

    assert len(ends) == 1


def _end(labels: tuple[Label, ...]) -> tuple[object, bool, int]:
    """The value in the end, whether there was a conflict, and how often one was told."""
    conflicts = 0

    def take(held: Label | None, new: Label) -> Label:
        nonlocal conflicts
        settled: Settled = settle(held, new)
        conflicts += settled.conflict
        return settled.winner

    last = reduce(take, labels, None)
    assert last is not None
    return last.value, last.conflict, conflicts
