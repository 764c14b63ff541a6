"""From texts to hashed n-grams of words and characters, in numpy: no vocabulary, so none can be read back.

A text is cut into words and signs, in lower case, each between two blanks. A word n-gram is n of them in a
row; a character n-gram is n characters in a row that do not go beyond a blank. Each is hashed to a bucket.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOKEN = re.compile(r"\w+|[^\w\s]")
_BLANK = ord(" ")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_HALF, _ONE = np.uint64(32), np.uint64(1)

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grams:
    """The distinct n-grams of a batch of texts, ordered by text: `counts` of each of `buckets`.

    Text k has those from `offsets[k]` up to the next text's.
    """

    buckets: Places
    counts: NDArray[np.float32]
    offsets: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashing:
    """Which n-grams are taken, and into how many buckets they are hashed."""

    words: tuple[int, int]
    characters: tuple[int, int]
    buckets: int

    def word_grams(self, texts: Sequence[str]) -> Grams:
        """Runs of whole words and signs."""
        points, ends = _joined(texts)
        blanks = np.flatnonzero(points == _BLANK)
        starts, stops = blanks[:-1], blanks[1:]
        real = stops - starts > 1
        starts, stops = starts[real] + 1, stops[real]
        rows = np.searchsorted(ends, starts, side="right")
        hashes = _hashes_of_words(points, starts, stops)
        return self._counted(_runs(hashes, rows, self.words), len(texts))

    def character_grams(self, texts: Sequence[str]) -> Grams:
        """Runs of characters within a word, its borders included."""
        points, ends = _joined(texts)
        rows = np.searchsorted(ends, np.arange(len(points)), side="right")
        blanks = np.cumsum(points == _BLANK)
        found = []
        shortest, longest = self.characters
        hashes = np.zeros(len(points), dtype=np.uint64)
        for length in range(1, longest + 1):
            count = max(0, len(points) - length + 1)
            hashes = hashes[:count] * _BASE + points[length - 1 :][:count]
            if length < shortest:
                continue
            within = blanks[length - 2 :][:count] == blanks[:count]  # no blank but at its ends
            found.append((_mixed(hashes + np.uint64(length))[within], rows[:count][within]))
        return self._counted(found, len(texts))

    def _counted(self, found: Sequence[tuple[Hashes, Places]], texts: int) -> Grams:
        buckets = np.concatenate([hashes % np.uint64(self.buckets) for hashes, _ in found]).astype(np.int64)
        rows = np.concatenate([rows for _, rows in found])
        keys, counts = np.unique(rows * self.buckets + buckets, return_counts=True)
        offsets = np.searchsorted(keys, np.arange(texts) * self.buckets)
        return Grams(buckets=keys % self.buckets, counts=counts.astype(np.float32), offsets=offsets)


def _joined(texts: Sequence[str]) -> tuple[Hashes, Places]:
    """The code points of all texts in a row, and where each text ends. Each begins and ends with a blank."""
    spaced = [f" {' '.join(_TOKEN.findall(text.lower()))} " for text in texts]
    ends = np.cumsum([len(text) for text in spaced], dtype=np.int64)
    encoded = "".join(spaced).encode("utf-32-le", "surrogatepass")  # half a pair is a character like others
    return np.frombuffer(encoded, dtype="<u4").astype(np.uint64), ends


def _hashes_of_words(points: Hashes, starts: Places, stops: Places) -> Hashes:
    """A polynomial in the code points of each word, modulo 2**64. Never 0 for a word of zeros."""
    if not len(starts):
        return np.zeros(0, dtype=np.uint64)
    lengths = stops - starts
    firsts = np.cumsum(lengths) - lengths
    inner = np.arange(int(lengths.sum())) - np.repeat(firsts, lengths)
    powers = np.cumprod(np.full(int(lengths.max()), _BASE))
    return np.add.reduceat((points[inner + np.repeat(starts, lengths)] + _ONE) * powers[inner], firsts)


def _runs(hashes: Hashes, rows: Places, lengths: tuple[int, int]) -> list[tuple[Hashes, Places]]:
    """The hashes of every run of words that stays within its text."""
    shortest, longest = lengths
    found = []
    joined = np.zeros(len(hashes), dtype=np.uint64)
    for length in range(1, longest + 1):
        count = max(0, len(hashes) - length + 1)
        joined = _mixed(joined[:count] * _BASE + hashes[length - 1 :][:count])
        if length < shortest:
            continue
        within = rows[:count] == rows[length - 1 :][:count]
        found.append((joined[within], rows[:count][within]))
    return found


def _mixed(hashes: Hashes) -> Hashes:
    """Every bit of the outcome depends on every bit that came in (the finaliser of MurmurHash3)."""
    for factor in _MIX:
        hashes = (hashes ^ (hashes >> _HALF)) * factor
    return hashes ^ (hashes >> _HALF)
