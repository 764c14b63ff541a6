"""What labels of chosen rows say of all rows: estimates weighted by `1 / pi`, and where the truth may lie.

Everything follows from counts of rows by (level of pi, cell, unanswered / wrong / right), so it does not
depend on the order in which labels came.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitors.bins import Counts, Floats
from monitors.sequential import confidence_sequence
from monitors.statistics import Z_95, Interval

BETS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.6])
_GRID = 100
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)  # not slotted: what follows from the counts is kept once it was made
class Answers:
    """Chosen rows: one entry for each level, cell and label that occurs."""

    weight: Floats  # 1 / pi
    rows: Floats  # answered rows
    cell: NDArray[np.int64]
    label: NDArray[np.int64]  # 0 or 1
    chosen: int  # answered or not
    share: float  # of the chosen, by weight, that were answered

    @cached_property
    def answered(self) -> int:
        """How many labels there are."""
        return int(self.rows.sum())

    @cached_property
    def total(self) -> Floats:
        """What each entry counts for."""
        return self.weight * self.rows

    def mean(self, value: Floats, of: Floats | None = None) -> Estimate | None:
        """Hajek's estimate of the mean of `value`, among the rows where `of` is 1 (1971)."""
        of = np.ones_like(value) if of is None else of
        size = float(self.total @ of)
        if size <= 0:
            return None
        mean = float(self.total @ (of * value)) / size
        influence = of * (value - mean) / size
        n = int(self.rows @ of)
        return Estimate(value=mean, variance=self.variance(influence), n=n)

    def variance(self, influence: Floats) -> float:
        """Of an estimate to which each row adds so much: the part of the choice, and that of chance.

        The first is `(w^2 - a w) u^2` summed over answered rows, a the share that was answered (Poisson
        sampling, in Sarndal, Swensson & Wretman 1992); the second is `a w u^2`.
        """
        return float((self.weight**2 * self.rows * influence**2).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its variance, and the labels behind it."""

    value: float
    variance: float
    n: int

    @property
    def as_share(self) -> Interval:
        """A 95 % interval of a share: Wilson's, of as many rows as would give this variance.

        Near 0 and 1 the normal law would be too sure, and where all rows agree it would give a point.
        """
        p = self.value
        spread = p * (1 - p)
        n = spread / self.variance if self.variance > _TINY * spread and spread > 0 else float(self.n)
        z2 = Z_95**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        margin = Z_95 / (1 + z2 / n) * float(np.sqrt(spread / n + z2 / (4 * n * n)))
        return max(0.0, min(centre - margin, p)), min(1.0, max(centre + margin, p))

    @property
    def as_number(self) -> Interval:
        """A 95 % interval by the normal law."""
        margin = Z_95 * float(np.sqrt(self.variance))
        return self.value - margin, self.value + margin


def assisted_mean(answers: Answers, value: Floats, expected: Floats, rows: Counts) -> Estimate | None:
    """The mean of `value`, a share, with the help of what was expected of each cell, of all rows (PPI++).

    `expected` is by cell, `rows` counts all rows by cell. However wrong the expectation, the estimate stays
    right: its weight is 0 where it says nothing (Angelopoulos, Duchi & Zrnic 2023).
    """
    size, n = float(answers.total.sum()), int(rows.sum())
    if size <= 0 or n <= 0:
        return None
    share = answers.total / size
    g = expected[answers.cell]
    c_mean, g_mean = float(share @ value), float(share @ g)
    spread = float(share @ (g - g_mean) ** 2)
    slope = float(share @ ((value - c_mean) * (g - g_mean))) / spread if spread > _TINY else 0.0
    slope = min(max(slope, 0.0), 1.0)
    error = (value - c_mean) - slope * (g - g_mean)
    of_choice = answers.rows * (answers.weight**2 - answers.share * answers.weight) * (error / size) ** 2
    of_chance = float(share @ (value - c_mean) ** 2) / n
    return Estimate(
        value=min(max(c_mean + slope * (float(expected @ rows) / n - g_mean), 0.0), 1.0),
        variance=float(of_choice.sum()) + of_chance,
        n=answers.answered,
    )


def area(answers: Answers, score_bin: NDArray[np.int64], bins: int) -> Estimate | None:
    """Area under the ROC curve: how often a row of label 1 has the higher score than one of label 0.

    Rows of one bin are ties. Its variance is DeLong's (1988), with weights.
    """
    positive, negative = (
        np.bincount(score_bin, weights=answers.total * (answers.label == label), minlength=bins)
        for label in (1, 0)
    )
    p, n = float(positive.sum()), float(negative.sum())
    if p <= 0 or n <= 0:
        return None
    below = (np.cumsum(negative) - negative / 2) / n  # of a row of label 1 in each bin: pairs that it wins
    above = 1 - (np.cumsum(positive) - positive / 2) / p
    value = float(below @ positive) / p
    influence = np.where(answers.label == 1, (below[score_bin] - value) / p, (above[score_bin] - value) / n)
    return Estimate(value=value, variance=answers.variance(influence), n=answers.answered)


def weighted_sequence(weight: Floats, right: Floats, wrong: Floats, alpha: float = 0.05) -> Interval:
    """Where a share lies, at all looks at once but for a chance of alpha, by rows chosen with unequal pi.

    `right` and `wrong` count answered rows, each entry of one weight. A row enters by `v (c - m)`, `v` its
    weight as a share of the greatest: if m is the truth its mean is 0, chosen and answered or not. So the
    mean of `prod(1 + k v (c - m) / m)` and `prod(1 - k v (c - m) / (1 - m))` over the bets k is a martingale
    that begins at 1, and `{m: K(m) < 1 / alpha}` holds the truth (Waudby-Smith & Ramdas 2024). Products over
    counts do not depend on the order.
    """
    weights, places = np.unique(weight, return_inverse=True)
    hits, misses = (
        np.asarray(np.bincount(places, weights=rows, minlength=len(weights)), dtype=np.float64)
        for rows in (right, wrong)
    )
    if len(weights) <= 1:
        low, high = confidence_sequence(hits.sum(), (hits + misses).sum(), alpha)
        return float(low), float(high)
    v = weights / weights.max()
    middle = float(v @ hits) / float(v @ (hits + misses))
    return _edge(v, hits, misses, middle, alpha), 1.0 - _edge(v, misses, hits, 1.0 - middle, alpha)


def _edge(v: Floats, right: Floats, wrong: Floats, middle: float, alpha: float) -> float:
    """The least m up to the estimate that is not ruled out: a grid, and another between two of its points."""
    low, high = 0.0, middle
    if middle <= 0:
        return low
    for _ in range(2):
        grid = np.linspace(low, high, _GRID)[1:-1]
        kept = np.flatnonzero(_log_wealth(v, right, wrong, grid) < -np.log(alpha))
        first = int(kept[0]) if len(kept) else len(grid)
        low, high = (
            (low if first == 0 else float(grid[first - 1])),
            (float(grid[first]) if first < len(grid) else high),
        )
    return low


def _log_wealth(v: Floats, right: Floats, wrong: Floats, m: Floats) -> Floats:
    bets = BETS[:, None, None] * v
    m = m[None, :, None]
    up = np.log1p(bets * (1 - m) / m) @ right + np.log1p(-bets) @ wrong
    down = np.log1p(-bets) @ right + np.log1p(bets * m / (1 - m)) @ wrong
    both = np.concatenate([up, down])
    return np.asarray(np.logaddexp.reduce(both, axis=0) - np.log(len(both)))
