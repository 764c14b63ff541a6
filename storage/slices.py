"""Which values of a slice are watched apart: the first so many, for good.

So a row is in the same slice whenever it is counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.tables import model_version, slice_value


def slice_values(connection: Connection, model: str, version: str) -> dict[str, frozenset[str]]:
    """The values of every slice of a model version."""
    found: dict[str, set[str]] = {}
    statement = sa.select(slice_value.c.name, slice_value.c.value).where(
        slice_value.c.model == model, slice_value.c.version == version
    )
    for name, value in connection.execute(statement):
        found.setdefault(name, set()).add(value)
    return {name: frozenset(values) for name, values in found.items()}


def admit_slice_values(  # noqa: PLR0913  # whose values, which, and how many
    connection: Connection, model: str, version: str, name: str, values: Sequence[str], *, most: int
) -> frozenset[str]:
    """Admit new values in their order while there is room for `most`; returns all that are admitted now."""
    of_model = (model_version.c.model == model, model_version.c.version == version)
    connection.execute(
        sa.select(model_version.c.model).where(*of_model).with_for_update()
    )  # one worker at a time
    held = slice_values(connection, model, version).get(name, frozenset())
    new = [value for value in dict.fromkeys(values) if value not in held][: max(0, most - len(held))]
    rows = [{"model": model, "version": version, "name": name, "value": value} for value in new]
    dialects.insert_new(connection, slice_value, rows, key=("model", "version", "name", "value"))
    return held | frozenset(new)
