"""Hashed n-grams: the same as counting them by hand, whatever the text and whatever stands beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends.hashing import Grams, Hashing

PLENTY = 1 << 40  # buckets: two n-grams practically never share one
HASHING = Hashing(words=(1, 2), characters=(3, 5), buckets=PLENTY)
TEXTS = st.lists(st.text(st.characters(exclude_categories=()), max_size=40), min_size=1, max_size=6)


def words_of(text: str) -> Counter[str]:
    tokens = re.findall(r"\w+|[^\w\s]", text.lower())
    return Counter([*tokens, *(" ".join(pair) for pair in pairwise(tokens))])


def characters_of(text: str) -> Counter[str]:
    bordered = [f" {token} " for token in re.findall(r"\w+|[^\w\s]", text.lower())]
    return Counter(
        token[start : start + length]
        for token in bordered
        for length in (3, 4, 5)
        for start in range(len(token) - length + 1)
    )


def rows_of(grams: Grams) -> list[list[tuple[int, float]]]:
    cuts = grams.offsets[1:]
    pairs = zip(np.split(grams.buckets, cuts), np.split(grams.counts, cuts), strict=True)
    return [list(zip(buckets.tolist(), counts.tolist(), strict=True)) for buckets, counts in pairs]


def agree(grams: Grams, expected: Sequence[Counter[str]]) -> None:
    """Each n-gram has one bucket, everywhere, and its count."""
    rows = rows_of(grams)
    assert len(rows) == len(expected)
    for row, counter in zip(rows, expected, strict=True):
        assert sorted(count for _, count in row) == sorted(counter.values())
    every = {bucket for row in rows for bucket, _ in row}
    assert len(every) == len({gram for counter in expected for gram in counter})


@given(TEXTS)
def test_words_and_pairs_of_words_are_counted(texts: list[str]) -> None:
    agree(HASHING.word_grams(texts), [words_of(text) for text in texts])


@given(TEXTS)
def test_characters_are_counted_within_words(texts: list[str]) -> None:
    agree(HASHING.character_grams(texts), [characters_of(text) for text in texts])


@pytest.mark.parametrize("grams", [HASHING.word_grams, HASHING.character_grams])
def test_a_text_has_the_same_n_grams_beside_others_as_alone(grams: Callable[[Sequence[str]], Grams]) -> None:
    texts = ["one two", "", "two one two", "  ", "ONE, two!", "日本 語"]

    together = rows_of(grams(texts))

    assert together == [rows_of(grams([text]))[0] for text in texts]
    assert together[1] == together[3] == []


def test_case_and_spacing_do_not_matter() -> None:
    assert (
        rows_of(HASHING.word_grams(["Good  Morning", " good morning\n"]))[0]
        == (rows_of(HASHING.word_grams(["Good  Morning", " good morning\n"]))[1])
    )


def test_order_matters_to_pairs_of_words() -> None:
    one, other = rows_of(HASHING.word_grams(["man bites dog", "dog bites man"]))

    assert len(set(one) & set(other)) == 3  # the words; not one of the pairs


def test_half_a_surrogate_pair_is_hashed_like_any_character() -> None:
    assert len(rows_of(HASHING.character_grams(["a\ud800b"]))[0]) == 3  # each between its blanks


def test_buckets_are_used_evenly() -> None:
    texts = [f"word{n}" for n in range(20_000)]
    hashing = Hashing(words=(1, 1), characters=(3, 3), buckets=64)

    buckets = hashing.word_grams(texts).buckets

    # chi-squared with 63 degrees of freedom: 103.4 is exceeded by chance once in a thousand
    expected = 20_000 / 64
    assert ((np.bincount(buckets, minlength=64) - expected) ** 2 / expected).sum() < 103.4
