"""Length bucketing, by properties."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from inference.bucketing import Room, choose, cut


@dataclass(frozen=True)
class Text:
    """One block of rows of one length."""

    rows: int
    length: int

    @property
    def units(self) -> int:
        return self.rows * self.length


TEXTS = st.lists(st.builds(Text, rows=st.integers(1, 8), length=st.integers(1, 512)), min_size=1, max_size=80)
ROOMS = st.builds(Room, rows=st.integers(1, 64), tokens=st.integers(512, 8192), padding=st.floats(0, 0.33))


@given(texts=TEXTS, room=ROOMS)
def test_the_first_is_always_chosen_and_nothing_twice(texts: list[Text], room: Room) -> None:
    chosen = choose(texts, room)

    assert chosen[0] == 0
    assert len(set(chosen)) == len(chosen)


@given(texts=TEXTS, room=ROOMS)
def test_what_runs_together_keeps_to_rows_tokens_and_padding(texts: list[Text], room: Room) -> None:
    chosen = [texts[place] for place in choose(texts, room)]

    rows = sum(text.rows for text in chosen)
    padded = rows * max(text.length for text in chosen)
    tokens = sum(text.units for text in chosen)
    if len(chosen) > 1:
        assert rows <= room.rows
        assert padded <= room.tokens
        assert (padded - tokens) / padded <= room.padding + 1e-9


@given(texts=TEXTS)
def test_texts_of_one_length_fill_the_batch(texts: list[Text]) -> None:
    same = [Text(rows=1, length=7) for _ in texts]

    chosen = choose(same, Room(rows=16, tokens=16 * 7, padding=0.0))

    assert len(chosen) == min(16, len(same))


@given(lengths=st.lists(st.integers(1, 512), min_size=1, max_size=200), room=ROOMS)
def test_a_request_is_cut_into_groups_that_hold_each_row_once(lengths: list[int], room: Room) -> None:
    groups = cut(lengths, room)

    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))


@given(lengths=st.lists(st.integers(1, 512), min_size=1, max_size=200), room=ROOMS)
def test_every_group_of_a_cut_request_fits_a_batch(lengths: list[int], room: Room) -> None:
    for group in cut(lengths, room):
        padded = len(group) * max(lengths[place] for place in group)
        tokens = sum(lengths[place] for place in group)
        assert len(group) <= room.rows
        assert padded <= room.tokens
        assert (padded - tokens) / padded <= room.padding + 1e-9
