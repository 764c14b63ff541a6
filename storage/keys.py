"""API keys: hashed, scoped, in a file that is watched. Once one exists, everybody needs one.

The gateway and the dashboard share it; neither needs a database to know who asks.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from storage.clock import Clock, utc_now
from storage.errors import ExposureError, KeyFileError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""How old the view of the file may be: a revoked key is refused after this time."""


class Right(StrEnum):
    """What a key allows."""

    INFER = "infer"
    LABEL = "label"  # send labels, and ask what to label
    READ = "read"  # all that was kept, of every key; the pages of the dashboard too
    ACT = "act"  # silence and acknowledge; keys of earlier releases lack it


class Refusal(StrEnum):
    """Why a caller is not let in."""

    MISSING = "missing"  # no key was shown, and one is needed
    UNKNOWN = "unknown"
    ENDED = "ended"  # expired or revoked
    LACKING = "lacking"  # without the right


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key as the file holds it. The key itself is known to its owner only."""

    name: str
    prefix: str
    sha256: str
    rights: frozenset[Right]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def usable(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyFile:
    """The file, for the command line: read, add, revoke. Every change replaces the file in one step."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[ApiKey]:
        """Every key ever made, revoked ones too: so that revoking the last one does not open the door."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[ApiKey])
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as exc:
            raise KeyFileError(f"{self.path}: cannot be read as a list of keys ({exc}); restore it") from exc

    def create(
        self, name: str, rights: frozenset[Right], now: datetime, expires_at: datetime | None = None
    ) -> str:
        """A new key, shown this once."""
        keys = self.read()
        if any(key.name == name and key.usable(now) for key in keys):
            raise KeyFileError(f"a key named '{name}' exists: choose another name, or revoke it first")
        text = f"iw_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            name=name,
            prefix=text[:8],
            sha256=_hash(text),
            rights=rights,
            created_at=now,
            expires_at=expires_at,
        )
        self._write([*keys, key])
        return text

    def revoke(self, name: str, now: datetime) -> None:
        """Refuse this key from now on."""
        keys = self.read()
        if not any(key.name == name and key.usable(now) for key in keys):
            known = ", ".join(sorted({key.name for key in keys if key.usable(now)})) or "none"
            raise KeyFileError(f"no usable key is named '{name}'; there are: {known}")
        self._write(
            [msgspec.structs.replace(key, revoked_at=now) if key.name == name else key for key in keys]
        )

    def _write(self, keys: list[ApiKey]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self.path.parent, prefix=".keys-")  # mode 0600
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(keys)))
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(self.path)
        except OSError as exc:
            raise KeyFileError(f"{self.path}: cannot be written ({exc}); mend its folder's rights") from exc


class KnownKeys:
    """What a server asks on each request: whose key is this, and may it do that? Sees when the file changes.

    Several threads may ask.
    """

    def __init__(
        self,
        file: KeyFile,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._clock, self._monotonic = file, clock, monotonic
        self._stamp = _stamp(
            file.path
        )  # before the file is read: a change meanwhile is seen at the next look
        self._by_hash: dict[str, ApiKey] = {key.sha256: key for key in file.read()}
        self._look_at = monotonic() + LOOK_EVERY_S

    @property
    def required(self) -> bool:
        """Whether a key exists, and so every caller needs one."""
        if self._monotonic() >= self._look_at:
            self._look()
        return bool(self._by_hash)

    def judge(self, text: str | None, right: Right | None) -> ApiKey | Refusal | None:
        """Whose key `text` is, or why it does not do; None where no key is needed.

        `right` None: any key will do.
        """
        if not self.required:
            return None
        if not text:
            return Refusal.MISSING
        digest = _hash(text)
        key = self._by_hash.get(digest)
        if key is None or not hmac.compare_digest(key.sha256, digest):
            return Refusal.UNKNOWN
        if not key.usable(self._clock()):
            return Refusal.ENDED
        if right is not None and right not in key.rights:
            return Refusal.LACKING
        return key

    def _look(self) -> None:
        self._look_at = self._monotonic() + LOOK_EVERY_S
        stamp = _stamp(self._file.path)
        if stamp == self._stamp:
            return
        try:
            keys = self._file.read()
        except KeyFileError:
            log.exception("keys not readable; those known before stay in force")
            return
        if not keys and self._by_hash:
            # A file that vanished must not open the door: a restart without it does.
            log.error("the file of keys has gone; those known before stay in force")
            return
        self._by_hash = {key.sha256: key for key in keys}
        self._stamp = stamp


def rights_of(names: list[str]) -> frozenset[Right]:
    """Rights by name; all of them where none is named. Raises `KeyFileError`."""
    try:
        return frozenset(Right(name) for name in names) or frozenset(Right)
    except ValueError as exc:
        raise KeyFileError(f"{exc}; there are {', '.join(Right)}") from exc


def check_exposure(setting: str, host: str, *, has_keys: bool) -> None:
    """Refuses to listen where others can reach it before a key exists."""
    if not has_keys and not is_loopback(host):
        raise ExposureError(
            f"{setting} is {host}, which others can reach, and no API key exists: "
            f"run `inferwatch keys create NAME` first, or set {setting} to 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
