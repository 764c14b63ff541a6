"""Rows as a report takes them: numbers, and names of categories; what cannot be read as such is missing.

A text stands for itself only by its length, as in drift, so no report holds one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from inference.manifest import ModelSpec, Task
from monitors.errors import InvalidReferenceError
from monitors.frames import Frame
from monitors.labels import can_be_right, label_of
from storage.records import Value

MOST_VALUES = 200
"""Different names in one column, of both sides together, that a report tells apart."""
OTHERS = "(other values)"

REFERENCE_ROWS = 5_000
"""Rows of a reference that are kept, for reports."""

_FORMAT = 1
_LARGEST = 1 << 28
_SEED = 20_260_101  # the same rows of a file each time

Names = NDArray[np.object_]
"""Names of categories; None: missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows as columns."""

    n: int
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # NaN: missing
    categories: Mapping[str, Names] = field(default_factory=dict)
    labels: Names | None = None  # classes or numbers, None where there is none; None as a whole: not known

    def take(self, index: NDArray[np.intp]) -> Rows:
        """Some of the rows."""
        return Rows(
            n=len(index),
            numbers={name: values[index] for name, values in self.numbers.items()},
            categories={name: values[index] for name, values in self.categories.items()},
            labels=None if self.labels is None else self.labels[index],
        )

    @property
    def with_label(self) -> NDArray[np.intp]:
        """Which of them have one."""
        if self.labels is None:
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero([each is not None for each in self.labels])


def rows_of(frame: Frame, manifest: ModelSpec, labels: Sequence[Value] | None = None) -> Rows:
    """The rows of a frame, with the labels that are given, or else with its own."""
    said = frame.labels if labels is None else labels
    meant = None
    if said is not None and can_be_right(manifest):
        meant = _names([None if each is None else label_of(each, manifest) for each in said])
    return Rows(
        n=frame.rows,
        numbers={name: _numbers(frame, name) for name, column in frame.columns.items() if column.is_number},
        categories={
            name: _categories(frame, name) for name, column in frame.columns.items() if column.is_category
        },
        labels=meant,
    )


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of the same columns after each other."""
    if len(parts) == 1:
        return parts[0]
    labels = [each.labels for each in parts if each.labels is not None]
    return Rows(
        n=sum(each.n for each in parts),
        numbers={name: np.concatenate([each.numbers[name] for each in parts]) for name in parts[0].numbers},
        categories={
            name: np.concatenate([each.categories[name] for each in parts]) for name in parts[0].categories
        },
        labels=np.concatenate(labels) if len(labels) == len(parts) else None,
    )


def with_few_values(
    sides: tuple[Rows, Rows], columns: Collection[str]
) -> tuple[tuple[Rows, Rows], list[str]]:
    """Both sides with the rarest names of these columns as one, and which columns had too many."""
    found = [dict(side.categories) for side in sides]
    long = []
    for name in sorted(found[0].keys() & found[1].keys() & set(columns)):
        counts = Counter(chain.from_iterable(side[name].tolist() for side in found))
        del counts[None]
        if len(counts) <= MOST_VALUES:
            continue
        long.append(name)
        known = {value for value, _ in counts.most_common(MOST_VALUES)} | {None}
        for side in found:
            side[name] = _names([each if each in known else OTHERS for each in side[name].tolist()])
    first, second = (replace(side, categories=few) for side, few in zip(sides, found, strict=True))
    return (first, second), long


def sample_of_reference(frame: Frame, manifest: ModelSpec) -> Rows:
    """The rows of a reference that are kept beside it."""
    rows = rows_of(frame, manifest)
    if rows.n <= REFERENCE_ROWS:
        return rows
    chosen = np.random.default_rng(_SEED).choice(rows.n, REFERENCE_ROWS, replace=False)
    return rows.take(np.sort(chosen))


class _Stored(msgspec.Struct, kw_only=True):
    format: int
    reference: str  # its hash
    n: int
    numbers: dict[str, list[float | None]]
    categories: dict[str, list[str | None]]
    labels: list[str | float | None] | None


def to_bytes(rows: Rows, reference: str) -> bytes:
    """A file's or a database's worth of them. `reference` is the hash of what they are a sample of."""
    stored = _Stored(
        format=_FORMAT,
        reference=reference,
        n=rows.n,
        numbers={
            name: [None if np.isnan(each) else each for each in values.tolist()]
            for name, values in rows.numbers.items()
        },
        categories={name: values.tolist() for name, values in rows.categories.items()},
        labels=None if rows.labels is None else rows.labels.tolist(),
    )
    return zstandard.ZstdCompressor(level=9).compress(msgspec.msgpack.encode(stored))


def from_bytes(data: bytes) -> tuple[Rows, str]:
    """They, and the hash of their reference. Raises `InvalidReferenceError`."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=_LARGEST)
        stored = msgspec.msgpack.decode(raw, type=_Stored)
    except (zstandard.ZstdError, msgspec.MsgspecError) as exc:
        raise InvalidReferenceError(
            "these bytes are no rows of a reference; make it anew with `inferwatch reference set`"
        ) from exc
    lengths = {*map(len, stored.numbers.values()), *map(len, stored.categories.values())}
    lengths |= set() if stored.labels is None else {len(stored.labels)}
    if stored.format != _FORMAT or not lengths <= {stored.n}:
        raise InvalidReferenceError("the rows of the reference are not as they were written; make it anew")
    rows = Rows(
        n=stored.n,
        numbers={name: np.array(values, dtype=np.float64) for name, values in stored.numbers.items()},
        categories={name: _names(values) for name, values in stored.categories.items()},
        labels=None if stored.labels is None else _names(stored.labels),
    )
    return rows, stored.reference


def target_of(manifest: ModelSpec, rows: Rows) -> str:
    """What the column of labels is called: by no name that another column has."""
    name = manifest.label or "label"
    while name in rows.numbers or name in rows.categories:
        name += " (label)"
    return name


def prediction_of(manifest: ModelSpec) -> str:
    """The output that a label is compared with."""
    return manifest.outputs.name if manifest.task is Task.REGRESSION else "class"


def _numbers(frame: Frame, name: str) -> NDArray[np.float64]:
    numbers = frame.numbers(name)
    return np.where(numbers.present, numbers.values, np.nan)


def _categories(frame: Frame, name: str) -> Names:
    groups = frame.categories(name)
    names = _names([*groups.names, None])
    return names[np.where(groups.codes >= 0, groups.codes, len(groups.names))]


def _names(values: Sequence[str | float | None]) -> Names:
    found = np.empty(len(values), dtype=np.object_)
    found[:] = values
    return found
