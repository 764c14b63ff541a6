"""Makes the bundled toxicity model: `python -m inference.bundled.train_toxicity ../shared/data`.

For developers: it needs the public data sets, takes about a minute on one core, and gives the same files
each time. It prints measurements, and no text.

One logistic regression a class, over hashed n-grams of words and characters, on both sets together; a set
that does not know a class is left out of it. How strongly each is regularised, its slope, and where .5 lies
are chosen on one fold of the training rows, after which it is trained on all of them.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from inference.backend import Source, backend
from inference.backends.hashing import Grams, Hashing
from inference.backends.ngrams import hashing_of
from inference.bundled import BUNDLED_TOXICITY
from inference.bundled.card import card
from inference.bundled.measuring import measure
from inference.bundled.rows import CLASSES, HELD_BACK, Rows, read_rows
from inference.device import Device
from inference.manifest import NgramsPart
from inference.repository import Repository
from inference.texts import TEXTS, toxicity_selftest

NAME, VERSION = "toxicity-bundled", "1"  # a version is never overwritten: what differs is a new one
BUCKETS = 1 << 16
PART = NgramsPart()
CHOOSING = 1  # the fold of the training rows on which is chosen
FLAGGED_WITHOUT = 0.05  # share of its rows without a label that score above .5
_STRENGTHS = (0.125, 0.25, 0.5, 1.0, 2.0)
_FREE = 1e6
_BLOCK = 512
_RARE = 2

Matrix = Any
"""A sparse matrix of scipy, which has no types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Weighted n-grams of texts, words first, and the weight of each bucket."""

    idf: NDArray[np.float64]
    matrix: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One class: what each bucket says of it, and the strength that was chosen."""

    weights: NDArray[np.float64]
    bias: float
    strength: float


def main() -> None:
    """Train, write, measure, and write the card."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data")
    torch.set_num_threads(1)
    rows = read_rows(data)
    train(rows, BUNDLED_TOXICITY)
    with tempfile.TemporaryDirectory() as place:
        repository = Repository(Path(place))
        manifest = repository.add(BUNDLED_TOXICITY)
        folder = repository.folder(manifest.name, manifest.version)
        model = backend(manifest.backend).load(
            Source(manifest=manifest, folder=folder, device=Device(kind="cpu"))
        )
        report = measure(model, rows, data)
    report.write(BUNDLED_TOXICITY / "measured.json")
    (BUNDLED_TOXICITY / "MODEL_CARD.md").write_text(card(report), encoding="utf-8")
    for one in report.labels:
        sys.stdout.write(f"{one.set} {one.label}: {one.auc:.4f}, yardstick {one.yardstick:.4f}\n")
    sys.stdout.write(f"templates: {report.templates.auc:.4f}\n")


def train(rows: Rows, folder: Path) -> None:
    """Write the folder of the model."""
    hashing = hashing_of(PART, BUCKETS)
    features = _features(hashing, rows.texts, rows.folds != HELD_BACK)
    fitted = [_fit(features.matrix, rows.labels[:, place], rows.folds) for place in range(len(CLASSES))]
    for label, one in zip(CLASSES, fitted, strict=True):
        sys.stdout.write(f"{label}: C {one.strength}, bias {one.bias:.3f}\n")
    folder.mkdir(parents=True, exist_ok=True)
    weights = np.stack([one.weights for one in fitted], axis=1)
    bias = np.array([one.bias for one in fitted])
    tensors = {
        "words.weight": weights[:BUCKETS],
        "words.idf": features.idf[:BUCKETS],
        "characters.weight": weights[BUCKETS:],
        "characters.idf": features.idf[BUCKETS:],
        "bias": bias,
    }
    save_file(
        {name: torch.tensor(value, dtype=torch.float32).contiguous() for name, value in tensors.items()},
        folder / PART.weights,
    )
    (folder / "model.yaml").write_text(yaml.safe_dump(_spec(), sort_keys=False), encoding="utf-8")
    logits = _weighted(hashing, TEXTS, features.idf) @ weights + bias
    toxicity_selftest((1 / (1 + np.exp(-logits))).round(9).tolist()).write(folder)


def _spec() -> dict[str, object]:
    return {
        "name": NAME,
        "version": VERSION,
        "task": "text-classification",
        "backend": "ngrams",
        "ngrams": {"words": list(PART.words), "characters": list(PART.characters)},
        "inputs": [{"name": "text", "type": "text"}],
        "outputs": {"classes": list(CLASSES), "multi_label": True},
        "description": "The bundled toxicity model: English, linear, no moderation model. See MODEL_CARD.md.",
    }


def _features(hashing: Hashing, texts: Sequence[str], training: NDArray[np.bool_]) -> Features:
    """TF-IDF of both kinds of n-grams. What fewer than two training rows hold weighs nothing."""
    counts = _counts(hashing, texts)
    seen = np.bincount(counts[training].indices, minlength=counts.shape[1])
    idf = np.log((1 + training.sum()) / (1 + seen)) + 1
    idf[seen < _RARE] = 0
    return Features(idf=idf, matrix=_tf_idf(counts, idf))


def _weighted(hashing: Hashing, texts: Sequence[str], idf: NDArray[np.float64]) -> Matrix:
    return _tf_idf(_counts(hashing, texts), idf)


def _counts(hashing: Hashing, texts: Sequence[str]) -> Matrix:
    blocks = []
    for start in range(0, len(texts), _BLOCK):
        block = texts[start : start + _BLOCK]
        kinds = (hashing.word_grams(block), hashing.character_grams(block))
        blocks.append(sparse.hstack([_sparse(kind, hashing.buckets) for kind in kinds]))
    return sparse.csr_matrix(sparse.vstack(blocks))


def _sparse(grams: Grams, buckets: int) -> Matrix:
    bounds = np.append(grams.offsets, len(grams.buckets))
    shape = (len(grams.offsets), buckets)
    return sparse.csr_matrix((grams.counts.astype(np.float64), grams.buckets, bounds), shape=shape)


def _tf_idf(counts: Matrix, idf: NDArray[np.float64]) -> Matrix:
    """(1 + ln count) x idf, each kind of n-gram scaled to length 1."""
    weights = counts.copy()
    weights.data = (1 + np.log(weights.data)) * idf[weights.indices]
    kinds = []
    for half in (weights[:, :BUCKETS], weights[:, BUCKETS:]):
        lengths = np.sqrt(np.asarray(half.multiply(half).sum(axis=1)).ravel())
        kinds.append(sparse.diags(1 / np.where(lengths == 0, 1, lengths)) @ half)
    return sparse.csr_matrix(sparse.hstack(kinds))


def _fit(matrix: Matrix, labels: NDArray[np.float64], folds: NDArray[np.int64]) -> Fitted:
    """Choose on one fold of the training rows, then train on all of them."""
    known = ~np.isnan(labels) & (folds != HELD_BACK)
    first, judged = known & (folds != CHOOSING), known & (folds == CHOOSING)
    truth = labels[judged]
    tried = []
    for strength in _STRENGTHS:
        logits = _regression(strength, matrix[first], labels[first]).decision_function(matrix[judged])
        tried.append((roc_auc_score(truth, logits), strength, logits))
    _, strength, logits = max(tried, key=lambda one: one[0])
    middle = float(np.quantile(logits[truth == 0], 1 - FLAGGED_WITHOUT))
    slope = float(_regression(_FREE, logits[:, None], truth).coef_[0, 0])  # regularised logits lie too near 0
    last = _regression(strength, matrix[known], labels[known])
    bias = slope * (float(last.intercept_[0]) - middle)
    return Fitted(weights=slope * last.coef_[0], bias=bias, strength=strength)


def _regression(strength: float, matrix: Matrix, labels: NDArray[np.float64]) -> LogisticRegression:
    return LogisticRegression(C=strength, solver="liblinear").fit(matrix, labels)


if __name__ == "__main__":
    main()
