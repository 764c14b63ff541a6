"""What a person should do about an alert, and which page explains it, by the monitor that raised it."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.site import PAGES, Site

ADVICE: Mapping[str, str] = {
    "traffic": "See on the page Serving which requests fail or wait, then look into single events.",
    "drift": "Look whether the source of the column changed. If the new values are right, the model may be "
    "out of date: check its accuracy, train anew, or set a new reference.",
    "quality": "Find out who writes the column and since when it is wrong; the model guesses where it is.",
    "accuracy": "Compare slices, look at drift of the inputs, and decide on training anew or going back.",
    "sampling": "Label some more events to be surer, then decide as with accuracy that was measured.",
    "toxicity": "Read the worst examples, and find the app or the prompt that they come from.",
    "bias": "Compare the groups side by side, and hold the model back where people are harmed.",
}

_EXPLAINED_AT: Mapping[str, str] = {
    "traffic": "serving",
    "drift": "drift",
    "quality": "quality",
    "accuracy": "accuracy",
    "sampling": "accuracy",
    "toxicity": "toxicity",
    "bias": "bias",
}


def site_about(monitor: str) -> Site | None:
    """The page that explains what a monitor measured; None for one that was added without a page."""
    path = _EXPLAINED_AT.get(monitor)
    return next((site for sites in PAGES.values() for site in sites if site.path == path), None)
