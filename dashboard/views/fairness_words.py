"""What is measured of groups and of the gaps between them, each in one sentence that is exact."""

from __future__ import annotations

from collections.abc import Mapping

METRICS: Mapping[str, str] = {
    "selection_rate": "of all rows of the group, the share that was answered with the positive class",
    "true_positive_rate": "of its rows whose label is positive, the share that was answered so",
    "false_positive_rate": "of its rows whose label is negative, the share that was answered positive",
    "false_negative_rate": "of its rows whose label is positive, the share that was answered negative",
    "precision": "of its labelled rows that were answered positive, the share whose label is",
    "accuracy": "of its labelled rows, the share that was answered as labelled",
    "mean_score": "the mean score of its rows",
    "calibration_error": "over bins of the score, how far the share of positive labels is from the mean "
    "score; 0 is best",
    "disparate_impact": "its selection rate divided by that of the reference group; below .8 breaks the "
    "80 % rule",
}
"""What is measured of every group."""

GAPS: Mapping[str, str] = {
    "demographic_parity_difference": "the greatest selection rate less the least; it needs no labels",
    "demographic_parity_ratio": "the least selection rate divided by the greatest; the 80 % rule wants .8",
    "equal_opportunity_difference": "the greatest true positive rate less the least",
    "equal_opportunity_ratio": "the least true positive rate divided by the greatest",
    "equalized_odds_difference": "of the true and the false positive rate, the one that differs more: "
    "greatest less least",
    "equalized_odds_ratio": "of the true and the false positive rate, the one that differs more: least "
    "divided by greatest",
    "predictive_parity_difference": "the greatest precision less the least",
    "accuracy_difference": "the greatest accuracy less the least",
}
"""What is measured of all groups of a grouping together, and of two at a time."""

COMPARED: Mapping[str, tuple[str, ...]] = {
    "demographic_parity_difference": ("selection_rate",),
    "demographic_parity_ratio": ("selection_rate",),
    "equal_opportunity_difference": ("true_positive_rate",),
    "equal_opportunity_ratio": ("true_positive_rate",),
    "equalized_odds_difference": ("true_positive_rate", "false_positive_rate"),
    "equalized_odds_ratio": ("true_positive_rate", "false_positive_rate"),
    "predictive_parity_difference": ("precision",),
    "accuracy_difference": ("accuracy",),
}
"""The rates that a gap compares."""

NOT_ALL = (
    "Where the share of positive labels differs between groups, equal error rates and predictive parity "
    "cannot both be had, unless the model is never wrong (Chouldechova 2017): choose what matters here, and "
    "demand that."
)
