"""The groups that a column, a tag or an intersection of them tells apart: a bounded number of them, by label.

Which values stand alone is asked of `admit`: in traffic it is decided once and kept in SQL, in the rows of a
file the most frequent do. The rest is `other`. The label of a group is what pages and mails call it:
`race=Caucasian`, or `race=Caucasian & sex=Female`. In a value `&` and `|` are doubled, so that no two groups,
and no two pairs of groups, are called the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inference.manifest import ModelSpec
from monitors.columns import Categories
from monitors.frames import Frame

OTHER = "other"
LONGEST = 100
"""Characters of a value that is watched apart."""
LONGEST_TOGETHER = 300
"""And of an intersection: its label is part of a key in SQL."""
MOST_IN_FILES = 50
AND, BETWEEN = " & ", " | "

Admit = Callable[[str, Sequence[str]], frozenset[str]]
"""Which values of a name stand alone, of those that were seen, the most frequent first."""


def with_protected_groups(frame: Frame, manifest: ModelSpec, admit: Admit) -> Frame:
    """The frame with the groups of each grouping that the manifest protects."""
    if not manifest.groupings:
        return frame
    single = {
        name: bounded(frame.groups(name), name, admit) for names in manifest.groupings for name in names
    }
    labelled = {name: _labelled(name, groups) for name, groups in single.items()}
    groupings = {}
    for names in manifest.groupings:
        together = AND.join(names)
        groupings[together] = labelled[names[0]]
        for name in names[1:]:
            groupings[together] = _crossed(groupings[together], labelled[name])
        if len(names) > 1:
            crossed = bounded(groupings[together], together, admit, longest=LONGEST_TOGETHER)
            groupings[together] = _rest_called(crossed, together)
    return frame.grouped(groupings)


def of_file(frame: Frame, manifest: ModelSpec) -> Frame:
    """Rows of a file with their protected groups: the most frequent stand alone."""
    return with_protected_groups(frame, manifest, lambda _, values: frozenset(values[:MOST_IN_FILES]))


def bounded(groups: Categories, name: str, admit: Admit, *, longest: int = LONGEST) -> Categories:
    """Groups of which all but the admitted are `other`. A row without a value stays in none."""
    present, counts = np.unique(groups.codes[groups.codes >= 0], return_counts=True)
    if not len(present):
        return Categories(names=(), codes=_missing(groups.codes))
    frequent = [groups.names[code] for code in present[np.argsort(-counts, kind="stable")]]
    admitted = admit(name, [value for value in frequent if _can_stand_alone(value, longest)])
    names = [value if value in admitted else OTHER for value in groups.names]
    return _renamed(groups, names)


def label_of_pair(one: str, other: str) -> str:
    """What two groups that are compared are called."""
    return f"{one}{BETWEEN}{other}"


def names_in(label: str) -> tuple[str, ...]:
    """What a group differs in, by its label."""
    return tuple(part.partition("=")[0] for part in label.split(AND))


def _can_stand_alone(value: str, longest: int) -> bool:
    """Short, on one line, and something that a page and a mail can show."""
    return 0 < len(value) <= longest and value.isprintable() and value != OTHER


def _labelled(name: str, groups: Categories) -> Categories:
    escaped = [value.replace("&", "&&").replace("|", "||") for value in groups.names]
    return Categories(names=tuple(f"{name}={value}" for value in escaped), codes=groups.codes)


def _crossed(a: Categories, b: Categories) -> Categories:
    """A group for each pair of groups that occurs. A row that is in none on one side is in none."""
    inside = (a.codes >= 0) & (b.codes >= 0)
    pairs, places = np.unique(a.codes[inside] * len(b.names) + b.codes[inside], return_inverse=True)
    names = tuple(f"{a.names[pair // len(b.names)]}{AND}{b.names[pair % len(b.names)]}" for pair in pairs)
    codes = _missing(a.codes)
    codes[inside] = places
    return Categories(names=names, codes=codes)


def _rest_called(groups: Categories, together: str) -> Categories:
    names = [f"{together}={OTHER}" if name == OTHER else name for name in groups.names]
    return Categories(names=tuple(names), codes=groups.codes)


def _renamed(groups: Categories, names: Sequence[str]) -> Categories:
    """The groups under other names. Those that share one become one."""
    distinct = list(dict.fromkeys(names))
    places = {name: place for place, name in enumerate(distinct)}
    codes = np.array([places[name] for name in names], dtype=np.int64)[np.maximum(groups.codes, 0)]
    return Categories(names=tuple(distinct), codes=np.where(groups.codes >= 0, codes, Categories.MISSING))


def _missing(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.full(len(codes), Categories.MISSING, dtype=np.int64)
