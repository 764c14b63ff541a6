"""What `inferwatch models add` records: a folder as it is, or what a Detoxify checkpoint is made into."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from inference.errors import SpecError

_PUBLISHED = "detoxify:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What a person said about a checkpoint. Of a folder, its `model.yaml` says it."""

    tokenizer: Path | None = None
    sha256: str | None = None
    name: str | None = None
    version: str | None = None


@contextmanager
def folder_to_add(source: str, said: Import) -> Iterator[Path]:
    """A folder for `Repository.add`; one that was made for it is gone afterwards.

    `source` is a folder, the file of a Detoxify checkpoint, or `detoxify:original` and the like, which is
    downloaded. Raises `RepositoryError`.
    """
    published = source.startswith(_PUBLISHED)
    if not published and not Path(source).is_file():
        given = [f"--{option}" for option, value in asdict(said).items() if value is not None]
        if given:
            raise SpecError(f"{', '.join(given)}: for a Detoxify checkpoint; '{source}' is no file")
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="inferwatch-") as place:
        if published:
            yield _downloaded(source.removeprefix(_PUBLISHED), said, Path(place))
            return
        yield _converted(Path(source), said, Path(place))


def _downloaded(name: str, said: Import, place: Path) -> Path:
    from inference.detoxify.published import download, published  # noqa: PLC0415  needed only here

    got = download(published(name), place)
    tokenizer = said.tokenizer or got.tokenizer
    return _converted(
        got.checkpoint, replace(said, tokenizer=tokenizer, name=said.name or f"detoxify-{name}"), place
    )


def _converted(checkpoint: Path, said: Import, place: Path) -> Path:
    from inference.detoxify.checkpoint import read_checkpoint  # noqa: PLC0415  torch: only where it is used
    from inference.detoxify.converting import convert  # noqa: PLC0415  as above

    if said.tokenizer is None:
        raise SpecError(
            f"'{checkpoint.name}' is a file: if it is a Detoxify checkpoint, say --tokenizer FOLDER, which "
            "holds config.json and the tokenizer's files; else name the folder that holds model.yaml"
        )
    read = read_checkpoint(checkpoint, pinned=said.sha256)
    return convert(read, said.tokenizer, place / "folder", name=said.name, version=said.version)
