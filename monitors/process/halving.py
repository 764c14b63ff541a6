"""Finds the few items that a function cannot digest, and uses all the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from storage.errors import StorageError

T = TypeVar("T")
R = TypeVar("R")

TRIES = 3
"""Before it is believed that the items are to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested(Generic[T, R]):
    """What came of the good ones, in one or more parts, and the bad ones with their errors."""

    results: list[R] = field(default_factory=list)
    bad: list[tuple[T, str]] = field(default_factory=list)


def digest(items: Sequence[T], observe: Callable[[Sequence[T]], R]) -> Digested[T, R]:
    """Observe all items at once; if that fails for good, halve them until the bad ones stand alone."""
    found: Digested[T, R] = Digested()
    if not items:
        return found
    for _ in range(TRIES - 1):
        try:
            found.results.append(observe(items))
        except StorageError:
            raise
        except Exception:  # noqa: BLE001, S112  # a plug-in may raise anything; what lasts is kept below
            continue
        return found
    _halve(items, observe, found)
    return found


def _halve(items: Sequence[T], observe: Callable[[Sequence[T]], R], found: Digested[T, R]) -> None:
    try:
        found.results.append(observe(items))
    except StorageError:  # the database's fault, and not the items'
        raise
    except Exception as exc:  # noqa: BLE001  # a plug-in may raise anything; the operator finds it in quarantine
        if len(items) == 1:
            found.bad.append((items[0], f"{type(exc).__name__}: {exc}"))
            return
        middle = len(items) // 2
        _halve(items[:middle], observe, found)
        _halve(items[middle:], observe, found)
