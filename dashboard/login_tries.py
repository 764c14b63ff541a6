"""How often an address may try a wrong key before it has to wait."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

WRONG_TRIES = 10
"""So many wrong keys an address may send ..."""

PER_S = 60.0
"""... in this time."""

_ADDRESSES = 1024


class Tries:
    """Counts wrong keys by address, over the last minute; keeps the newest addresses only.

    Keys cannot be guessed, being 256 random bits: this keeps a loop of guesses off the log and the processor.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._by_address: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, address: str) -> int | None:
        """Whole seconds until this address may try again; None: now."""
        now = self._monotonic()
        recent = [at for at in self._by_address.get(address, ()) if now - at < PER_S]
        if len(recent) < WRONG_TRIES:
            return None
        return math.ceil(recent[-WRONG_TRIES] + PER_S - now)

    def note(self, address: str) -> None:
        """A wrong key came from this address."""
        times = self._by_address.setdefault(address, [])
        times.append(self._monotonic())
        del times[:-WRONG_TRIES]
        self._by_address.move_to_end(address)
        while len(self._by_address) > _ADDRESSES:
            self._by_address.popitem(last=False)
