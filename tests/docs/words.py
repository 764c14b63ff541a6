"""What each number and each setting of a monitor is, in a sentence. A test says which has none."""

from __future__ import annotations

from collections.abc import Mapping

METRICS: Mapping[str, Mapping[str, str]] = {
    "traffic": {
        "requests": "requests, whatever became of them",
        "rows": "rows in them",
        "error_share": "requests that failed inside of the server",
        "rejected_share": "requests that were refused",
        "latency_p50_s": "seconds in which half of the requests were answered",
        "latency_p99_s": "seconds in which 99 % were answered",
        "queue_p50_s": "seconds that half of them waited for a batch, at most",
        "queue_p99_s": "seconds that 99 % waited",
        "compute_p50_s": "seconds that the batches of half of them ran, at most",
        "compute_p99_s": "seconds that those of 99 % ran",
    },
    "drift": {
        "drift": "what decides: how far it moved (Wasserstein / sd of a number, JS distance of a category)",
        "psi": "population stability index, corrected for its bias, over the reference's bins",
        "js": "Jensen-Shannon distance to base 2, 0 to 1",
        "ks": "Kolmogorov-Smirnov distance of a number",
        "wasserstein": "Wasserstein distance of a number, in standard deviations of the reference",
        "chi2": "chi-squared statistic of a category",
    },
    "quality": {
        "missing_share": "values that are absent or NaN",
        "wrong_type_share": "values of another type than the column's",
        "not_finite_share": "infinite numbers",
        "out_of_range_share": "numbers beyond the least and the greatest of the reference",
        "unseen_share": "categories that the reference does not know",
        "empty_share": "texts without a character",
    },
    "accuracy": {
        "accuracy": "answers that were right, of those with a label",
        "precision": "answers of the positive class that were right",
        "recall": "rows of the positive class that were found",
        "f1": "harmonic mean of precision and recall",
        "roc_auc": "probability that a positive row scores above a negative one",
        "brier": "mean squared difference of score and truth",
        "log_loss": "mean negative logarithm of the probability that was given to the truth",
        "mae": "mean absolute error of a regression",
        "rmse": "root of the mean squared error",
        "label_coverage": "rows that have a label",
        "label_conflict_share": "labelled rows of which labels disagree",
    },
    "toxicity": {
        "toxic_share": "texts that score at or above `threshold`, by class",
        "severe_share": "texts that score at or above `severe`",
        "mean_score": "mean of the scores",
        "scored_share": "texts that could be scored",
        "truncated_share": "texts that were longer than the scoring model reads",
    },
    "sampling": {
        "sampled_accuracy": "accuracy of all rows, estimated from the chosen ones that were labelled",
        "sampled_mae": "mean absolute error of all rows, estimated in the same way",
        "unasked_accuracy": "accuracy of rows that were labelled unasked; they speak for themselves alone",
        "sample_answered_share": "chosen rows that were labelled",
        "label_delay_median_s": "seconds from prediction to label, median",
        "label_delay_p90_s": "and the time within which 90 % of them came",
    },
    "bias": {
        "selection_rate": "rows of a group that got the positive class",
        "true_positive_rate": "of its positive rows, those that got it",
        "false_positive_rate": "of its negative rows, those that got it",
        "false_negative_rate": "of its positive rows, those that did not",
        "precision": "of its rows that got it, those that are positive",
        "accuracy": "answers about it that were right",
        "mean_score": "mean of its scores",
        "calibration_error": "how far scores and truth lie apart, over bins of the score",
        "demographic_parity_difference": "greatest less least selection rate of the groups",
        "demographic_parity_ratio": "least divided by greatest",
        "equal_opportunity_difference": "the same of the true positive rates",
        "equal_opportunity_ratio": "and their ratio",
        "equalized_odds_difference": "the larger of the differences of true and of false positive rates",
        "equalized_odds_ratio": "the smaller of their ratios",
        "predictive_parity_difference": "greatest less least precision",
        "accuracy_difference": "greatest less least accuracy",
        "group_coverage": "rows whose group is known",
    },
}

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "traffic": {
        "max_error_share": "healthy up to this share of errors",
        "max_rejected_share": "the same of refusals; without it they are shown and not judged",
        "max_latency_p99_s": "healthy up to this latency; without it latency is not judged",
        "min_requests": "fewer say nothing of shares and times: unknown",
    },
    "drift": {
        "min_effect": "an effect below this harms nobody",
        "false_share": "of the columns that are called drifted, at most so many are so by chance",
        "min_rows": "fewer rows say nothing: unknown",
    },
    "quality": {
        "tolerance": "a share above the reference's own that harms nobody",
        "false_alarm": "probability of a false alarm, for each share and window",
        "min_rows": "fewer rows say nothing: unknown",
    },
    "accuracy": {
        "tolerance": "healthy down to the reference's value less this",
        "relative_tolerance": "of errors of a regression: healthy up to the reference's and this part of it",
        "max_conflict_share": "healthy up to this share of labels that disagree",
        "min_labels": "fewer say nothing: unknown",
    },
    "toxicity": {
        "threshold": "a score from which a text is flagged: one value, or some by class",
        "severe": "a score from which it is severe",
        "max_share": "healthy up to this share of flagged texts; else the reference's, or 5 % of `toxicity`",
        "max_severe_share": "the same of severe ones; else the reference's, or 1 %",
        "tolerance": "a share above the reference's own that harms nobody",
        "false_alarm": "probability of a false alarm, for each share and window",
        "min_rows": "fewer texts say nothing: unknown",
    },
    "sampling": {
        "tolerance": "healthy down to the reference's value less this",
        "relative_tolerance": "of errors of a regression: healthy up to the reference's and this part of it",
        "min_answers": "fewer labels say nothing: unknown",
    },
    "bias": {
        "max_difference": "healthy up to this difference",
        "min_ratio": "healthy from this ratio on (the 80 % rule)",
        "demanded": "the criteria that raise an alert; the others are shown",
        "equalized_odds": "`worst_case` or `mean` of the two rates",
        "reference_groups": "groups such as `race=A` that others' disparate impact is measured against",
        "alpha": "the intervals of all groups hold together with probability 1 less this",
        "min_rows": "a rate of fewer rows is unknown, and in no gap",
        "min_shown": "groups of fewer rows are marked as uncertain",
        "most_pairs": "pairs of the largest groups that are compared, of each grouping",
    },
}

BACKENDS: Mapping[str, str] = {
    "torch": "a torch module of your own, with weights as safetensors",
    "huggingface": "a text classifier of Hugging Face's transformers with its tokenizer, from a folder",
    "ngrams": "a linear classifier of hashed n-grams of a text, as the bundled toxicity model is",
    "echo": "answers from sums of its inputs, without torch: for tests",
}
