"""What can go wrong in storage.

StorageError
├── JournalError
│   ├── JournalFullError
│   └── UnwritableRecordError
├── DatabaseError
│   ├── DatabaseUnavailableError
│   └── DatabaseVersionError
├── KeyFileError
├── ExposureError
├── LeaseLostError
├── WishError
└── InvalidPageError
"""

from __future__ import annotations


class StorageError(Exception):
    """The base of all errors here. Catch it where storage as a whole may fail."""


class JournalError(StorageError):
    """The journal's folder cannot be used. Look at the path, its rights and its disk."""


class JournalFullError(JournalError):
    """The journal takes no event now, and its policy is to refuse. Answer 503 and say when to come back."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnwritableRecordError(JournalError):
    """A record holds half a surrogate pair, or an integer past 64 bits. Refuse such a value earlier."""


class DatabaseError(StorageError):
    """The database refused a statement, and will again: a mistake of ours, or a damaged file."""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be used now: away, busy, full, or not made yet. Wait and try again."""


class DatabaseVersionError(DatabaseError):
    """The SQLite in use can lose committed rows. The message says what to install."""


class KeyFileError(StorageError):
    """The file of API keys cannot be used. Restore it, or remove it and create the keys anew."""


class ExposureError(StorageError):
    """A server would listen where others can reach it, and no API key exists. Create one first."""


class LeaseLostError(StorageError):
    """Another worker has taken over what this lease was for. Drop the work in hand; take the lease anew."""


class WishError(StorageError):
    """A report is asked for that cannot be. The message says what there is; `missing`: it may come yet."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


class InvalidPageError(StorageError):
    """The `cursor` of a question is not one that an earlier page gave as `next`. Start again without it."""
