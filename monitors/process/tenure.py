"""Keeps the leases of one process: takes them when they are free, and renews them in time."""

from __future__ import annotations

import time
from collections.abc import Callable

from storage.errors import LeaseLostError
from storage.leases import Lease, Leases


class Tenure:
    """The leases that one thread works under. Each thread has its own."""

    def __init__(
        self, leases: Leases, *, ttl_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._leases = leases
        self._pause_s = ttl_s / 3
        self._monotonic = monotonic
        self._held: dict[str, Lease] = {}
        self._looked_at: dict[str, float] = {}  # when each was taken, renewed or last found taken

    def lease(self, name: str) -> Lease | None:
        """The lease, if it is ours now. Asks the database three times a term, and not more often."""
        now = self._monotonic()
        if now - self._looked_at.get(name, -self._pause_s) < self._pause_s:
            return self._held.get(name)
        held = self._held.pop(name, None)
        if held is not None:
            try:
                self._leases.renew(held)
            except LeaseLostError:
                held = None
        if held is None:
            held = self._leases.acquire(name)
        self._looked_at[name] = now
        if held is not None:
            self._held[name] = held
        return held

    def forget(self) -> None:
        """After an error: ask the database anew about each."""
        self._held.clear()
        self._looked_at.clear()

    def release(self) -> None:
        """Give all of them back, so that another need not wait for their end."""
        for lease in self._held.values():
            self._leases.release(lease)
        self.forget()
