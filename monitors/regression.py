"""Errors of predicted numbers beside their labels: mean absolute error, and root mean squared error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from monitors.bins import wide_means, wide_sums
from monitors.classes import Figure
from monitors.frames import Frame
from monitors.statistics import draws, interval_of, mean_interval
from storage.summary import Summary


def count_errors(frame: Frame, labels: Sequence[float], name: str) -> dict[str, object]:
    """Cells of rows that all have a number for a label."""
    predicted = frame.numbers(name)
    with np.errstate(over="ignore"):  # a difference past the largest float counts as the largest there is
        errors = np.abs(predicted.values[predicted.present] - np.array(labels)[predicted.present])
    return {"errors": wide_sums(errors)}


def error_figures(summary: Summary) -> Mapping[str, Figure]:
    """Both figures, or none where there are no rows."""
    counts, means, squares = (
        wide_means(summary["errors"]) if "errors" in summary else wide_means(wide_sums(np.empty(0)))
    )
    n = int(counts.sum())
    if n <= 0:
        return {}
    mae, mse = float(counts @ means) / n, float(counts @ squares) / n
    again = np.sqrt(draws(counts) @ squares / n)
    rmse = float(np.sqrt(mse))
    return {
        "mae": Figure(value=mae, interval=mean_interval(mae, mse, n), n=n),
        "rmse": Figure(value=rmse, interval=interval_of(rmse, again, lowest=0.0), n=n),
    }
