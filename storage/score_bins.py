"""The bins in which scores of texts are counted, and how a summary names them: for who counts and who shows.

Scores are in millionths, so that a comparison with a threshold is one of integers. The bins split scores
evenly in their logit, and the two thresholds are edges too; bin k holds `edges[k-1] <= score < edges[k]`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 25
FARTHEST_LOGIT = 7.0
"""The outer bins begin below .001 and above .999."""
UNIT = 1_000_000

CELLS = ("rows", "scored", "not scored", "cut", "empty", "missing", "wrong type", "invalid")
"""What is counted of the texts of a column, in its order."""


def score_edges(flagged: int, severe: int) -> NDArray[np.int64]:
    """In millionths: those of the bins, and the thresholds."""
    return np.unique(np.append(_EDGES, [flagged, severe]))


def cells_name(role: str, column: str) -> str:
    """How a summary calls the cells of a column; `role`: input or output."""
    return f"texts {role} {column}"


def histogram_name(role: str, column: str, class_name: str, thresholds: tuple[int, int]) -> str:
    """Names the thresholds, which are edges: what was counted with others is never added to it."""
    flagged, severe = thresholds
    return f"{role} {column}/{class_name} {flagged} {severe}"


_EDGES = np.rint(UNIT / (1 + np.exp(-np.linspace(-FARTHEST_LOGIT, FARTHEST_LOGIT, BINS - 1)))).astype(
    np.int64
)
