"""From logits to output columns: class, score and probabilities, or a number. In numpy, for every backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from inference.backend import Outputs, Payload, Value
from inference.errors import InferenceError, InvalidInputError, LoadError
from inference.manifest import Manifest, Task

Logits = NDArray[np.float32] | NDArray[np.float64]


class Answers:
    """Turns one batch of logits into the outputs of each payload."""

    def __init__(self, manifest: Manifest) -> None:
        self._classes = manifest.outputs.classes
        self._threshold = manifest.outputs.threshold
        self._name = manifest.outputs.name
        self._width = len(self._classes) if manifest.task is not Task.REGRESSION else 1
        self._columns: Callable[[NDArray[np.float64]], Outputs]
        if manifest.task is Task.REGRESSION:
            self._columns = self._regression
        elif manifest.binary:
            self._positive = self._classes.index(manifest.positive or self._classes[-1])
            self._columns = self._binary
        else:
            self._columns = self._independent if manifest.outputs.multi_label else self._exclusive

    def split(self, logits: Logits, payloads: Sequence[Payload]) -> list[Outputs | InferenceError]:
        """Each payload's own rows, or why it has none. Rows beyond the payloads' are padding."""
        rows = sum(payload.rows for payload in payloads)
        wide = self._shaped(logits, rows)
        finite = np.logical_and.reduce(np.isfinite(wide), axis=1)
        if not finite.all():
            wide = np.where(finite[:, None], wide, 0.0)
        columns = self._columns(wide)
        if len(payloads) == 1 and finite.all():
            return [columns]
        bounds = pairwise(accumulate((payload.rows for payload in payloads), initial=0))
        return [
            {name: values[start:end] for name, values in columns.items()}
            if finite[start:end].all()
            else _not_finite(int(np.argmin(finite[start:end])))
            for start, end in bounds
        ]

    def _shaped(self, logits: Logits, rows: int) -> NDArray[np.float64]:
        wide = logits.astype(np.float64).reshape(len(logits), -1)[:rows]
        single = (
            wide.shape[1] == 1 and self._width == 2
        )  # one logit for two classes: that of the positive one
        if len(wide) != rows or (wide.shape[1] != self._width and not single):
            raise LoadError(
                f"the model gave an array of shape {list(logits.shape)}; [{rows}, {self._width}] is wanted"
            )
        return wide

    def _regression(self, wide: NDArray[np.float64]) -> Outputs:
        return {self._name: wide[:, 0].tolist()}

    def _binary(self, wide: NDArray[np.float64]) -> Outputs:
        margin = wide[:, self._positive] - wide[:, 1 - self._positive] if wide.shape[1] > 1 else wide[:, 0]
        scores = _sigmoid(margin).tolist()
        positive, negative = self._classes[self._positive], self._classes[1 - self._positive]
        threshold = self._threshold
        return {"class": [positive if score >= threshold else negative for score in scores], "score": scores}

    def _exclusive(self, wide: NDArray[np.float64]) -> Outputs:
        powers = np.exp(wide - wide.max(axis=1, keepdims=True))
        return self._best(powers / powers.sum(axis=1, keepdims=True))

    def _independent(self, wide: NDArray[np.float64]) -> Outputs:
        return self._best(_sigmoid(wide))

    def _best(self, probabilities: NDArray[np.float64]) -> Outputs:
        classes: list[Value] = [self._classes[place] for place in probabilities.argmax(axis=1).tolist()]
        return {
            "class": classes,
            "score": probabilities.max(axis=1).tolist(),
            "probabilities": probabilities.tolist(),
        }


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), written so that no exponent overflows."""
    halves: NDArray[np.float64] = np.tanh(logits * 0.5) * 0.5 + 0.5
    return halves


def _not_finite(row: int) -> InvalidInputError:
    """Warm-up showed that the weights are sound, so it is the values that are out of the model's range."""
    return InvalidInputError(
        f"row {row}: the model has no finite answer; its values are out of the model's range", row=row
    )
