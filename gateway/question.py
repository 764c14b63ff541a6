"""What a request asks, whichever protocol it came by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.errors import RefusedError, invalid
from storage.records import Value

Cell = int | float | str | bool | None
MAX_TAGS = 32
MAX_TAG_CHARACTERS = 256
MAX_ID_CHARACTERS = 200
_INT64 = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Rows as columns, and what the app says about them."""

    columns: dict[str, list[Value]]
    rows: int
    tags: dict[str, list[str | None]] = field(default_factory=dict)
    at: datetime | None = None  # the event's own time, in a replay
    app_id: str | None = None
    priority: int = 0
    timeout_s: float | None = None
    outputs: tuple[str, ...] | None = None  # None: all of them


def read_tags(given: object, rows: int, where: str) -> dict[str, list[str | None]]:
    """Tags, each one text for all rows or a list with one a row."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise invalid(
            f'{where}: an object of tags is wanted, such as {{"country": "DE"}}', reason="invalid_tags"
        )
    if len(given) > MAX_TAGS:
        raise invalid(f"{where}: {len(given)} tags, {MAX_TAGS} may be sent", reason="invalid_tags")
    return {str(name): _tag_values(name, values, rows, where) for name, values in given.items()}


def header_tags(text: bytes | None) -> dict[str, str]:
    """The header `Inferwatch-Tags: country=DE,group=f`."""
    if not text:
        return {}
    tags = {}
    for part in text.decode("utf-8", "replace").split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or not name:
            raise invalid("header inferwatch-tags: write name=value,name=value", reason="invalid_tags")
        tags[name] = value
    return tags


def read_at(given: object, where: str) -> datetime | None:
    """The event's own time: ISO 8601; without an offset it is UTC."""
    if given is None:
        return None
    if isinstance(given, str) and len(given) <= 64:
        try:
            at = datetime.fromisoformat(given)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            at = None
        if at is not None and 1970 <= at.year <= 2200:
            return at
    raise invalid(
        f'{where}: a time such as "2026-01-31T12:00:00Z" is wanted, from 1970 to 2200', reason="invalid_at"
    )


def read_id(given: str | None, where: str) -> str | None:
    """The app's own id of the request."""
    if given is not None and not 0 < len(given) <= MAX_ID_CHARACTERS:
        raise invalid(f"{where}: 1 to {MAX_ID_CHARACTERS} characters are wanted", reason="invalid_id")
    return given


def check_cells(name: str, values: Sequence[Cell]) -> None:
    """Refuses an integer that no record can hold."""
    for row, value in enumerate(values):
        if type(value) is int and not -_INT64 <= value < _INT64:
            raise invalid(f"input '{name[:80]}', row {row}: the integer is beyond 64 bits")


def _tag_values(name: object, values: object, rows: int, where: str) -> list[str | None]:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TAG_CHARACTERS:
        raise _bad_tags(f"{where}: the name of a tag has 1 to {MAX_TAG_CHARACTERS} characters")
    given: list[object] = values if isinstance(values, list) else [values] * rows
    if len(given) != rows:
        raise _bad_tags(
            f"{where}.{name[:80]}: {len(given)} values for {rows} rows; send one text, or one a row"
        )
    column = [
        value
        for value in given
        if value is None or (isinstance(value, str) and len(value) <= MAX_TAG_CHARACTERS)
    ]
    if len(column) != rows:
        raise _bad_tags(f"{where}.{name[:80]}: a text of up to {MAX_TAG_CHARACTERS} characters is wanted")
    return column


def _bad_tags(message: str) -> RefusedError:
    return invalid(message, reason="invalid_tags")
