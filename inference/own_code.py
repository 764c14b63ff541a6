"""Where the operator's own code lies: modules of models, and backends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def look_in(code: Sequence[Path]) -> None:
    """Let these folders be imported from. They are searched last, so they shadow nothing."""
    for folder in code:
        place = str(folder.resolve())
        if place not in sys.path:
            sys.path.append(place)
