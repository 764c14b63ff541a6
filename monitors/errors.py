"""What may go wrong in monitoring.

MonitorError
├── UnknownMonitorError       a name that is in no table
├── MonitorSettingsError      a setting that a monitor does not have, or a value it cannot take
├── FrameError                an event whose columns contradict each other: it goes to quarantine
├── InvalidReferenceError     bytes that are no reference, or rows that no reference can be made of
├── ReportError               a report cannot be made: no rows, no reference, or nothing that it could show
├── ScoringError              texts cannot be scored: the model that should is missing, broken or not in force
└── ChannelError              a notice did not reach its channel
"""

from __future__ import annotations


class MonitorError(Exception):
    """Something in monitoring is not as it should be.

    The message says what, where, and what would be right.
    """


class UnknownMonitorError(MonitorError):
    """No monitor has this name. Use one of those that the message lists."""


class MonitorSettingsError(MonitorError):
    """A setting does not fit its monitor. Use the names and types that the message lists."""


class FrameError(MonitorError):
    """An event contradicts itself, so nothing can be counted of it.

    It is kept in quarantine, and can be read there.
    """


class InvalidReferenceError(MonitorError):
    """Not a reference. Make it anew with `inferwatch reference set`."""


class ReportError(MonitorError):
    """A report cannot be made. The message says what is missing, and what to do about it."""


class ScoringError(MonitorError):
    """Texts cannot be scored now. Nothing is counted without its scores: what came waits in the log."""


class ChannelError(MonitorError):
    """A notice did not reach its channel. It is sent again later, unless the failure is `permanent`.

    `retry_after_s` is what the other side asked for, where it did.
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after_s = retry_after_s
