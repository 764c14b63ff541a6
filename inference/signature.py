"""The signature check: a request's columns become arrays, or an error that names column and row.

The straight road takes all numbers of a request through numpy at once. Anything odd (a missing value, a wrong
type, a number too large) leaves it for the slow road, which goes value by value and either mends it or says
what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from inference.backend import Payload, Value
from inference.errors import InvalidInputError
from inference.manifest import BooleanInput, CategoryInput, Manifest, NumberInput, TextInput

Columns = Mapping[str, Sequence[Value]]
_NUMBERS = ({float}, {int}, {float, int})
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of numbers and category codes, in the order in which the manifest lists them."""

    numbers: NDArray[np.float32]  # [rows, n], scaled
    categories: NDArray[np.int64]  # [rows, m]


class TableSignature:
    """Checks rows of numbers, categories and booleans, scales and codes them."""

    def __init__(self, manifest: Manifest) -> None:
        optional = {
            column.name
            for column in manifest.inputs
            if not isinstance(column, TextInput) and column.missing is not None
        }
        self._shape = _Shape(manifest, optional)
        self._numbers = tuple(column for column in manifest.inputs if isinstance(column, NumberInput))
        self._number_names = tuple(column.name for column in self._numbers)
        self._mean = np.array([column.mean for column in self._numbers])
        self._std = np.array([column.std for column in self._numbers])
        self._codes = tuple(
            _Codes(column) for column in manifest.inputs if isinstance(column, CategoryInput | BooleanInput)
        )

    def check(self, columns: Columns, rows: int) -> Payload:
        """The rows as a `Table`. Raises `InvalidInputError`."""
        columns = self._shape.check(columns, rows)
        table = Table(numbers=self._scaled(columns, rows), categories=self._coded(columns, rows))
        return Payload(data=table, rows=rows, units=rows)

    def typical(self, rows: int) -> Payload:
        """Rows of means and first categories, to warm up with."""
        numbers = np.zeros((rows, len(self._numbers)), dtype=np.float32)
        categories = np.zeros((rows, len(self._codes)), dtype=np.int64)
        return Payload(data=Table(numbers=numbers, categories=categories), rows=rows, units=rows)

    def _scaled(self, columns: Columns, rows: int) -> NDArray[np.float32]:
        values = list(chain.from_iterable([columns[name] for name in self._number_names]))
        if set(map(type, values)) not in _NUMBERS:
            values = [
                _number(column, row, columns[column.name][row])
                for column in self._numbers
                for row in range(rows)
            ]
        try:
            raw = np.array(values, dtype=np.float64).reshape(len(self._numbers), rows).T
        except OverflowError:
            self._refuse_numbers(columns, rows)
        with np.errstate(over="ignore", invalid="ignore"):
            raw -= self._mean
            raw /= self._std
            scaled = raw.astype(np.float32, order="C")
            healthy = math.isfinite(np.add.reduce(scaled, axis=None))
        if not healthy and not np.isfinite(scaled).all():
            self._refuse_numbers(columns, rows)
        return scaled

    def _coded(self, columns: Columns, rows: int) -> NDArray[np.int64]:
        if not self._codes:
            return np.empty((rows, 0), dtype=np.int64)
        return np.array([codes.of(columns[codes.name]) for codes in self._codes], dtype=np.int64).T

    def _refuse_numbers(self, columns: Columns, rows: int) -> NoReturn:
        for column in self._numbers:
            for row in range(rows):
                _fits(column, row, columns[column.name][row])
        raise InvalidInputError(
            "a number does not fit 32-bit floats"
        )  # in case rounding saw what this did not


class TextSignature:
    """Checks one column of texts."""

    def __init__(self, manifest: Manifest) -> None:
        self._shape = _Shape(manifest, set())
        self._name = manifest.inputs[0].name

    def check(self, columns: Columns, rows: int) -> Payload:
        """The texts as a list. Raises `InvalidInputError`."""
        texts = self._shape.check(columns, rows)[self._name]
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise _wrong(self._name, row, f"{_said(text)} came", "a text is wanted")
            if not text.isascii():
                self._encodes(row, text)
        return Payload(data=texts, rows=rows, units=rows)

    def _encodes(self, row: int, text: str) -> None:
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise _wrong(self._name, row, "half a surrogate pair", "send whole Unicode characters") from exc


def table_parts(payload: Payload, max_rows: int) -> list[Payload]:
    """Rows of a table in pieces of at most `max_rows`."""
    if payload.rows <= max_rows:
        return [payload]
    table: Table = payload.data
    parts = []
    for start in range(0, payload.rows, max_rows):
        end = min(start + max_rows, payload.rows)
        piece = Table(numbers=table.numbers[start:end], categories=table.categories[start:end])
        parts.append(
            Payload(data=piece, rows=end - start, units=end - start, places=tuple(range(start, end)))
        )
    return parts


class _Shape:
    """Which columns a request must have, and how many values each."""

    def __init__(self, manifest: Manifest, optional: set[str]) -> None:
        self._names = tuple(column.name for column in manifest.inputs)
        self._known = frozenset(self._names)
        self._optional = optional
        self._max_rows = manifest.limits.max_rows

    def check(self, columns: Columns, rows: int) -> Columns:
        """The columns, with every optional one present. Raises `InvalidInputError`."""
        if not 1 <= rows <= self._max_rows:
            raise InvalidInputError(f"a request holds 1 to {self._max_rows} rows, this one {rows}")
        if columns.keys() != self._known:
            columns = self._completed(columns, rows)
        if set(map(len, columns.values())) != {rows}:
            name, count = next((name, len(values)) for name, values in columns.items() if len(values) != rows)
            raise InvalidInputError(
                f"input '{name}' has {count} values for {rows} rows; each row needs one", column=name
            )
        return columns

    def _completed(self, columns: Columns, rows: int) -> Columns:
        takes = f"the model takes {_few(self._names)}"
        unknown = next((name for name in columns if name not in self._known), None)
        if unknown is not None:
            raise InvalidInputError(f"input '{unknown[:80]}' is unknown; {takes}", column=unknown)
        absent = [name for name in self._names if name not in columns]
        required = next((name for name in absent if name not in self._optional), None)
        if required is not None:
            raise InvalidInputError(f"input '{required}' is absent; {takes}", column=required)
        return {**columns, **{name: [None] * rows for name in absent}}


class _Codes:
    """How one column's values become places in its list of categories."""

    def __init__(self, column: CategoryInput | BooleanInput) -> None:
        self.name = column.name
        self._listed = column.categories if isinstance(column, CategoryInput) else (False, True)
        self._places: dict[Value, int] = {category: place for place, category in enumerate(self._listed)}
        self._types = {type(category) for category in self._listed}  # for Python, True == 1 == 1.0
        self._missing = column.missing
        self._unseen = column.unseen if isinstance(column, CategoryInput) else None

    def of(self, values: Sequence[Value]) -> list[int]:
        """One place for each value. Raises `InvalidInputError`."""
        if set(map(type, values)) <= self._types:
            try:
                return [self._places[value] for value in values]
            except KeyError:
                pass  # the slow road says which
        return [self._one(row, value) for row, value in enumerate(values)]

    def _one(self, row: int, value: Value) -> int:
        if value is None:
            if self._missing is None:
                raise _wrong(self.name, row, "a value is missing", "send one")
            return self._places[self._missing]
        if not isinstance(value, list) and type(value) in self._types and value in self._places:
            return self._places[value]
        if self._unseen is not None and isinstance(value, str | int):
            return self._places[self._unseen]
        raise _wrong(self.name, row, f"{_said(value)} is not a known category", _known(self._listed))


def _number(column: NumberInput, row: int, value: Value) -> float | int:
    if value is None:
        if column.missing is None:
            raise _wrong(column.name, row, "a value is missing", "send a number")
        return column.missing
    if type(value) not in (float, int):
        raise _wrong(column.name, row, f"{_said(value)} came", "a number is wanted")
    return value  # type: ignore[return-value]  # a float or an int, as was just seen


def _fits(column: NumberInput, row: int, value: Value) -> None:
    number = _number(column, row, value)
    try:
        scaled = (float(number) - column.mean) / column.std
    except OverflowError:
        scaled = math.inf
    if isinstance(number, float) and not math.isfinite(number):
        raise _wrong(column.name, row, f"{_short(number)} is not finite", "send a finite number")
    if abs(scaled) > _LARGEST:
        raise _wrong(
            column.name, row, f"{_short(number)} does not fit 32-bit floats", "send a smaller number"
        )


def _wrong(column: str, row: int, what: str, right: str) -> InvalidInputError:
    return InvalidInputError(f"input '{column}', row {row}: {what}; {right}", column=column, row=row)


def _said(value: object) -> str:
    """A value as an error may repeat it: short, and with its kind."""
    kinds = {
        bool: "a boolean",
        str: "the text",
        int: "the number",
        float: "the number",
        list: "a list",
        dict: "an object",
    }
    kind = kinds.get(type(value), "nothing" if value is None else "something else")
    return f"{kind} {_short(value)}" if type(value) in (bool, str, int, float) else kind


def _short(value: object) -> str:
    if isinstance(value, int) and abs(value) > 10**40:
        return "a huge integer"  # Python refuses to print integers of more than 4300 digits
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _known(categories: Sequence[str | int]) -> str:
    shown = ", ".join(_short(category) for category in categories[:10])
    return f"known are {shown}" + (f" and {len(categories) - 10} more" if len(categories) > 10 else "")
