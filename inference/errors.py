"""What can go wrong in the engine.

InferenceError
├── UnknownModelError        no such model or version
├── ModelNotReadyError       known, but not serving now
├── InvalidInputError        the caller's values do not fit the signature
├── OverloadedError          refused at once: too much waits already
├── DeadlineError            given up: the answer would come too late
├── EngineError              the model failed on this request, or the engine stopped
└── RepositoryError          a model folder or the repository is not as it should be
    ├── SpecError            `model.yaml` is wrong
    ├── RefusedFileError     a file that is not served, and how to convert it
    ├── VersionExistsError   the version is taken by other content
    ├── HashMismatchError    a file changed after it was added
    └── LoadError            the backend cannot load it
        ├── MemoryBudgetError  it would not fit beside what is loaded
        └── SelfTestError      it loads, and answers otherwise than when it was made
"""

from __future__ import annotations


class InferenceError(Exception):
    """Base of this package. The message says what was wrong, where, and what would be right."""


class UnknownModelError(InferenceError):
    """No such model or version. Ask for one that `inferwatch models list` shows."""


class ModelNotReadyError(InferenceError):
    """The model is known but does not serve now. Try again later, or read its reason."""


class InvalidInputError(InferenceError):
    """A value does not fit the model's signature. Mend the request; trying again does not help."""

    def __init__(self, message: str, *, column: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.row = row


class OverloadedError(InferenceError):
    """Too much waits already. Try again after `retry_after_s`."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineError(InferenceError):
    """The request grew older than its deadline. `computing`: it was running already."""

    def __init__(self, message: str, *, computing: bool) -> None:
        super().__init__(message)
        self.computing = computing


class EngineError(InferenceError):
    """The model failed on this request, or the engine stopped before it answered."""


class RepositoryError(InferenceError):
    """A model folder or the repository is not as it should be."""


class SpecError(RepositoryError):
    """`model.yaml` is wrong. The message names the key."""


class RefusedFileError(RepositoryError):
    """A file that would run code when loaded, or that lies outside the folder.

    The message says how to convert it.
    """


class VersionExistsError(RepositoryError):
    """The version was added before with other content. Give the new one another version."""


class HashMismatchError(RepositoryError):
    """A file is not what was added. Restore it, or add the model again under a new version."""


class LoadError(RepositoryError):
    """The backend cannot load this version. The old version, if any, serves on."""


class MemoryBudgetError(LoadError):
    """The model would not fit beside what is loaded. Unload another, or raise `engine.memory_bytes`."""


class SelfTestError(LoadError):
    """The model loads and answers its fixed rows otherwise than when it was made. Add it again."""
