"""Loopback ports for servers that tests start."""

from __future__ import annotations

import itertools
import os
import random
import socket

_FIRST, _SPAN = 15_000, 4_000
"""Below the ports that the system gives to clients, and a range for each of the tests' workers.

So a port that was found free stays free until the server that it is for listens.
"""


def free_port() -> int:
    """A loopback port that nobody listens on, and that nobody else is given."""
    return next(port for port in _candidates if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
_offset = random.SystemRandom().randrange(_SPAN)  # runs beside each other begin at other places
_candidates = (_FIRST + _worker * _SPAN + (_offset + step) % _SPAN for step in itertools.count())
