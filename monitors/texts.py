"""What each value of a text column is: a text that can be scored, or why it is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from storage.records import Value


class TextKind(IntEnum):
    """Of one value. No row is of two kinds."""

    TEXT = 0  # can be scored
    EMPTY = 1  # nothing, or nothing but blanks
    MISSING = 2
    WRONG_TYPE = 3
    INVALID = 4  # half a surrogate pair: no Unicode text


def text_kind(value: Value) -> TextKind:
    """What one value is."""
    if type(value) is not str:
        absent = value is None or (isinstance(value, float) and math.isnan(value))
        return TextKind.MISSING if absent else TextKind.WRONG_TYPE
    if not value.strip():
        return TextKind.EMPTY
    if value.isascii():
        return TextKind.TEXT
    try:
        value.encode()
    except UnicodeEncodeError:
        return TextKind.INVALID
    return TextKind.TEXT


def text_kinds(values: Sequence[Value]) -> NDArray[np.int8]:
    """The same of a whole column."""
    return np.fromiter(map(text_kind, values), dtype=np.int8, count=len(values))
