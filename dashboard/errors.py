"""What can go wrong between a page and the gateway. Every message says what a person should do.

DashboardError
├── GatewayAwayError     it does not answer
└── GatewayRefusedError  it answered, and said no
"""

from __future__ import annotations


class DashboardError(Exception):
    """Something that the person at the page can mend; the message says how."""


class GatewayAwayError(DashboardError):
    """The gateway does not answer. Nothing was changed: do it again when it runs."""


class GatewayRefusedError(DashboardError):
    """The gateway did not do it; the message is its own."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status
