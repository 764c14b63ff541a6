"""The public rows that the bundled model learns from, and which of them it never sees."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CLASSES = ("toxicity", "obscene", "threat", "insult", "identity_attack")
FOLDS = 5
HELD_BACK = 0
"""The fold that is measured. Nothing of it is used for training or for choosing."""

Labels = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Texts of both sets. `labels` has a column a class: 1, 0, or NaN where the set does not know."""

    texts: list[str]
    sets: NDArray[np.str_]
    folds: NDArray[np.int64]
    labels: Labels

    def of(self, set_name: str, label: str, *, held_back: bool) -> tuple[list[str], NDArray[np.bool_]]:
        """Texts of one set that have the label, and their labels."""
        values = self.labels[:, CLASSES.index(label)]
        chosen = (self.sets == set_name) & ((self.folds == HELD_BACK) == held_back) & ~np.isnan(values)
        return [self.texts[place] for place in np.flatnonzero(chosen)], values[chosen] == 1

    def labels_of(self, set_name: str) -> list[str]:
        """The labels that a set has."""
        known = ~np.isnan(self.labels[self.sets == set_name]).all(axis=0)
        return [label for label, is_known in zip(CLASSES, known, strict=True) if is_known]


def read_rows(data: Path) -> Rows:
    """Davidson's tweets and the Civil Comments of toxic_spans."""
    tweets = pd.read_csv(data / "tweets_davidson.csv.gz")
    comments = pd.read_parquet(data / "civil_comments_toxic_spans.parquet")
    texts = [*tweets["tweet"], *comments["text"]]
    labels = np.full((len(texts), len(CLASSES)), np.nan)
    labels[: len(tweets), CLASSES.index("toxicity")] = tweets["class"] < 2  # hate speech, or offensive
    labels[: len(tweets), CLASSES.index("identity_attack")] = tweets["class"] == 0
    labels[len(tweets) :] = comments[list(CLASSES)]
    return Rows(
        texts=texts,
        sets=np.repeat(["tweets", "comments"], [len(tweets), len(comments)]),
        folds=np.array([fold_of(text) for text in texts]),
        labels=labels,
    )


def fold_of(text: str) -> int:
    """By hash, so that the split is the same everywhere, and equal texts are never on both sides."""
    return hashlib.sha256(text.encode()).digest()[0] * FOLDS // 256
