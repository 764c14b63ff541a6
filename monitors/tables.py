"""Rows of a CSV or Parquet file as a frame, read as the model declares its columns.

A file does not know the model's types: a CSV with gaps turns integers into floats, and categories such as "1"
into numbers. So each value is taken as the type that its column is declared with, where that loses nothing:
3.0 is the category 3 or "3", and "True" or 1 is the boolean true. What does not fit stays as it is, and
counts as the wrong type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from inference.manifest import ModelSpec
from monitors.blocks import Label
from monitors.columns import Kind, WatchedColumn, watched_columns
from monitors.errors import InvalidReferenceError
from monitors.frames import Frame, frame_of_columns
from monitors.groupings import of_file
from storage.records import Value

_TRUE, _FALSE = frozenset({"true", "True", "TRUE", "1"}), frozenset({"false", "False", "FALSE", "0"})


def frame_of_table(table: pd.DataFrame, manifest: ModelSpec) -> Frame:
    """Inputs, and tags, outputs and labels where the table has columns of their names; protected groups too.

    Raises `InvalidReferenceError` when none of the model's inputs is there.
    """
    inputs = [column.name for column in manifest.inputs]
    if not set(inputs) & set(table.columns):
        raise InvalidReferenceError(
            f"none of the inputs of {manifest.name} is a column of the table: it needs {', '.join(inputs)}, "
            f"and has {', '.join(map(str, table.columns[:20]))}"
        )
    watched = {
        column.source: column for column in watched_columns(manifest) if column.kind is not Kind.LENGTH
    }
    values = {
        name: _read(table[name].tolist(), column) for name, column in watched.items() if name in table.columns
    }
    for name in manifest.privacy.altered & set(inputs) & set(table.columns):  # hashed: to slice by
        values[name] = [None if _absent(value) else value for value in table[name].tolist()]
    if "probabilities" in manifest.output_names and "probabilities" in table.columns:
        values["probabilities"] = table["probabilities"].tolist()
    tags = {
        name: [None if _absent(value) else str(value) for value in table[name].tolist()]
        for name in manifest.group_names
        if name in table.columns and name not in inputs
    }
    labels: list[Label] | None = None
    if manifest.label is not None and manifest.label in table.columns:
        labels = [None if _absent(value) else value for value in table[manifest.label].tolist()]
    return of_file(frame_of_columns(values, manifest, labels=labels, tags=tags), manifest)


def _read(raw: Sequence[Value], column: WatchedColumn) -> Sequence[Value]:
    reads: dict[Kind, Callable[[Value], Value]] = {
        Kind.CATEGORY: lambda value: _category(value, column.allowed),
        Kind.BOOLEAN: _boolean,
    }
    read = reads.get(column.kind)
    return [None if _absent(value) else value if read is None else read(value) for value in raw]


def _category(value: Value, allowed: frozenset[type]) -> Value:
    if type(value) in allowed:
        return value
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(whole, int) and not isinstance(whole, bool) and int in allowed:
        return whole
    return str(whole) if isinstance(whole, int | float) and str in allowed else value


def _boolean(value: Value) -> Value:
    if isinstance(value, bool):
        return value
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return True if text in _TRUE else False if text in _FALSE else value


def _absent(value: object) -> bool:
    return (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    )
