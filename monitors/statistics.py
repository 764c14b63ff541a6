"""Statistics of two sets of counts: how far apart they are, how sure that is, and which of many to believe.

`a` are the counts of the reference and `b` those of the current rows, in the same cells; `m` and `n` are
their sums. Of no rows nothing is known: every distance wants both sums above zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Interval = tuple[float, float]

Z_95 = 1.959963984540054
DRAWS = 200


def psi(a: Counts, b: Counts) -> Floats:
    """Population stability index, less what chance alone would give it: around 0 where nothing changed.

    Half a row is added to every cell; a cell that is empty on both sides is none. Signed: show `max(0, .)`.
    """
    used = (a + b).reshape(-1, a.shape[-1]).any(axis=0)
    a, b = a[..., used], b[..., used]
    m, n, cells = a.sum(axis=-1, keepdims=True), b.sum(axis=-1, keepdims=True), a.shape[-1]
    p, q = (a + 0.5) / (m + 0.5 * cells), (b + 0.5) / (n + 0.5 * cells)
    by_chance = (cells - 1) * (1 / n + 1 / m)[..., 0]
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1) - by_chance)


def js_distance(a: Counts, b: Counts) -> Floats:
    """Jensen-Shannon distance in base 2, without smoothing: 0 for the same shares, 1 where none is shared."""
    p, q = _shares(a), _shares(b)
    r = (p + q) / 2
    squared = (special.rel_entr(p, r) + special.rel_entr(q, r)).sum(axis=-1) / (2 * np.log(2))
    return np.asarray(np.sqrt(np.clip(squared, 0.0, 1.0)))


def ks_distance(a: Counts, b: Counts) -> float:
    """Kolmogorov-Smirnov distance at the edges of the bins: never above that of the raw rows."""
    return float(np.abs(np.cumsum(_shares(a)) - np.cumsum(_shares(b))).max())


def ks_p_value(distance: float, m: int, n: int) -> float:
    """How often chance alone puts two samples of one distribution so far apart (Stephens 1970)."""
    r = np.sqrt(n * m / (n + m))
    return float(special.kolmogorov((r + 0.12 + 0.11 / r) * distance))


def ks_interval(distance: float, m: int, n: int, alpha: float = 0.05) -> Interval:
    """Where the true distance lies (Dvoretzky, Kiefer, Wolfowitz, and Massart; once for each side)."""
    margin = float(np.sqrt(np.log(2 / alpha) / 2)) * (n**-0.5 + m**-0.5)
    return max(0.0, distance - margin), min(1.0, distance + margin)


def wasserstein(a: Counts, b: Counts, a_at: Floats, b_at: Floats) -> Floats:
    """First Wasserstein distance of two sets of atoms, at `a_at` and `b_at`, in the unit of those places."""
    places = np.concatenate([a_at, b_at])
    order = np.argsort(places, kind="stable")
    apart = np.cumsum(np.concatenate([_shares(a), -_shares(b)], axis=-1)[..., order], axis=-1)
    return np.asarray(np.abs(apart[..., :-1]) @ np.diff(places[order]))


def chi2_distance(a: Counts, b: Counts) -> Floats:
    """Pearson's chi-squared of the 2 x K table, without Yates' correction."""
    m, n = a.sum(axis=-1, keepdims=True), b.sum(axis=-1, keepdims=True)
    squares, both = (np.sqrt(n / m) * a - np.sqrt(m / n) * b) ** 2, a + b
    return np.asarray(np.divide(squares, both, out=np.zeros(squares.shape), where=both > 0).sum(axis=-1))


def chi2_p_value(distance: float, a: Counts, b: Counts) -> float:
    """How often chance alone makes two samples of one distribution differ as much."""
    freedom = int(np.count_nonzero(a + b)) - 1
    return float(special.chdtrc(freedom, distance)) if freedom > 0 else 1.0


def draws(counts: Counts, seed: int = 0) -> Counts:
    """What the counts might have been: as many rows, drawn again from their own shares."""
    n = counts.sum()
    return np.random.default_rng(seed).multinomial(n, counts / n, size=DRAWS)


def interval_of(value: float, drawn: Floats, lowest: float = -np.inf, highest: float = np.inf) -> Interval:
    """A 95 % interval from redrawn values.

    Their mean is moved onto the value: a redrawn distance is biased upwards.
    """
    low, high = np.quantile(drawn, [0.025, 0.975]) - drawn.mean() + value
    return float(np.clip(min(low, value), lowest, highest)), float(np.clip(max(high, value), lowest, highest))


def wilson(successes: int, n: int) -> Interval:
    """A 95 % interval of a proportion (Wilson 1927). Of no rows it is everything."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = successes / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    margin = Z_95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = float(centre - margin), float(centre + margin)
    return (0.0 if successes == 0 else max(0.0, low)), (1.0 if successes == n else min(1.0, high))


def mean_interval(mean: float, mean_of_squares: float, n: int) -> Interval:
    """A 95 % interval of a mean of values >= 0, by the normal law."""
    margin = Z_95 * float(np.sqrt(max(0.0, mean_of_squares - mean * mean) / max(n - 1, 1)))
    return max(0.0, mean - margin), mean + margin


def at_least(successes: int, n: int, share: float) -> float:
    """The exact chance of so many successes or more among n, where each comes with the given share."""
    return 1.0 if successes == 0 else float(special.betainc(successes, n - successes + 1, share))


def benjamini_hochberg(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which of many findings to believe, so that a share of at most alpha of them is false (1995)."""
    if not p_values:
        return []
    p = np.asarray(p_values)
    order = np.argsort(p, kind="stable")
    passing = np.flatnonzero(p[order] <= alpha * np.arange(1, len(p) + 1) / len(p))
    limit = p[order][passing[-1]] if len(passing) else -1.0
    return [bool(value <= limit) for value in p]


def roc_auc(positives: Counts, negatives: Counts) -> float | None:
    """Area under the ROC curve from labels by score bin, lowest score first; rows of one bin are ties."""
    wins, total = _pairs_won(positives, negatives)
    return None if total == 0 else float((wins * positives).sum() / total)


def roc_auc_interval(positives: Counts, negatives: Counts) -> Interval:
    """A 95 % interval of it (DeLong 1988, on the bins)."""
    area = roc_auc(positives, negatives)
    if area is None:
        return 0.0, 1.0
    p, n = int(positives.sum()), int(negatives.sum())
    above = _pairs_won(positives, negatives)[0] / n
    below = 1 - _pairs_won(negatives, positives)[0] / p
    spread = _variance(above, positives) / p + _variance(below, negatives) / n
    # one pair at stake at least: where the classes part cleanly the estimate of the spread is 0, which is too
    # sure
    margin = max(Z_95 * float(np.sqrt(spread)), 1 / min(p, n) if spread == 0 else 0.0)
    return max(0.0, area - margin), min(1.0, area + margin)


def _shares(counts: Counts) -> Floats:
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def _pairs_won(upper: Counts, lower: Counts) -> tuple[Floats, int]:
    return np.cumsum(lower) - lower / 2, int(upper.sum()) * int(lower.sum())


def _variance(values: Floats, counts: Counts) -> float:
    n = counts.sum()
    if n < 2:
        return 0.25
    mean = (values * counts).sum() / n
    return float((counts * (values - mean) ** 2).sum() / (n - 1))
