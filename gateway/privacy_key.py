"""The key that hashed values are keyed with: 32 random bytes in a file, made when it is first needed."""

from __future__ import annotations

import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from gateway.errors import PrivacyKeyError

KEY_BYTES = 32
_SHOWN = 16  # hexadecimal digits: 64 bits


class PrivacyKey:
    """Hashes values so that equal ones stay equal, and nobody without the file can try names out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key: bytes | None = None

    def hash(self, text: str) -> str:
        """`h` and 16 hexadecimal digits. Raises `PrivacyKeyError`."""
        if self._key is None:
            self._key = self._read() or self._made()
        return "h" + hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:_SHOWN]

    def _read(self) -> bytes | None:
        try:
            key = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise PrivacyKeyError(f"{self.path}: cannot be read ({exc.strerror}); mend its rights") from exc
        if len(key) != KEY_BYTES:
            raise PrivacyKeyError(
                f"{self.path}: {len(key)} bytes, {KEY_BYTES} are wanted; restore it, or remove it to have a "
                "new one made (what was hashed before will not match any more)"
            )
        return key

    def _made(self) -> bytes:
        """A link appears whole and never twice: of two processes that make one, both use the first."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self.path.parent, prefix=".privacy-")  # mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_bytes(KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):  # another process was first: its key is read below
                    os.link(draft, self.path)
            finally:
                Path(draft).unlink()
        except OSError as exc:
            raise PrivacyKeyError(
                f"{self.path}: cannot be written ({exc.strerror}); mend its folder's rights"
            ) from exc
        key = self._read()
        if key is None:
            raise PrivacyKeyError(f"{self.path} has gone again; restore it")
        return key
