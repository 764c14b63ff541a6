"""The model repository: `<root>/<model>/<version>/` with the version's files and its `manifest.json`.

Light: reading it imports no torch, for the monitor process reads it too. Only `add` loads a backend, to see
that the model can be loaded before it is recorded.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import ValidationError

from inference.backend import Inspected, Source, backend
from inference.device import Device
from inference.errors import (
    HashMismatchError,
    RefusedFileError,
    RepositoryError,
    SpecError,
    UnknownModelError,
    VersionExistsError,
)
from inference.manifest import NAME, Manifest, ModelSpec
from inference.pickles import CONVERT, pickles
from inference.selftest import SELFTEST
from inference.warming import self_test, warm

MANIFEST = "manifest.json"
REFERENCE = "reference.bin"
REFERENCE_ROWS = "reference_rows.bin"
_STAGING = ".adding-"


class Repository:
    """Model versions on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, folder: Path, code: Sequence[Path] = (), *, at: datetime | None = None) -> Manifest:
        """Check a folder with a `model.yaml`, see that it loads, and record it with the hashes of its files.

        The same version with the same content again changes nothing.
        """
        spec = read_spec(folder)
        kind = backend(spec.backend, code)
        found = _inspected(kind.inspect, spec, folder)
        names = dict.fromkeys([*found.files, *([SELFTEST] if (folder / SELFTEST).exists() else [])])
        hashes = {name: _sha256(_inside(folder, name)) for name in names}
        manifest = Manifest(
            **found.spec.model_dump(), files=hashes, added_at=(at or datetime.now(UTC)).isoformat()
        )
        if (earlier := self._earlier(manifest)) is not None:
            return earlier
        place = self.folder(spec.name, spec.version)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=self.root) as staging:
            staged = Path(staging) / spec.version
            staged.mkdir()
            for name in hashes:
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(_inside(folder, name), staged / name)
            (staged / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
            self._verify(manifest, staged)
            source = Source(manifest=manifest, folder=staged, device=Device(kind="cpu"), code=tuple(code))
            model = kind.load(source)
            warm(model)
            self_test(model, source)
            model.close()
            staged.rename(place)
        return manifest

    def places(self) -> list[tuple[str, str]]:
        """Name and version of everything recorded, by name, newest version last. Cheap enough to poll."""
        found = [
            (path.parent.parent.name, path.parent.name)
            for path in self.root.glob(f"*/*/{MANIFEST}")
            if re.match(NAME, path.parent.parent.name) and re.match(NAME, path.parent.name)
        ]
        return sorted(found, key=lambda place: (place[0], natural(place[1])))

    def manifests(self) -> list[Manifest]:
        """Every version, by name, newest last."""
        return [self.manifest(name, version) for name, version in self.places()]

    def versions(self, name: str) -> list[str]:
        """The versions of a model in natural order: 10 comes after 9."""
        return [version for model, version in self.places() if model == name]

    def manifest(self, name: str, version: str) -> Manifest:
        """What `models add` recorded."""
        path = self.folder(name, version) / MANIFEST
        try:
            return Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError as exc:
            raise UnknownModelError(
                f"{name} {version} is not in {self.root}; `inferwatch models list` shows what is"
            ) from exc
        except ValidationError as exc:
            raise RepositoryError(f"{path} is damaged: {_first(exc)}; add the model again") from exc

    def folder(self, name: str, version: str) -> Path:
        """Where a version's files lie, whether it exists or not."""
        if not (re.match(NAME, name) and re.match(NAME, version)):
            raise UnknownModelError(f"'{name[:80]}' '{version[:80]}' is no name and version of a model")
        return self.root / name / version

    def reference_path(self, name: str, version: str) -> Path:
        """Where the monitors keep what traffic is compared with. Not one of the hashed files."""
        return self.folder(name, version) / REFERENCE

    def reference_rows_path(self, name: str, version: str) -> Path:
        """And a sample of its rows, for reports."""
        return self.folder(name, version) / REFERENCE_ROWS

    def verify(self, manifest: Manifest) -> None:
        """Read every file and compare it with its hash. Raises `HashMismatchError`."""
        self._verify(manifest, self.folder(manifest.name, manifest.version))

    def _verify(self, manifest: Manifest, folder: Path) -> None:
        for name, expected in manifest.files.items():
            if _sha256(_inside(folder, name)) != expected:
                raise HashMismatchError(
                    f"{manifest.name} {manifest.version}: '{name}' is not the file that was added; "
                    "restore it, or add the model under a new version"
                )

    def _earlier(self, manifest: Manifest) -> Manifest | None:
        """The same version, if it was added before with the same content."""
        if not (self.folder(manifest.name, manifest.version) / MANIFEST).exists():
            return None
        earlier = self.manifest(manifest.name, manifest.version)
        if earlier.model_copy(update={"added_at": manifest.added_at}) != manifest:
            raise VersionExistsError(
                f"{manifest.name} {manifest.version} was added with other content; give this a new version"
            )
        return earlier


def read_spec(folder: Path) -> ModelSpec:
    """The `model.yaml` of a folder. Raises `SpecError`, which names the key."""
    path = folder / "model.yaml"
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        return ModelSpec.model_validate(written)
    except FileNotFoundError as exc:
        raise SpecError(
            f"{path} does not exist; a model folder holds a model.yaml beside its weights"
        ) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise SpecError(f"{path} is not YAML: {' '.join(str(exc).split())}") from exc
    except ValidationError as exc:
        raise SpecError(f"{path}: {_first(exc)}") from exc


def natural(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts 9 before 10, and 1.9 before 1.10."""
    parts = re.split(r"(\d+)", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts if part)


def _inspected(inspect: Callable[[ModelSpec, Path], Inspected], spec: ModelSpec, folder: Path) -> Inspected:
    try:
        return inspect(spec, folder)
    except FileNotFoundError as exc:
        raise SpecError(f"{exc.filename} does not exist") from exc
    except ValidationError as exc:  # what the model's own files say does not fit model.yaml
        raise SpecError(f"{folder / 'model.yaml'}: {_first(exc)}") from exc


def _inside(folder: Path, name: str) -> Path:
    """A file of the folder. Refuses one that lies outside, or is a pickle, or is not there."""
    path = folder / name
    if Path(name).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise RefusedFileError(f"'{name}' lies outside {folder}; put the file itself into the folder")
    if pickles([name]):
        raise RefusedFileError(f"'{name}' is refused: {CONVERT.replace('FILE', name)}")
    if path.is_file():
        return path
    others = pickles(other.name for other in path.parent.glob("*")) if path.parent.is_dir() else []
    if others:
        raise RefusedFileError(
            f"'{name}' does not exist, and '{others[0]}' is refused: {CONVERT.replace('FILE', others[0])}"
        )
    raise SpecError(f"'{name}' does not exist in {folder}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first(error: ValidationError) -> str:
    """The first complaint of pydantic in one line."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
