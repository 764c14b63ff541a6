"""What the bundled model's card says in numbers: all of it measured on rows that the model never saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from inference.backend import Model
from inference.bundled.rows import CLASSES, Rows

THRESHOLD = 0.5
_BLOCK = 512
_TERM_STARTS = 4  # "You are a kind TERM": the words before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One label of one set."""

    set: str
    label: str
    rows: int
    positives: int
    auc: float
    yardstick: float
    flagged_with: float  # share of the rows with the label that score above the threshold
    flagged_without: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Harmless sentences that name one identity: mean score, and the share above the threshold."""

    term: str
    rows: int
    mean: float
    flagged: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """Synthetic sentences that differ in an identity word alone."""

    auc: float
    mean: float
    flagged: float
    gaps: tuple[Gap, ...]  # by mean score, highest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `measured.json` holds."""

    labels: tuple[Measured, ...]
    templates: Templates

    @classmethod
    def read(cls, path: Path) -> Report:
        """As `write` left it."""
        return TypeAdapter(cls).validate_json(path.read_bytes())

    def write(self, path: Path) -> None:
        """Six digits: what lies beyond differs from machine to machine."""
        numbers = json.loads(json.dumps(asdict(self)), parse_float=lambda text: round(float(text), 6))
        path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def measure(model: Model, rows: Rows, data: Path) -> Report:
    """Everything that the card says."""
    return Report(labels=tuple(measured(model, rows)), templates=templates(model, data))


def measured(model: Model, rows: Rows) -> list[Measured]:
    """Every label of every set, beside a model made for it alone."""
    found = []
    for name in ("tweets", "comments"):
        for label in rows.labels_of(name):
            texts, truth = rows.of(name, label, held_back=True)
            scores = probabilities(model, texts)[:, CLASSES.index(label)]
            found.append(
                Measured(
                    set=name,
                    label=label,
                    rows=len(texts),
                    positives=int(truth.sum()),
                    auc=float(roc_auc_score(truth, scores)),
                    yardstick=yardstick(rows, name, label),
                    flagged_with=float((scores[truth] > THRESHOLD).mean()),
                    flagged_without=float((scores[~truth] > THRESHOLD).mean()),
                )
            )
    return found


def yardstick(rows: Rows, set_name: str, label: str) -> float:
    """ROC AUC of TF-IDF and logistic regression, trained on this label of this set alone."""
    texts, truth = rows.of(set_name, label, held_back=False)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    classifier = LogisticRegression(solver="liblinear").fit(vectorizer.fit_transform(texts), truth)
    unseen, unseen_truth = rows.of(set_name, label, held_back=True)
    return float(roc_auc_score(unseen_truth, classifier.decision_function(vectorizer.transform(unseen))))


def templates(model: Model, data: Path) -> Templates:
    """How the toxicity of harmless sentences differs with the identity that they name."""
    table = pd.read_parquet(data / "identity_templates_en.parquet")
    scores = probabilities(model, table["phrase"].tolist())[:, CLASSES.index("toxicity")]
    harmless = (table["toxicity"] == "nontoxic").to_numpy()
    padded = " " + table["phrase"].str.lower() + " "
    gaps, unnamed = [], harmless.copy()
    for term in _terms(table):
        chosen = unnamed & padded.str.contains(f" {term} ", regex=False).to_numpy()
        unnamed &= ~chosen
        gaps.append(
            Gap(
                term=term,
                rows=int(chosen.sum()),
                mean=float(scores[chosen].mean()),
                flagged=float((scores[chosen] > THRESHOLD).mean()),
            )
        )
    return Templates(
        auc=float(roc_auc_score(~harmless, scores)),
        mean=float(scores[harmless].mean()),
        flagged=float((scores[harmless] > THRESHOLD).mean()),
        gaps=tuple(sorted(gaps, key=lambda gap: (-gap.mean, gap.term))),
    )


def probabilities(model: Model, texts: Sequence[str]) -> NDArray[np.float64]:
    """What the model answers, a column a class."""
    found: list[Any] = []
    for start in range(0, len(texts), _BLOCK):
        block = list(texts[start : start + _BLOCK])
        (payload,) = model.prepare([model.check({"text": block}, len(block))])
        (outputs,) = model.split(model.forward(model.collate([payload])), [payload])
        if not isinstance(outputs, dict):
            raise outputs
        found += outputs["probabilities"]
    return np.array(found)


def _terms(table: pd.DataFrame) -> list[str]:
    """The identities of the templates, read from one kind of harmless sentence; the longest first."""
    kind = table[(table["template"] == "you_are_adj") & (table["toxicity"] == "nontoxic")]
    terms = {" ".join(phrase.lower().split()[_TERM_STARTS:]) for phrase in kind["phrase"]}
    return sorted(terms, key=lambda term: (-len(term), term))
