"""The slices of a frame: everything, and each value of the columns or tags that the manifest names.

At most so many values of a name are watched apart; which ones is decided once and kept in SQL. The rest is
`other`. The groups of what is protected are bounded in the same way; they are compared, so they stay in the
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from monitors.frames import Frame
from monitors.groupings import bounded, with_protected_groups
from monitors.process.watched import Watched
from storage.database import Database
from storage.records import ALL
from storage.slices import admit_slice_values, slice_values


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
        admit = partial(self._admit, watched)
        parts = [Part(slice=ALL, frame=with_protected_groups(frame, watched.manifest, admit))]
        for name in watched.manifest.slices:
            groups = bounded(frame.groups(name), name, admit)
            parts += [
                Part(slice=f"{name}={groups.names[code]}", frame=frame.where(groups.codes == code))
                for code in np.unique(groups.codes[groups.codes >= 0])
            ]
        return parts

    def _admit(self, watched: Watched, name: str, values: Sequence[str]) -> frozenset[str]:
        model, version = watched.key
        held = self._admitted.get((model, version, name))
        if held is None:
            with self._database.read() as connection:
                held = slice_values(connection, model, version).get(name, frozenset())
        new = [value for value in values if value not in held]
        if new and len(held) < self._most:
            with self._database.write() as connection:
                held = admit_slice_values(connection, model, version, name, new, most=self._most)
        self._admitted[model, version, name] = held
        return held
