"""What a batch costs: seconds = a * units + b, fitted as batches finish, older ones fading."""

from __future__ import annotations

_FADE = 0.95


class Cost:
    """A fading least-squares line through (units, seconds). Predicts nothing until it has seen a batch."""

    def __init__(self) -> None:
        self.per_unit_s = 0.0
        self.per_batch_s = 0.0
        self._weight = self._units = self._seconds = self._squares = self._products = 0.0

    def fit(self, units: int, seconds: float) -> None:
        """Learn from one finished batch."""
        self._weight = self._weight * _FADE + 1
        self._units = self._units * _FADE + units
        self._seconds = self._seconds * _FADE + seconds
        self._squares = self._squares * _FADE + units * units
        self._products = self._products * _FADE + units * seconds
        mean_units, mean_seconds = self._units / self._weight, self._seconds / self._weight
        variance = self._squares / self._weight - mean_units * mean_units
        covariance = self._products / self._weight - mean_units * mean_seconds
        slope = covariance / variance if variance > 1e-6 * mean_units * mean_units else 0.0
        self.per_unit_s = min(max(slope, 0.0), mean_seconds / mean_units)
        self.per_batch_s = max(mean_seconds - self.per_unit_s * mean_units, 0.0)

    def seconds(self, units: float, batches: float) -> float:
        """How long that much takes."""
        return self.per_unit_s * units + self.per_batch_s * batches
