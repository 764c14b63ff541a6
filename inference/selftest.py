"""The self-test of a model folder: rows with their answers, as they were when the model was made.

A folder that holds a `selftest.json` is served only while the model answers those rows as it says. It finds
what loads without an error and is wrong all the same: another tokenizer, other weights, a library that reads
them in another way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from inference.backend import Model, Outputs
from inference.errors import InferenceError, SelfTestError
from inference.manifest import Section

SELFTEST = "selftest.json"
_PAIRS_IN_ORDER = 0.9  # random weights order half of the pairs
_SAME = 1e-9


class Order(Section):
    """Rows of which one group must outscore the other in one class."""

    class_name: str
    higher: tuple[int, ...] = Field(min_length=1)
    lower: tuple[int, ...] = Field(min_length=1)


class SelfTest(Section):
    """What `selftest.json` holds. Rows that were answered differently must be so again, however slightly."""

    inputs: dict[str, list[Any]] = Field(min_length=1)
    outputs: dict[str, list[float] | list[list[float]]] = Field(
        min_length=1, description="columns of numbers, such as score or probabilities"
    )
    tolerance: float = 1e-5
    order: Order | None = Field(default=None, description="needs probabilities among the outputs")

    @model_validator(mode="after")
    def _names_rows_that_there_are(self) -> SelfTest:
        rows = len(next(iter(self.inputs.values())))
        if not rows:
            raise ValueError("there are no rows")
        for name, column in self.outputs.items():
            if len({len(row) for row in column if isinstance(row, list)}) > 1:
                raise ValueError(f"'{name}' has rows of different lengths")
        if self.order is not None and not set(self.order.higher + self.order.lower) <= set(range(rows)):
            raise ValueError(f"order names a row that is not there: there are {rows}")
        return self

    @classmethod
    def of(cls, folder: Path) -> SelfTest | None:
        """The self-test of a folder, if it has one. Raises `SelfTestError` for one that cannot be read."""
        path = folder / SELFTEST
        if not path.exists():
            return None
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "it"
            raise SelfTestError(f"{SELFTEST}: {place}: {first['msg']}") from exc

    def write(self, folder: Path) -> None:
        """Make it part of a model folder."""
        (folder / SELFTEST).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def run(self, model: Model, classes: tuple[str, ...]) -> None:
        """Raises `SelfTestError` where the model answers otherwise than it did."""
        answers = _answers(model, self.inputs)
        for name, expected in self.outputs.items():
            if name not in answers:
                raise SelfTestError(f"self-test: the model has no output '{name}', only {', '.join(answers)}")
            self._compare(name, np.array(answers[name]), np.array(expected))
        if self.order is not None:
            _in_order(answers, classes, self.order)

    def _compare(self, name: str, answered: NDArray[Any], expected: NDArray[Any]) -> None:
        if answered.shape != expected.shape:
            raise SelfTestError(
                f"self-test: '{name}' has the shape {list(answered.shape)}, not {list(expected.shape)}"
            )
        same = _first_same(answered, expected)
        if same is not None:
            raise SelfTestError(
                f"self-test: rows {same[0]} and {same[1]} differ and are answered alike; "
                "the model does not see the difference (for texts: is this its tokenizer?)"
            )
        apart = np.abs(answered - expected).reshape(len(expected), -1).max(axis=1)
        worst = int(apart.argmax())
        if not apart[worst] <= self.tolerance:
            raise SelfTestError(
                f"self-test: '{name}' of row {worst} is {apart[worst]:.2g} away from what it was when the "
                f"model was made, and {self.tolerance:g} is allowed; add the model again from its source"
            )


def _answers(model: Model, inputs: dict[str, list[Any]]) -> Outputs:
    rows = len(next(iter(inputs.values())))
    try:
        (payload,) = model.prepare([model.check(inputs, rows)])
        answers: Outputs = {}
        for part in model.parts(payload):
            outcome = model.split(model.forward(model.collate([part])), [part])[0]
            if isinstance(outcome, InferenceError):
                raise outcome
            for name, values in outcome.items():
                column = answers.setdefault(name, [None] * rows)
                for place, value in zip(part.places or range(rows), values, strict=True):
                    column[place] = value
    except InferenceError as exc:
        raise SelfTestError(f"self-test: the model does not answer: {exc}") from exc
    except Exception as exc:  # a backend's fault; whoever loads the model learns what it raised
        raise SelfTestError(f"self-test: the model does not answer: {type(exc).__name__}: {exc}") from exc
    return answers


def _first_same(answered: NDArray[Any], expected: NDArray[Any]) -> tuple[int, int] | None:
    """Two rows with the same answer that had different ones when the model was made."""
    rows, were = answered.reshape(len(answered), -1), expected.reshape(len(expected), -1)
    for place in range(1, len(rows)):
        alike = _same(rows[:place], rows[place]) & ~_same(were[:place], were[place])
        if alike.any():
            return int(alike.argmax()), place
    return None


def _same(rows: NDArray[Any], row: NDArray[Any]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (np.abs(rows - row) <= _SAME).all(axis=1)
    return same


def _in_order(answers: Outputs, classes: tuple[str, ...], order: Order) -> None:
    if order.class_name not in classes or "probabilities" not in answers:
        raise SelfTestError(f"self-test: the model has no probability of a class '{order.class_name}'")
    probabilities = np.array(answers["probabilities"], dtype=np.float64)
    scores = probabilities[:, classes.index(order.class_name)]
    higher, lower = scores[list(order.higher)], scores[list(order.lower)]
    share = float((higher[:, None] > lower[None, :]).mean())
    if share < _PAIRS_IN_ORDER:
        raise SelfTestError(
            f"self-test: '{order.class_name}' puts {share:.0%} of the pairs in order, and "
            f"{_PAIRS_IN_ORDER:.0%} are wanted; these are not the weights of such a model"
        )
