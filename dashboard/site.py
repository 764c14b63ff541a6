"""Which pages there are, in the order of their tabs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A page: its file, and the last part of its address."""

    file: str
    title: str
    path: str

    @property
    def script(self) -> str:
        """The file that Streamlit runs for it."""
        return str(_FOLDER / self.file)


OVERVIEW = Site(file="overview.py", title="Overview", path="overview")
DRIFT = Site(file="drift.py", title="Drift", path="drift")
PAGES = (OVERVIEW, DRIFT)
