"""A CSV or Parquet file as columns of cells, each as the type that the model's column is declared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ReplayError
from gateway.signature import Kind
from storage.records import Value

if TYPE_CHECKING:
    import pandas as pd

_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


def read_table(path: Path) -> pd.DataFrame:
    """The whole file. Raises `ReplayError` where it is neither CSV (gzip too) nor Parquet."""
    import pandas as pd  # noqa: PLC0415  heavy, and `--help` needs none of it

    kind = path.suffixes[-1] if path.suffixes else ""
    if not path.is_file():
        raise ReplayError(f"{path} does not exist; name a CSV or Parquet file")
    try:
        if kind in (".parquet", ".pq"):
            return pd.read_parquet(path)
        if kind == ".csv" or path.suffixes[-2:] == [".csv", ".gz"]:
            return pd.read_csv(path)
    except (OSError, ValueError) as exc:
        raise ReplayError(f"{path} cannot be read as {kind}: {exc}") from exc
    raise ReplayError(f"{path} is neither .csv, .csv.gz nor .parquet; convert it")


def cells(values: Iterable[object], kind: Kind) -> list[Value]:
    """Values as the model takes them, None where nothing is. What does not fit stays: the gateway says so."""
    read = _READ[kind]
    return [None if _absent(value) else read(value) for value in values]


def check_columns(names: Sequence[str], table: pd.DataFrame, path: Path) -> None:
    """Refuses a table in which a column is not there."""
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise ReplayError(
            f"{path} has no column '{absent[0]}'; it has {', '.join(map(str, table.columns[:40]))}"
        )


def label_cell(value: object, classes: Sequence[str]) -> str | int | float | bool | None:
    """A label as the model's classes are written: 1.0 is the class "1"."""
    if _absent(value):
        return None
    return _text(value) if classes else _plain(value)


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _plain(value: object) -> str | int | float | bool:
    return value if isinstance(value, bool | int | float) else str(value)


def _number(value: object) -> Value:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return _plain(value)


def _integer(value: object) -> Value:
    try:
        return (
            int(value)
            if isinstance(value, str) or (isinstance(value, float) and value.is_integer())
            else _plain(value)
        )
    except ValueError:
        return str(value)


def _boolean(value: object) -> Value:
    if isinstance(value, bool):
        return value
    text = _text(value).lower()
    return True if text in _TRUE else False if text in _FALSE else _plain(value)


def _absent(value: object) -> bool:
    import pandas as pd  # noqa: PLC0415  already loaded by whoever has a table

    return value is None or value is pd.NA or value is pd.NaT or value != value  # noqa: PLR0124  NaN alone differs from itself


_READ: Mapping[Kind, Callable[[object], Value]] = {
    Kind.NUMBER: _number,
    Kind.CATEGORY: _text,
    Kind.INTEGER_CATEGORY: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.TEXT: str,
}
