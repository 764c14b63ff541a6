"""What can go wrong in the gateway, and what a client hears of it.

GatewayError
├── RefusedError          a request that gets an error for an answer; knows its HTTP status and outcome
├── SettingsError         inferwatch.yaml is wrong; one line for each problem
├── PrivacyKeyError       the key of hashed values cannot be read or made
├── StartError            a process cannot start: a port is taken, a setting is unsafe
├── ReplayError           a file cannot be replayed
└── AskError              the running gateway cannot be asked, or refused
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.errors import (
    DeadlineError,
    InferenceError,
    InvalidInputError,
    ModelNotReadyError,
    OverloadedError,
    UnknownModelError,
)
from storage.records import Outcome


class GatewayError(Exception):
    """Base of the gateway's errors. The message is one line that says how to mend it."""


class SettingsError(GatewayError):
    """The settings are wrong. Mend each of `problems` in the YAML file."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(
            problems[0] if len(problems) == 1 else f"{problems[0]} (and {len(problems) - 1} more)"
        )
        self.problems = tuple(problems)


class PrivacyKeyError(GatewayError):
    """The key of hashed values cannot be used. Restore its file: with another key equal values differ."""


class StartError(GatewayError):
    """A process cannot start as it is set up."""


class ReplayError(GatewayError):
    """A file cannot be replayed through the gateway."""


class AskError(GatewayError):
    """The running gateway cannot be asked, or it refused; the message is its own."""


class RefusedError(GatewayError):
    """A request that ends without an inference.

    `reason` is a short code and never holds what the client sent.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str,
        outcome: Outcome = Outcome.REJECTED,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.outcome = outcome
        self.retry_after_s = retry_after_s


class ClientLeftError(GatewayError):
    """The client closed its connection. Nobody is there to answer."""


def invalid(message: str, *, reason: str = "invalid_input") -> RefusedError:
    """400: what the client sent is malformed."""
    return RefusedError(400, message, reason=reason)


def refusal_of(exc: InferenceError) -> RefusedError:
    """The engine's error as an answer: the table of protocols.md."""
    match exc:
        case InvalidInputError():
            return invalid(str(exc))
        case UnknownModelError():
            return RefusedError(404, str(exc), reason="model_not_found")
        case ModelNotReadyError():
            return RefusedError(503, str(exc), reason="model_not_ready", retry_after_s=1.0)
        case OverloadedError():
            return RefusedError(503, str(exc), reason="overloaded", retry_after_s=exc.retry_after_s)
        case DeadlineError():
            outcome = Outcome.ERROR if exc.computing else Outcome.REJECTED
            return RefusedError(504, str(exc), reason="timeout", outcome=outcome)
        case _:
            return RefusedError(500, str(exc), reason="engine_error", outcome=Outcome.ERROR)
