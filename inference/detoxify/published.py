"""Where Detoxify's published weights are, for whoever asks for them by name and has a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx

from inference.errors import RepositoryError, SpecError

_RELEASES = "https://github.com/unitaryai/detoxify/releases/download"
_TIMEOUT_S = 60.0
_TOKENIZER_FILES = ["config.json", "tokenizer*.json", "vocab.*", "merges.txt", "*.model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A checkpoint, whose name carries 8 digits of its hash, and the model whose tokenizer it was trained
    with."""

    checkpoint: str
    base: str
    revision: str


PUBLISHED = {
    "original": Published(
        checkpoint="v0.1-alpha/toxic_original-c1212f89.ckpt",
        base="google-bert/bert-base-uncased",
        revision="86b5e0934494bd15c9632b12f734a8a67f723594",
    ),
    "unbiased": Published(
        checkpoint="v0.3-alpha/toxic_debiased-c7548aa0.ckpt",
        base="FacebookAI/roberta-base",
        revision="e2da8e2f811d1448a5b465c236feacd80ffbac7b",
    ),
    "multilingual": Published(
        checkpoint="v0.4-alpha/multilingual_debiased-0b549669.ckpt",
        base="FacebookAI/xlm-roberta-base",
        revision="e73636d4f797dec63c3081bb6ed5c7b0bb3f2089",
    ),
    "original-small": Published(
        checkpoint="v0.1.2/original-albert-0e1d6498.ckpt",
        base="albert/albert-base-v2",
        revision="8e2f239c5f8a2c0f253781ca60135db913e5c80c",
    ),
    "unbiased-small": Published(
        checkpoint="v0.1.2/unbiased-albert-c8519128.ckpt",
        base="albert/albert-base-v2",
        revision="8e2f239c5f8a2c0f253781ca60135db913e5c80c",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What lies on disk now."""

    checkpoint: Path
    tokenizer: Path


def published(name: str) -> Published:
    """Raises `SpecError` for a name that Detoxify does not have."""
    found = PUBLISHED.get(name)
    if found is None:
        raise SpecError(f"Detoxify has no model '{name[:80]}'; it has {', '.join(PUBLISHED)}")
    return found


def download(wanted: Published, into: Path) -> Downloaded:
    """Fetch weights and tokenizer. The only place that uses the network, and only when a person asks."""
    checkpoint = into / Path(wanted.checkpoint).name
    _fetch(f"{_RELEASES}/{wanted.checkpoint}", checkpoint)
    return Downloaded(checkpoint=checkpoint, tokenizer=_tokenizer(wanted, into / "tokenizer"))


def _fetch(url: str, into: Path) -> None:
    try:
        with (
            httpx.stream("GET", url, follow_redirects=True, timeout=_TIMEOUT_S) as answer,
            into.open("wb") as file,
        ):
            answer.raise_for_status()
            for block in answer.iter_bytes(1 << 20):
                file.write(block)
    except httpx.HTTPError as exc:
        raise RepositoryError(
            f"{url} cannot be fetched: {exc}; fetch it where there is a network, and run "
            "`inferwatch models add FILE.ckpt --tokenizer FOLDER`"
        ) from exc


def _tokenizer(wanted: Published, into: Path) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415  heavy, and rarely needed

    try:
        snapshot_download(
            wanted.base, revision=wanted.revision, allow_patterns=_TOKENIZER_FILES, local_dir=into
        )
    except Exception as exc:  # the hub's client raises of all kinds; whoever asked learns of it
        raise RepositoryError(
            f"the tokenizer of {wanted.base} cannot be fetched: {type(exc).__name__}: {exc}"
        ) from exc
    return into
