"""What a label means for a model: the class that it names, or the number that should have been predicted.

Files and apps write classes in their own ways: a label 1, 1.0 or true of a model with the classes "0" and "1"
is "1".
"""

from __future__ import annotations

import math

from inference.manifest import ModelSpec, Task
from storage.records import Value

_WORDS = {True: ("true", "True", "1"), False: ("false", "False", "0")}


def can_be_right(manifest: ModelSpec) -> bool:
    """Whether an answer is a number, or one of known classes that exclude each other."""
    match manifest.task:
        case Task.REGRESSION:
            return True
        case Task.CLASSIFICATION | Task.TEXT_CLASSIFICATION:
            return len(manifest.outputs.classes) > 1 and not manifest.outputs.multi_label
        case _:
            return False


def label_of(value: Value, manifest: ModelSpec) -> str | float | None:
    """The class or number that a label stands for. None: it stands for none that this model can give."""
    return _number(value) if manifest.task is Task.REGRESSION else class_of(value, manifest.outputs.classes)


def class_of(value: Value, classes: tuple[str, ...]) -> str | None:
    """The class that a value names, or None."""
    if isinstance(value, bool):
        return next((word for word in _WORDS[value] if word in classes), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text if isinstance(value, str | int | float) and text in classes else None


def allowed_labels(manifest: ModelSpec) -> str:
    """Which labels a model takes, in words for an error message."""
    if manifest.task is Task.REGRESSION:
        return "a finite number"
    return "one of " + ", ".join(f"'{name}'" for name in manifest.outputs.classes)


def _number(value: Value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer past the largest float
        return None
