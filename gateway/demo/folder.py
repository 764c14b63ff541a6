"""The folder of the demo: made once, locked while the demo runs, and emptied of what the demo made alone."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.demo import loans, messages
from gateway.errors import StartError

_MARK = ".made-by-inferwatch-demo"
"""Holds the hash of the settings as the demo wrote them."""
_MODELS = (loans.MODEL, messages.MODEL)
_MADE = (".inferwatch", *_MODELS, "references", "mails", "logs")
"""Folders that the demo makes, and that it deletes before it starts afresh. It touches no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFolder:
    """Where the things of the demo lie."""

    path: Path

    @property
    def config(self) -> Path:
        """Its settings."""
        return self.path / "inferwatch.yaml"

    @property
    def mails(self) -> Path:
        """Every mail that was caught, as a file."""
        return self.path / "mails"

    @property
    def logs(self) -> Path:
        """What the processes say."""
        return self.path / "logs"

    @property
    def references(self) -> Path:
        """The rows that traffic is compared with."""
        return self.path / "references"

    @property
    def used(self) -> bool:
        """Whether a demo ran here before, and left anything."""
        return self.config.exists() or any((self.path / name).exists() for name in _MADE)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep it to this process, and make it where there is none. Raises `StartError`."""
        self._check_ours()
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / _MARK).open("a", encoding="ascii") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                raise StartError(
                    f"{self.path}: another demo runs in this folder; stop it, or run this one with "
                    "--folder OTHER --port-offset 100"
                ) from exc
            yield

    def clear(self) -> Path | None:
        """Delete what a demo made. Settings that were edited get another name, which is returned.

        Raises `StartError` before anything is deleted, where something of somebody else's lies among it.
        """
        places = [self.path / name for name in _MADE]
        models = (self.path / ".inferwatch" / "models").glob("*")
        others = [place for place in models if place.name not in _MODELS]
        others += [place for place in places if place.is_symlink() or place.is_file()]
        if others:
            raise StartError(
                f"{others[0]} was not made by the demo, and a fresh start would delete it; use --keep, or "
                "name another folder with --folder"
            )
        for place in places:
            if place.exists():
                shutil.rmtree(place)
        return self._set_aside()

    def write_settings(self, text: str) -> None:
        """Write them, and remember what they were."""
        self.config.write_text(text, encoding="utf-8")
        (self.path / _MARK).write_text(_hash(text), encoding="ascii")

    def _set_aside(self) -> Path | None:
        if not self.config.exists():
            return None
        if _hash(self.config.read_text(encoding="utf-8")) == (self.path / _MARK).read_text(encoding="ascii"):
            self.config.unlink()
            return None
        kept = next(
            place
            for place in (self.config.with_suffix(f".edited-{n}.yaml") for n in range(1, 10_000))
            if not place.exists()
        )
        return self.config.rename(kept)

    def _check_ours(self) -> None:
        """Refuse a folder that is in use for other things."""
        if self.path.is_dir() and not (self.path / _MARK).exists() and any(self.path.iterdir()):
            raise StartError(
                f"{self.path} holds things that this demo did not make; name another folder with --folder"
            )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
