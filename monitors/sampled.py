"""What the rows that were chosen to be labelled say of all rows: accuracy without a label for each of them.

A label of a chosen row is its answer. A label that came unasked is counted apart (`unasked_accuracy`) and
never mixed in, since nobody knows why it came. Two estimates of the same number: `sampled_accuracy` (Hajek)
is made of the answers alone; for `sampled_accuracy_assisted` (PPI++) the scores of all rows help, so it is
mostly tighter. Both intervals are for one look at a window. What alarms is looked at again with every answer,
so a confidence sequence decides: `sampled_accuracy` is breached when all of it lies below the bound.

If under half of the chosen are answered, or those that are differ in certainty from those that are not, an
estimate depends on who answered: it is shown, and breaches nothing. A budget is for a day, so windows are a
day long at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import numpy as np

from inference.manifest import Task
from monitors.base import ModelContext
from monitors.bins import Floats, wide_means
from monitors.frames import Frame
from monitors.labels import can_be_right
from monitors.sampling.certainty import SCORE_BINS, certainties
from monitors.sampling.chosen import (
    answers_of,
    count_labels,
    count_rows,
    delay_at,
    depends_on_who,
    is_right,
    mean_error,
    unasked_by_cell,
)
from monitors.sampling.estimates import Answers, Estimate, area, assisted_mean, weighted_sequence
from monitors.statistics import Interval, wilson
from storage.records import Bounds, Measurement
from storage.summary import Summary

_UNBOUND = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """How right the model was, by the labels of rows that were chosen with a known probability."""

    uses_labels: ClassVar[bool] = True
    uses_reference: ClassVar[bool] = False
    uses_scores: ClassVar[bool] = False
    uses_slices: ClassVar[bool] = True
    least_window: ClassVar[timedelta] = timedelta(days=1)

    model: ModelContext
    tolerance: float = 0.02
    relative_tolerance: float = 0.1
    min_answers: int = 30  # fewer say nothing: unknown

    @classmethod
    def applies(cls, context: ModelContext) -> bool:
        """Where an answer is one of known classes that exclude each other, or a number."""
        return can_be_right(context.manifest)

    @property
    def certainties(self) -> Floats:
        """How likely a row of each cell is right, by the labels of the reference."""
        manifest, reference = self.model.manifest, self.model.reference
        known = None if reference is None else reference.summaries.get("sampling")
        if known is None or manifest.task is Task.REGRESSION:
            return certainties(manifest, None)
        return certainties(manifest, unasked_by_cell(known, manifest))

    def observe(self, frame: Frame) -> Summary:
        """The cells of `monitors.sampling.chosen`."""
        answered = frame.ok
        if answered.rows == 0:
            return Summary()
        count = count_rows if answered.labels is None else count_labels
        return Summary.of(count(answered, self.model.manifest))

    def assess(self, current: Summary, reference: Summary | None) -> Iterator[Measurement]:
        """Estimates, how many of the chosen were answered, what came unasked, and how late labels come."""
        answers = answers_of(current)
        chosen, answered = (0, 0) if answers is None else (answers.chosen, answers.answered)
        enough = answers if answered >= self.min_answers else None
        if self.model.manifest.task is Task.REGRESSION:
            yield self._error(current, reference, enough)
        else:
            yield self._accuracy(current, reference, enough)
            yield from self._figures(current, enough)
            yield self._unasked(current)
        yield Measurement(
            metric="sample_answered_share",
            value=answered / chosen if chosen else None,
            interval=wilson(answered, chosen) if chosen else None,
            n=chosen,
        )
        if answers is not None:
            apart = float(depends_on_who(current, self.certainties))
            yield Measurement(metric="sample_depends_on_who", value=apart, n=answered)
        labels = int(current["delays"].sum()) if "delays" in current else 0
        yield Measurement(metric="label_delay_median_s", value=delay_at(current, 0.5), n=labels)
        yield Measurement(metric="label_delay_p90_s", value=delay_at(current, 0.9), n=labels)

    def _accuracy(self, current: Summary, reference: Summary | None, answers: Answers | None) -> Measurement:
        bounds = _UNBOUND
        if reference is not None:
            wrong, right = unasked_by_cell(reference, self.model.manifest).sum(axis=0).tolist()
            bounds = Bounds(lower=right / (right + wrong) - self.tolerance) if right + wrong else bounds
        hits = None if answers is None else is_right(answers, self.model.manifest)
        found = None if answers is None or hits is None else answers.mean(hits)
        if answers is None or hits is None or found is None:
            return Measurement(metric="sampled_accuracy", value=None, n=0, bounds=bounds)
        _, high = weighted_sequence(answers.weight, answers.rows * hits, answers.rows * (1 - hits))
        fell = bounds.lower is not None and high < bounds.lower
        sure = fell and not depends_on_who(current, self.certainties)
        return _measured("sampled_accuracy", found, found.as_share, bounds, significant=sure)

    def _figures(self, current: Summary, answers: Answers | None) -> Iterator[Measurement]:
        """What is shown beside it: with the help of the scores, and of two classes the rates of each."""
        manifest, expected = self.model.manifest, self.certainties
        if answers is None:
            return
        rows = np.maximum(current["rows"], 0) if "rows" in current else np.zeros(len(expected), np.int64)
        helped = assisted_mean(answers, is_right(answers, manifest), expected, rows)
        if helped is not None:
            yield _measured("sampled_accuracy_assisted", helped, helped.as_share)
        if manifest.positive is None:
            return
        found, truth = (answers.cell % 2).astype(np.float64), answers.label.astype(np.float64)
        rates = {
            "sampled_tpr": answers.mean(found, truth),
            "sampled_fpr": answers.mean(found, 1 - truth),
            "sampled_ppv": answers.mean(truth, found),
            "sampled_auc": area(answers, answers.cell // 2, SCORE_BINS + 1),
        }
        for metric, rate in rates.items():
            if rate is not None:
                yield _measured(metric, rate, rate.as_share)

    def _error(self, current: Summary, reference: Summary | None, answers: Answers | None) -> Measurement:
        bounds = _UNBOUND
        if reference is not None and "errors" in reference:
            counts, means, _ = wide_means(reference["errors"])
            bounds = Bounds(upper=float(counts @ means) / int(counts.sum()) * (1 + self.relative_tolerance))
        found = None if answers is None else mean_error(current, answers)
        if found is None:
            return Measurement(metric="sampled_mae", value=None, n=0, bounds=bounds)
        low, high = found.as_number
        rose = bounds.upper is not None and low > bounds.upper
        sure = rose and not depends_on_who(current, self.certainties)
        return _measured("sampled_mae", found, (max(low, 0.0), high), bounds, significant=sure)

    def _unasked(self, current: Summary) -> Measurement:
        cells = unasked_by_cell(current, self.model.manifest)
        wrong, right = cells.sum(axis=0).tolist()
        n = max(wrong + right, 0)
        if n < self.min_answers or (cells < 0).any():
            return Measurement(metric="unasked_accuracy", value=None, n=n)
        return Measurement(metric="unasked_accuracy", value=right / n, interval=wilson(right, n), n=n)


def _measured(
    metric: str,
    found: Estimate,
    interval: Interval,
    bounds: Bounds = _UNBOUND,
    *,
    significant: bool = True,
) -> Measurement:
    return Measurement(
        metric=metric,
        value=found.value,
        interval=interval,
        bounds=bounds,
        significant=significant,
        n=found.n,
    )
