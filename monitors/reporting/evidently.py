"""What Evidently says of two sets of rows. It takes seconds to import, so that is done when it is needed."""

# ruff: noqa: PLC0415
# Imports inside of functions: Evidently and pandas, as above.
from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.manifest import ModelSpec, Task
from monitors.errors import ReportError
from monitors.reporting.rows import Rows, prediction_of, target_of, with_few_values
from storage.records import ReportKind

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot

NUMBER_METHOD, CATEGORY_METHOD = "wasserstein", "jensenshannon"
"""As Evidently itself chooses from a thousand rows on; so a small reference is measured alike."""

_SCORES = "scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What Evidently made, and what it could not be given."""

    snapshot: Snapshot
    left_out: tuple[str, ...]  # columns that have no value on one side
    folded: tuple[str, ...]  # columns of more names than a report tells apart


def compare(kind: ReportKind, current: Rows, reference: Rows, manifest: ModelSpec) -> Comparison:
    """Run it. Raises `ReportError` where nothing can be compared."""
    from evidently import Dataset, Report

    shared = _shared(current, reference)
    every = {*current.numbers, *current.categories, *reference.numbers, *reference.categories}
    target = None
    if kind in (ReportKind.CLASSIFICATION, ReportKind.REGRESSION):
        target = target_of(manifest, current)
        every &= {prediction_of(manifest), "score"}
    used = shared & every
    if not used or (target is not None and prediction_of(manifest) not in used):
        raise ReportError("no column has values both in the window and in the reference: nothing to compare")
    definition = _definition(kind, current, used, target, manifest)
    (current, reference), folded = with_few_values((current, reference), used - {prediction_of(manifest)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own use of pandas and numpy
        now, then = (
            Dataset.from_pandas(_table(rows, used, target, manifest), data_definition=definition)
            for rows in (current, reference)
        )
        scored = "score" in used and manifest.positive is not None
        snapshot = Report(_metrics(kind, scored=scored)).run(now, then)
    return Comparison(snapshot=snapshot, left_out=tuple(sorted(every - used)), folded=tuple(folded))


def _shared(current: Rows, reference: Rows) -> set[str]:
    """Columns with values on both sides: Evidently refuses an empty one."""
    return {
        name
        for pairs in ((current.numbers, reference.numbers), (current.categories, reference.categories))
        for name in pairs[0].keys() & pairs[1].keys()
        if all(_has_values(columns[name]) for columns in pairs)
    }


def _has_values(values: Any) -> bool:
    if values.dtype == np.float64:
        return bool(np.isfinite(values).any())
    return any(each is not None for each in values)


def _table(rows: Rows, used: set[str], target: str | None, manifest: ModelSpec) -> pd.DataFrame:
    """The rows; where answers are compared with labels, those that have both."""
    import pandas as pd

    columns = (*rows.numbers.items(), *rows.categories.items())
    table = pd.DataFrame({name: values for name, values in columns if name in used})
    if target is None:
        return table
    number = manifest.task is Task.REGRESSION
    table[target] = np.asarray(rows.labels, dtype=np.float64) if number else rows.labels
    return table.dropna(subset=[target, prediction_of(manifest)])


def _definition(kind: ReportKind, rows: Rows, used: set[str], target: str | None, manifest: ModelSpec) -> Any:
    from evidently import BinaryClassification, DataDefinition, MulticlassClassification, Regression

    numbers = [name for name in rows.numbers if name in used]
    categories = [name for name in rows.categories if name in used]
    prediction = prediction_of(manifest)
    if kind is ReportKind.REGRESSION:
        return DataDefinition(
            numerical_columns=[*numbers, str(target)],
            categorical_columns=categories,
            regression=[Regression(target=str(target), prediction=prediction)],
        )
    tasks: list[Any] = []
    if kind is ReportKind.CLASSIFICATION and manifest.positive is not None:
        # Given both, Evidently takes classes from the scores by a threshold of its own, and not the answers.
        told = {"target": str(target), "pos_label": manifest.positive}
        tasks = [BinaryClassification(prediction_labels=prediction, **told)]
        if "score" in used:
            tasks.append(BinaryClassification(name=_SCORES, prediction_probas="score", **told))
    elif kind is ReportKind.CLASSIFICATION:
        tasks = [MulticlassClassification(target=str(target), prediction_labels=prediction)]
    return DataDefinition(
        numerical_columns=numbers,
        categorical_columns=categories if target is None else [*categories, target],
        classification=tasks or None,
    )


def _metrics(kind: ReportKind, *, scored: bool) -> list[Any]:
    from evidently.metrics import LogLoss, RocAuc
    from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset, RegressionPreset

    match kind:
        case ReportKind.DATA_DRIFT:
            return [DataDriftPreset(num_method=NUMBER_METHOD, cat_method=CATEGORY_METHOD)]
        case ReportKind.DATA_SUMMARY:
            return [DataSummaryPreset()]
        case ReportKind.CLASSIFICATION:
            of_scores = [RocAuc(classification_name=_SCORES), LogLoss(classification_name=_SCORES)]
            return [ClassificationPreset(), *(of_scores if scored else ())]
        case ReportKind.REGRESSION:
            return [RegressionPreset()]
