"""What happens in the demo, and when: scenes of simulated time, of which a minute passes each second.

What a scene changes stays until the last one, in which all recovers; so the pages show it for as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.demo import loans, messages
from gateway.demo.rows import Change

MINUTE = timedelta(minutes=1)
MINUTE_S = 1.0
"""So long a simulated minute takes."""
GRID = timedelta(minutes=10)
"""The windows of both models: the story begins on their grid, so that each scene covers whole windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A stretch of the story."""

    title: str
    minutes: int  # of simulated time
    changes: frozenset[Change]
    expected: str  # what a person should see of it
    page: str  # the page of the dashboard that explains it; "" is the first
    model: str | None = None  # on that page
    monitor: str | None = None  # whose alert is expected


_DRIFT = frozenset({Change.DRIFT})
_TOXIC = _DRIFT | {Change.TOXIC}
_UNFAIR = _TOXIC | {Change.UNFAIR}

SCENES = (
    Scene(
        title="All is well", minutes=40, changes=frozenset(), page="",
        expected="no alert",
    ),
    Scene(
        title="Two columns drift", minutes=50, changes=_DRIFT, page="drift", model=loans.MODEL,
        monitor="drift", expected=f"drift in {' and '.join(loans.DRIFTING)}, in no other column",
    ),
    Scene(
        title="Messages turn toxic", minutes=50, changes=_TOXIC, page="toxicity", model=messages.MODEL,
        monitor="toxicity", expected="toxic texts, by the bundled toxicity model",
    ),
    Scene(
        title="Unfair to one group", minutes=50, changes=_UNFAIR, page="bias", model=loans.MODEL,
        monitor="bias", expected=f"{loans.GROUP}: those under 30 are refused more often",
    ),
    Scene(
        title="Accuracy is lost", minutes=60, changes=_UNFAIR | {Change.WRONG}, page="accuracy",
        model=loans.MODEL, monitor="accuracy", expected="late labels say that answers are wrong",
    ),
    Scene(
        title="All recovers", minutes=80, changes=frozenset(), page="alerts",
        expected="every alert ends, and mails say so",
    ),
)  # fmt: skip

STORY_MINUTES = sum(scene.minutes for scene in SCENES)


def scene_at(minute: int) -> Scene:
    """The scene that a minute of the story lies in; after its end, the last one."""
    for scene in SCENES:
        if minute < scene.minutes:
            return scene
        minute -= scene.minutes
    return SCENES[-1]


def story_start(now: datetime) -> datetime:
    """The simulated time at which it begins, so that it has caught up with the clock when it ends."""
    begin = now + STORY_MINUTES * timedelta(seconds=MINUTE_S) - STORY_MINUTES * MINUTE
    return begin - (begin - datetime(1970, 1, 1, tzinfo=begin.tzinfo)) % GRID
