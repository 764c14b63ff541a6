"""The model that ships with the package. The other modules here are how it was made and measured."""

from __future__ import annotations

from pathlib import Path

BUNDLED_TOXICITY = Path(__file__).resolve().parent / "toxicity"
"""The folder of the small toxicity model, for `Repository.add`. Its `MODEL_CARD.md` says what it is not."""
