"""Reals counted in integers, which add in any order: bins between fixed edges, sums in fixed point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

UNIT = 65536
"""Steps of a fixed-point sum per sd of the reference."""
_FARTHEST = 2**31

LOSS_UNIT = 2**24
"""Steps of a fixed-point sum of losses, which are at most some 36: room for 10^10 rows."""

EXPONENTS = 128
_MANTISSA = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Binned:
    """Numbers by bin, and the sum of their distances from a centre; `clipped` were too far to sum."""

    counts: Counts
    sums: Counts
    clipped: int


def quantile_edges(values: Floats, bins: int) -> Floats:
    """The distinct quantiles j/bins of the values, so that each bin holds about as many; ties merge bins.

    A constant gets a bin of its own, so that a departure to either side can be seen.
    """
    # of halves, which are exact: between values near the largest float a difference would overflow
    edges = np.unique(np.quantile(values / 2, np.arange(1, bins) / bins) * 2)
    low, high = values.min(), values.max()
    return np.array([np.nextafter(low, -np.inf), low]) if low == high else edges


def moments(values: Floats) -> tuple[float, float]:
    """Mean and sd (of the population), where the squares of huge values do not overflow."""
    scale = float(np.abs(values).max()) or 1.0
    scaled = values / scale
    sd = 0.0 if values.min() == values.max() else float(scaled.std()) * scale
    return float(scaled.mean()) * scale, sd


def binned(values: Floats, edges: Floats, centre: float, scale: float) -> Binned:
    """Count finite values in `edges[k-1] < x <= edges[k]`, the outer bins open."""
    places = np.searchsorted(edges, values, side="left")
    with np.errstate(over="ignore"):  # past the largest float is too far, and clipped like any other
        steps = np.rint((values - centre) / (scale or 1.0) * UNIT)
    near = np.clip(steps, -_FARTHEST, _FARTHEST)
    counts = np.bincount(places, minlength=len(edges) + 1)
    # bincount sums in doubles, which are exact for integers up to 2^53: 4 million values of the farthest kind
    sums = np.bincount(places, weights=near, minlength=len(edges) + 1)
    return Binned(
        counts=counts.astype(np.int64, copy=False),
        sums=sums.astype(np.int64),
        clipped=int(np.count_nonzero(near != steps)),
    )


def bin_means(counts: Counts, sums: Counts) -> Floats:
    """The mean of each bin, in sd of the reference from its median; 0 in an empty bin."""
    return np.divide(sums, counts * UNIT, out=np.zeros(len(counts)), where=counts > 0)


def logit_edges(bins: int, farthest: float = 20.0) -> Floats:
    """Edges that split probabilities evenly in their logit: those near 0 and 1 are told apart as well."""
    return np.asarray(1 / (1 + np.exp(-np.linspace(-farthest, farthest, bins - 1))))


def fixed_sum(values: Floats) -> int:
    """The sum of losses in fixed point, each rounded by itself: the same in any order."""
    return int(np.rint(values * LOSS_UNIT).astype(np.int64).sum())


def wide_sums(values: Floats) -> Counts:
    """Numbers >= 0 of unknown size by power of two: how many, their sum, the sum of their squares, each in 20
    bits.

    The bits of a value begin at its own exponent, so a sum keeps 6 digits whether it is of 1e-9 or of 1e9,
    and is still a sum of integers. Values past 2^63 count as that.
    """
    mantissas, exponents = np.frexp(
        np.minimum(values, 2.0 ** (EXPONENTS // 2 - 1))
    )  # value = m 2^e, .5 <= m < 1
    places = np.clip(exponents + EXPONENTS // 2, 0, EXPONENTS - 1)
    kept = np.where(exponents + EXPONENTS // 2 < 0, 0.0, mantissas)
    sums = np.zeros((3, EXPONENTS), dtype=np.int64)
    sums[0] = np.bincount(places, minlength=EXPONENTS)
    sums[1] = np.bincount(places, weights=np.rint(kept * _MANTISSA), minlength=EXPONENTS)
    sums[2] = np.bincount(places, weights=np.rint(kept**2 * _MANTISSA), minlength=EXPONENTS)
    return sums


def wide_means(sums: Counts) -> tuple[Counts, Floats, Floats]:
    """By power of two: how many values, their mean, and the mean of their squares."""
    counts, powers = sums[0], np.ldexp(1.0, np.arange(EXPONENTS) - EXPONENTS // 2)
    size = np.maximum(counts, 1) * float(_MANTISSA)
    return counts, sums[1] / size * powers, sums[2] / size * powers**2
