"""How likely an answer is right, before anybody says so: by cells of what the model itself gave.

A cell is a bin of the score, and with two classes the predicted one. Cells depend on no reference, so counts
in them always add. What share of a cell is right is learnt from the labelled rows of the reference; where
those are few, the model's own probability fills in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.manifest import ModelSpec, Task
from monitors.bins import Counts, Floats, logit_edges
from monitors.frames import Frame

SCORE_BINS = 64
_EDGES = logit_edges(SCORE_BINS, farthest=8.0)
_CENTRES = np.append((np.append(0.0, _EDGES) + np.append(_EDGES, 1.0)) / 2, 0.5)  # the last: no usable score
_PRIOR_ROWS = 20.0  # so many rows of a cell weigh as much as the model's own word
_MOST, _LEAST = 0.98, 0.02  # nothing is so sure that it need not be looked at


def cell_count(manifest: ModelSpec) -> int:
    """How many cells the answers of a model fall into."""
    if manifest.task is Task.REGRESSION:
        return 1
    return (SCORE_BINS + 1) * (2 if manifest.positive is not None else 1)


def cells_of(frame: Frame, manifest: ModelSpec) -> NDArray[np.int64]:
    """The cell of each row; -1 where there is no answer that could be right."""
    if manifest.task is Task.REGRESSION:
        return np.where(frame.numbers(manifest.outputs.name).present, 0, -1)
    scores = frame.numbers("score")
    usable = scores.present & (scores.values >= 0) & (scores.values <= 1)
    bins = np.where(usable, np.searchsorted(_EDGES, scores.values, side="left"), SCORE_BINS)
    places = predicted_classes(frame, manifest)
    if manifest.positive is None:
        return np.where(places < 0, -1, bins)
    positive = places == manifest.outputs.classes.index(manifest.positive)
    return np.where(places < 0, -1, 2 * bins + positive)


def predicted_classes(frame: Frame, manifest: ModelSpec) -> NDArray[np.int64]:
    """The place of each row's class among the model's classes; -1 where it is none of them."""
    classes = {name: place for place, name in enumerate(manifest.outputs.classes)}
    groups = frame.categories("class")
    # the codes -1 and -2, missing and of the wrong type, find the two places at the end
    places = np.array([*(classes.get(name, -1) for name in groups.names), -1, -1])
    return np.asarray(places[groups.codes], dtype=np.int64)


def certainties(manifest: ModelSpec, known: Counts | None) -> Floats:
    """How likely a row of each cell is right. `known` counts labelled rows by cell: wrong, right."""
    own = _own_word(manifest)
    if known is not None:
        wrong, right = known[:, 0], known[:, 1]
        own = (right + _PRIOR_ROWS * own) / (right + wrong + _PRIOR_ROWS)
    return np.clip(own, _LEAST, _MOST)


def _own_word(manifest: ModelSpec) -> Floats:
    if manifest.task is Task.REGRESSION:
        return np.array([0.5])
    if manifest.positive is None:
        return _CENTRES
    return np.stack([1 - _CENTRES, _CENTRES], axis=1).ravel()
