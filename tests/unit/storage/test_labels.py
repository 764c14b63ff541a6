"""Which of several labels of one row holds, and what is left when one is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from itertools import permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from storage.records import EventId
from storage.settling import Label, LabelValue, Settled, settle
from tests.helpers.events import START

EVENT = EventId(producer="a", segment=1, offset=50)


def label(value: LabelValue | None, minutes: int, place: int = 1) -> Label:
    return Label(
        event=EVENT,
        row=0,
        said=value,
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


def taken(labels: Sequence[Label]) -> list[Settled]:
    """What each of them changes, in the order in which they come."""
    found: list[Settled] = []
    for each in labels:
        found.append(settle(found[-1].winner if found else None, each))
    return found


def test_a_label_that_is_taken_back_leaves_the_row_as_it_was() -> None:
    first, second = taken([label("1", 0), label(None, 5)])

    assert (second.before, second.after, second.changed) == ("1", None, True)
    assert second.labelled_at == first.labelled_at  # so that its delay is taken out too
    assert (second.conflict, second.conflict_over) == (False, False)


def test_what_is_taken_back_before_it_was_said_stays_said() -> None:
    assert not taken([label("1", 5), label(None, 0)])[-1].changed
    assert taken([label(None, 0), label("1", 5)])[-1].after == "1"


def test_another_answer_after_taking_back_is_no_conflict() -> None:
    told = taken([label("1", 0), label(None, 1), label("0", 2)])

    assert [each.conflict for each in told] == [False, False, False]
    assert (told[-1].before, told[-1].after) == (None, "0")


def test_a_taking_back_that_comes_late_ends_the_conflict_with_what_it_took_back() -> None:
    told = taken([label("1", 0), label("0", 2), label(None, 1)])

    assert [(each.conflict, each.conflict_over) for each in told] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    assert (told[-1].before, told[-1].after) == ("0", "0")


SENT = st.lists(st.tuples(st.sampled_from(["0", "1", "2", None]), st.integers(0, 3)), min_size=1, max_size=5)


@given(SENT)
def test_every_order_of_arrival_ends_as_the_law_says(sent: list[tuple[str | None, int]]) -> None:
    labels = [label(value, minutes, place=place) for place, (value, minutes) in enumerate(sent)]
    standing = _standing(labels)
    truth = standing[-1].said if standing else None
    conflict = len({each.said for each in standing}) > 1

    for order in permutations(labels):
        told = taken(order)

        assert (told[-1].after, told[-1].winner.conflict) == (truth, conflict)
        assert sum(each.conflict - each.conflict_over for each in told) == conflict
        believed = reduce(_believed, told, None)
        assert believed == truth


@given(SENT, st.randoms(use_true_random=False))
def test_one_that_comes_twice_changes_nothing_the_second_time(
    sent: list[tuple[str | None, int]], random: Random
) -> None:
    labels = [label(value, minutes, place=place) for place, (value, minutes) in enumerate(sent)]

    told = taken([*labels, random.choice(labels)])

    assert not told[-1].changed
    assert told[-1].winner == told[-2].winner


@given(SENT)
def test_delays_are_counted_once_for_each_row_that_has_a_label(sent: list[tuple[str | None, int]]) -> None:
    labels = [label(value, minutes, place=place) for place, (value, minutes) in enumerate(sent)]

    for order in permutations(labels):
        told = taken(order)
        counted = [each.labelled_at for each in told if each.before is None and each.after is not None]
        taken_out = [each.labelled_at for each in told if each.before is not None and each.after is None]

        assert sorted(counted) == sorted([*taken_out, *filter(None, [told[-1].winner.known_at])])


def _standing(labels: Sequence[Label]) -> list[Label]:
    """Those that were not taken back, in the order of the law."""
    ordered = sorted(labels, key=lambda each: each.moment)
    last = max((place for place, each in enumerate(ordered) if each.said is None), default=-1)
    return ordered[last + 1 :]


def _believed(before: LabelValue | None, settled: Settled) -> LabelValue | None:
    """Each change begins where the one before ended."""
    assert settled.before == before
    return settled.after
