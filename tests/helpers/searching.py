"""Looks for texts in every byte that a deployment left behind, compressed ones too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import zstandard

_ZSTD = b"\x28\xb5\x2f\xfd"


def places_of(planted: Iterable[str], folder: Path) -> list[str]:
    """Where any of the texts stands, as "place: text"; large and small letters are the same."""
    wanted = [(text, text.lower().encode()) for text in planted]
    return [
        f"{place}: {text}"
        for place, data in _contents(folder)
        for text, sought in wanted
        if sought in data.lower()
    ]


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes of every file, and what lies compressed in the rows of every database."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield str(path), data
            if data.startswith(b"SQLite format 3"):
                yield from _cells(path)


def _cells(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in database.execute(f'select * from "{table}"'):  # noqa: S608  a name from the database itself
                for cell in row:
                    if isinstance(cell, bytes) and cell.startswith(_ZSTD):
                        whole = zstandard.ZstdDecompressor().decompress(cell, max_output_size=1 << 28)
                        yield f"{path} {table}", whole
                    elif isinstance(cell, bytes | str):
                        yield f"{path} {table}", cell if isinstance(cell, bytes) else cell.encode()
