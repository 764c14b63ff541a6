"""What a monitor remembers of a pane of traffic: integer counts that add, and its worst examples.

Nothing else: never the rows. Additions in any order give the same bits.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST_EXAMPLES = 20
"""Of each name, the examples with the greatest scores are kept."""


class SummaryMismatchError(ValueError):
    """Two summaries were counted against different references, or in cells of another shape.

    Never add them.
    """


class Example(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where a remarkable row lies: the row itself stays in its segment, and goes with it."""

    score: int  # in millionths
    producer: str
    segment: int
    offset: int
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Named arrays of 64-bit integers that add, and named examples of which the greatest are kept.

    `counts` maps a name to an int64 array of any fixed shape (a scalar count is an array of no dimensions).
    A name that one side lacks counts as zero there, so `Summary()` is the neutral element. `reference` is
    the hash of the reference whose bins were used. `examples` are no counts, so a difference keeps those of
    its left side that its right side lacks.
    """

    counts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    reference: str | None = None
    examples: Mapping[str, tuple[Example, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        counts: Mapping[str, object],
        reference: str | None = None,
        examples: Mapping[str, Iterable[Example]] | None = None,
    ) -> Summary:
        """Make one from ints, lists or arrays of integers."""
        return cls(
            {name: np.asarray(cells, dtype=np.int64) for name, cells in counts.items()},
            reference,
            {name: _greatest(found) for name, found in (examples or {}).items()},
        )

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        return self.counts[name]

    def __contains__(self, name: str) -> bool:
        return name in self.counts

    def count(self, name: str) -> int:
        """One scalar count; zero where nothing was counted."""
        return int(self.counts[name]) if name in self.counts else 0

    def __bool__(self) -> bool:
        return any(cells.any() for cells in self.counts.values()) or any(self.examples.values())

    def __add__(self, other: Summary) -> Summary:
        names = dict.fromkeys((*self.examples, *other.examples))
        examples = {
            name: _greatest((*self.examples.get(name, ()), *other.examples.get(name, ()))) for name in names
        }
        return self._merge(other, 1, examples)

    def __sub__(self, other: Summary) -> Summary:
        examples = {
            name: tuple(each for each in mine if each not in other.examples.get(name, ()))
            for name, mine in self.examples.items()
        }
        return self._merge(other, -1, examples)

    def __eq__(self, other: object) -> bool:
        """Equal in every cell, where a cell of zero and an absent one are the same."""
        if not isinstance(other, Summary):
            return NotImplemented
        names = self.counts.keys() | other.counts.keys()
        kinds = self.examples.keys() | other.examples.keys()
        if any(self.examples.get(kind, ()) != other.examples.get(kind, ()) for kind in kinds):
            return False
        return all(np.array_equal(self._cells(name, other), other._cells(name, self)) for name in names)

    __hash__ = None  # type: ignore[assignment]  # arrays inside: equal ones could not share a hash cheaply

    def to_bytes(self) -> bytes:
        """The same bytes for equal counts, whatever their order."""
        cells = [
            (name, counts.shape, counts.astype("<i8", copy=False).tobytes())
            for name, counts in sorted(self.counts.items())
        ]
        examples = [(name, found) for name, found in sorted(self.examples.items()) if found]
        return msgspec.msgpack.encode(
            (self.reference, cells, examples) if examples else (self.reference, cells)
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Summary:
        packed = _SUMMARY.decode(data)
        counts = {
            name: np.frombuffer(raw, dtype="<i8").reshape(shape).astype(np.int64)
            for name, shape, raw in packed.cells
        }
        return cls(counts, packed.reference, dict(packed.examples))

    def _merge(self, other: Summary, sign: int, examples: Mapping[str, tuple[Example, ...]]) -> Summary:
        if self.counts and other.counts and self.reference != other.reference:
            raise SummaryMismatchError(f"counted against references {self.reference} and {other.reference}")
        merged = dict(self.counts)
        for name, cells in other.counts.items():
            mine = merged.get(name)
            if mine is not None and mine.shape != cells.shape:
                raise SummaryMismatchError(f"cells '{name}' have shapes {mine.shape} and {cells.shape}")
            merged[name] = sign * cells if mine is None else mine + sign * cells
        return Summary(merged, self.reference if self.counts else other.reference, examples)

    def _cells(self, name: str, other: Summary) -> NDArray[np.int64]:
        return self.counts[name] if name in self.counts else np.zeros_like(other.counts[name])


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    """A summary as bytes."""

    reference: str | None
    cells: list[tuple[str, tuple[int, ...], bytes]]
    examples: list[tuple[str, tuple[Example, ...]]] = []


_SUMMARY = msgspec.msgpack.Decoder(_Packed)


def _greatest(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The greatest scores first; of equal scores the greatest place, so that any order gives the same."""
    return tuple(heapq.nlargest(MOST_EXAMPLES, dict.fromkeys(examples)))
