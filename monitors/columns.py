"""Which columns of a model are watched, and how the values of one are read: numbers, or groups with a name.

Nothing is coerced: `"12"` where a number belongs is of the wrong type, and so is `True`. None and NaN are
missing. A text is watched through numbers made of it, each a column of its own (`comment.length`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inference.manifest import CategoryInput, ModelSpec, Task
from storage.records import Value

Mask = NDArray[np.bool_]

NUMBER_BINS = 32
SCORE_BINS = 128


class Kind(StrEnum):
    """How the values of a column are read."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    TEXT = "text"
    LENGTH = "length"  # characters of a text column


class Role(StrEnum):
    """On which side of the model a column is."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedColumn:
    """A column that monitors look at."""

    name: str
    kind: Kind
    role: Role
    source: str  # the column of the event that it is read from
    bins: int = NUMBER_BINS
    allowed: frozenset[type] = frozenset()  # types of its values, where it is a category
    categories: tuple[str, ...] = ()  # the values that the model knows, where it is a category
    stands_in: bool = False  # the model has a value of its own for a missing one

    @property
    def is_number(self) -> bool:
        """Whether it is binned by quantiles."""
        return self.kind in (Kind.NUMBER, Kind.LENGTH)

    @property
    def is_category(self) -> bool:
        """Whether it has groups."""
        return self.kind in (Kind.CATEGORY, Kind.BOOLEAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A column read as numbers. A row is present (finite), missing, not finite, or of the wrong type."""

    values: NDArray[np.float64]  # NaN or infinite where not present
    present: Mask
    missing: Mask
    not_finite: Mask
    wrong_type: Mask

    def take(self, index: NDArray[np.intp]) -> Numbers:
        """Some of the rows."""
        return Numbers(
            values=self.values[index],
            present=self.present[index],
            missing=self.missing[index],
            not_finite=self.not_finite[index],
            wrong_type=self.wrong_type[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """A column read as groups.

    `names[codes[i]]` is the group of row i; MISSING and WRONG_TYPE are no groups.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]

    MISSING = -1
    WRONG_TYPE = -2

    def take(self, index: NDArray[np.intp]) -> Categories:
        """Some of the rows."""
        return Categories(names=self.names, codes=self.codes[index])

    def counts(self) -> NDArray[np.int64]:
        """Rows of the wrong type, missing rows, then the rows of each name."""
        return np.bincount(self.codes + 2, minlength=len(self.names) + 2)


def watched_columns(manifest: ModelSpec) -> tuple[WatchedColumn, ...]:
    """Every column that monitors look at, inputs first. A derived name gives way to a real one.

    What is not kept as it came says nothing about the values that the model saw.
    """
    altered = manifest.privacy.altered
    columns = [_input(column) for column in manifest.inputs] + _outputs(manifest)
    columns = [column for column in columns if column.source not in altered]
    real = {column.name for column in columns}
    lengths = [
        WatchedColumn(name=f"{column.name}.length", kind=Kind.LENGTH, role=column.role, source=column.name)
        for column in columns
        if column.kind is Kind.TEXT and f"{column.name}.length" not in real
    ]
    return (*columns, *lengths)


def read_numbers(values: Sequence[Value]) -> Numbers:
    """Read a column as numbers."""
    if set(map(type, values)) <= _NUMERIC:
        try:
            return _numbers(np.array(values, dtype=np.float64), np.zeros(len(values), dtype=np.bool_))
        except OverflowError:  # an integer past the largest float: told apart below
            pass
    wrong = np.fromiter((type(value) not in _NUMERIC for value in values), dtype=np.bool_, count=len(values))
    return _numbers(np.fromiter(map(_number, values), dtype=np.float64, count=len(values)), wrong)


def read_lengths(values: Sequence[Value]) -> Numbers:
    """Read a column of texts as their lengths in characters."""
    lengths: list[Value] = [
        len(value) if type(value) is str else None if _is_missing(value) else "" for value in values
    ]
    return read_numbers(lengths)


def read_categories(values: Sequence[Value], allowed: frozenset[type]) -> Categories:
    """Read a column as groups. A value of a type that is not allowed is of the wrong type."""
    types = set(map(type, values))
    if len(types - {type(None)}) <= 1 and types <= (allowed & _HASHED_AS_THEMSELVES) | {type(None)}:
        distinct = [value for value in dict.fromkeys(values) if value is not None]
        lookup: dict[Value, int] = {value: code for code, value in enumerate(distinct)}
        lookup[None] = Categories.MISSING
        codes = np.fromiter(map(lookup.__getitem__, values), dtype=np.int64, count=len(values))
        return Categories(names=tuple(map(category_name, distinct)), codes=codes)
    names: dict[str, int] = {}
    slow = [_category_code(value, allowed, names) for value in values]
    return Categories(names=tuple(names), codes=np.array(slow, dtype=np.int64))


def category_name(value: Value) -> str:
    """How a category is called: a boolean by `true` or `false`, anything else by its text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


_NUMERIC = frozenset({int, float, type(None)})
_HASHED_AS_THEMSELVES = frozenset({str, int, bool})  # a float may be NaN, which equals nothing
ANY_GROUP = frozenset({str, int, float, bool})
"""Types that may name a slice."""


def _input(column: object) -> WatchedColumn:
    name, kind = column.name, Kind(column.type)  # type: ignore[attr-defined]
    stands_in = getattr(column, "missing", None) is not None
    if isinstance(column, CategoryInput):
        return WatchedColumn(
            name=name,
            kind=kind,
            role=Role.INPUT,
            source=name,
            allowed=frozenset(map(type, column.categories)),
            categories=tuple(map(category_name, column.categories)),
            stands_in=stands_in,
        )
    allowed = frozenset({bool}) if kind is Kind.BOOLEAN else frozenset()
    categories = ("false", "true") if kind is Kind.BOOLEAN else ()
    return WatchedColumn(
        name=name,
        kind=kind,
        role=Role.INPUT,
        source=name,
        allowed=allowed,
        categories=categories,
        stands_in=stands_in,
    )


def _outputs(manifest: ModelSpec) -> list[WatchedColumn]:
    match manifest.task:
        case Task.REGRESSION:
            name = manifest.outputs.name
            return [
                WatchedColumn(name=name, kind=Kind.NUMBER, role=Role.OUTPUT, source=name, bins=SCORE_BINS)
            ]
        case Task.CLASSIFICATION | Task.TEXT_CLASSIFICATION:
            names = WatchedColumn(
                name="class",
                kind=Kind.CATEGORY,
                role=Role.OUTPUT,
                source="class",
                allowed=frozenset({str}),
                categories=manifest.outputs.classes,
            )
            return [
                names,
                WatchedColumn(
                    name="score", kind=Kind.NUMBER, role=Role.OUTPUT, source="score", bins=SCORE_BINS
                ),
            ]
        case Task.GENERATION:
            return [WatchedColumn(name="text", kind=Kind.TEXT, role=Role.OUTPUT, source="text")]
        case Task.EMBEDDING:
            return []


def _numbers(values: NDArray[np.float64], wrong: Mask) -> Numbers:
    nan = np.isnan(values)
    return Numbers(
        values=values,
        present=np.isfinite(values),
        missing=nan & ~wrong,
        not_finite=np.isinf(values),
        wrong_type=wrong,
    )


def _number(value: Value) -> float:
    if value is None or type(value) not in _NUMERIC:
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]  # an int or a float: checked above
    except OverflowError:
        return math.inf


def _is_missing(value: Value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _category_code(value: Value, allowed: frozenset[type], names: dict[str, int]) -> int:
    if _is_missing(value):
        return Categories.MISSING
    if type(value) not in allowed:
        return Categories.WRONG_TYPE
    return names.setdefault(category_name(value), len(names))
