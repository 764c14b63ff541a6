"""Which pages there are, in the order of their links. A new one is one file in `pages/` and one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A page: the last part of its address, which its file is called by too, and its title."""

    path: str
    title: str
    carries: bool = False  # whether what was picked on the page before holds here

    @property
    def script(self) -> str:
        """The file that Streamlit runs for it."""
        return str(_FOLDER / f"{self.path}.py")


OVERVIEW = Site(path="overview", title="Overview")
DRIFT = Site(path="drift", title="Drift", carries=True)
QUALITY = Site(path="quality", title="Quality", carries=True)
TOXICITY = Site(path="toxicity", title="Toxicity", carries=True)
BIAS = Site(path="bias", title="Bias", carries=True)
ACCURACY = Site(path="accuracy", title="Accuracy", carries=True)
ALERTS = Site(path="alerts", title="Alerts")
LABEL = Site(path="label", title="Label")
EVENTS = Site(path="events", title="Events")
SYSTEM = Site(path="system", title="System")
SERVING = Site(path="serving", title="Serving", carries=True)
REPORTS = Site(path="reports", title="Reports", carries=True)

PAGES: Mapping[str, Sequence[Site]] = {
    "": (OVERVIEW,),
    "What was measured": (DRIFT, QUALITY, TOXICITY, BIAS, ACCURACY),
    "What to do": (ALERTS, LABEL),
    "What is behind it": (EVENTS, SERVING, SYSTEM, REPORTS),
}
"""By the heading that they stand under."""
