"""Which texts run together: neighbours in length, so that little of a batch is padding. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one batch may hold."""

    rows: int
    tokens: int  # padded: rows x the longest
    padding: float  # share of the padded tokens that may be padding


class Block(Protocol):
    """The size of what is placed as a whole."""

    @property
    def rows(self) -> int: ...

    @property
    def units(self) -> int:
        """Tokens, without padding."""

    @property
    def length(self) -> int:
        """Tokens of its longest row."""


def choose(blocks: Sequence[Block], room: Room) -> list[int]:
    """Places of the blocks that run now: the first, and those nearest to its length that fit with it."""
    first = blocks[0]
    order = sorted(range(1, len(blocks)), key=lambda place: abs(blocks[place].length - first.length))
    chosen, rows, tokens, longest = [0], first.rows, first.units, first.length
    for place in order:
        block = blocks[place]
        longest_then = max(longest, block.length)
        if not _fits(rows + block.rows, tokens + block.units, longest_then, room):
            continue
        chosen.append(place)
        rows, tokens, longest = rows + block.rows, tokens + block.units, longest_then
        if rows == room.rows:
            break
    return sorted(chosen)


def cut(lengths: Sequence[int], room: Room) -> list[list[int]]:
    """The rows of one request in groups of near length, each of which fits a batch."""
    groups: list[list[int]] = []
    group: list[int] = []
    tokens = 0
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        length = lengths[place]  # the longest so far
        if group and not _fits(len(group) + 1, tokens + length, length, room):
            groups.append(group)
            group, tokens = [], 0
        group.append(place)
        tokens += length
    if group:
        groups.append(group)
    return groups


def _fits(rows: int, tokens: int, longest: int, room: Room) -> bool:
    padded = rows * longest
    return rows <= room.rows and padded <= room.tokens and padded - tokens <= room.padding * padded
