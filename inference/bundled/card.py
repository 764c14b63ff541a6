"""The text of the bundled model's card, around the numbers that were measured."""

from __future__ import annotations

from collections.abc import Sequence

from inference.bundled.measuring import Measured, Templates


def card(found: Sequence[Measured], gaps: Templates) -> str:
    return labels_table(found) + "\n" + gaps_table(gaps)


def labels_table(found: Sequence[Measured]) -> str:
    return "\n".join(f"{one.set} {one.label} {one.auc:.3f} {one.yardstick:.3f}" for one in found)


def gaps_table(gaps: Templates) -> str:
    return f"{gaps.auc:.3f}"
