"""The slices of a frame: everything, and each value of the columns or tags that the manifest names.

At most so many values of a name are watched apart; which ones is decided once and kept in SQL. The rest is
`other`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitors.frames import Frame
from monitors.watched import Watched
from storage.database import Database
from storage.records import ALL
from storage.slices import admit_slice_values, slice_values

OTHER = "other"
LONGEST = 100
"""Characters of a value that is watched apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One slice of a frame."""

    slice: str
    frame: Frame


class Slices:
    """Cuts frames into slices."""

    def __init__(self, database: Database, *, most: int) -> None:
        self._database = database
        self._most = most
        self._admitted: dict[tuple[str, str, str], frozenset[str]] = {}

    def of(self, frame: Frame, watched: Watched) -> list[Part]:
        """All slices that have rows here. A row without a value is in no group of that name."""
        parts = [Part(slice=ALL, frame=frame)]
        for name in watched.manifest.slices:
            parts += self._of(frame, watched, name)
        return parts

    def _of(self, frame: Frame, watched: Watched, name: str) -> list[Part]:
        groups = frame.groups(name)
        present, counts = np.unique(groups.codes[groups.codes >= 0], return_counts=True)
        if not len(present):
            return []
        values = {int(code): groups.names[int(code)] for code in present}
        frequent = [values[int(code)] for code in present[np.argsort(-counts, kind="stable")]]
        admitted = self._admit(watched, name, frequent)
        apart = {code: value for code, value in values.items() if value in admitted and value != OTHER}
        parts = [
            Part(slice=f"{name}={value}", frame=frame.where(groups.codes == code))
            for code, value in apart.items()
        ]
        rest = [code for code in values if code not in apart]
        if rest:
            parts.append(Part(slice=f"{name}={OTHER}", frame=frame.where(np.isin(groups.codes, rest))))
        return parts

    def _admit(self, watched: Watched, name: str, values: Sequence[str]) -> frozenset[str]:
        model, version = watched.key
        held = self._admitted.get((model, version, name))
        if held is None:
            with self._database.read() as connection:
                held = slice_values(connection, model, version).get(name, frozenset())
        new = [value for value in values if value not in held and _can_stand_alone(value)]
        if new and len(held) < self._most:
            with self._database.write() as connection:
                held = admit_slice_values(connection, model, version, name, new, most=self._most)
        self._admitted[model, version, name] = held
        return held


def _can_stand_alone(value: str) -> bool:
    """Short, on one line, and something that a page and a mail can show."""
    return 0 < len(value) <= LONGEST and value.isprintable()
