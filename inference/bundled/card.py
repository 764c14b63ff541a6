"""The bundled model's card: the text of `card_template.md` around the numbers that were measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from inference.bundled.measuring import THRESHOLD, Gap, Measured, Report

_TEMPLATE = Path(__file__).with_name("card_template.md")
_SHOWN = 6
_SETS = {"tweets": "tweets", "comments": "Civil Comments"}


def card(report: Report) -> str:
    """`MODEL_CARD.md`."""
    whole = report.templates
    return _TEMPLATE.read_text(encoding="utf-8").format(
        threshold=THRESHOLD,
        labels=_labels(report.labels),
        rows=sum(gap.rows for gap in whole.gaps),
        mean=whole.mean,
        flagged=whole.flagged,
        auc=whole.auc,
        terms=len(whole.gaps),
        spread=whole.gaps[0].mean - whole.gaps[-1].mean,
        gaps=_gaps([*whole.gaps[:_SHOWN], *whole.gaps[-_SHOWN:]]),
    )


def _labels(labels: Sequence[Measured]) -> str:
    return _table(
        ["set", "label", "rows", "with the label", "this model", "yardstick", "flagged with", "without"],
        (
            [
                _SETS[one.set],
                one.label,
                f"{one.rows:,}",
                f"{one.positives:,}",
                f"{one.auc:.3f}",
                f"{one.yardstick:.3f}",
                f"{one.flagged_with:.1%}",
                f"{one.flagged_without:.1%}",
            ]
            for one in labels
        ),
    )


def _gaps(gaps: Sequence[Gap]) -> str:
    rows = ([gap.term, f"{gap.rows:,}", f"{gap.mean:.3f}", f"{gap.flagged:.1%}"] for gap in gaps)
    return _table(["identity", "harmless sentences", "mean score", "flagged"], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
