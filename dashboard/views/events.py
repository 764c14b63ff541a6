"""What the page of events shows: what a search found, and one event in full with its way on the road."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dashboard.subjects import NOTHING, Choice, choose
from storage.database import Database
from storage.judged import Snapshot
from storage.models import model_versions
from storage.passage import Passage, passage
from storage.reading import EventStory, event_story
from storage.records import Arm, EventId, InvalidEventIdError, Outcome
from storage.searching import EventFilter, Found, events_named, search_events
from storage.settling import Moment

ANY = "any"
SHOWN = 50
"""Events on a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsView:
    """Everything on the page."""

    model: Choice
    version: Choice
    arm: Choice
    outcome: Choice
    wrong: tuple[str, ...] = ()  # names of what the address asks for and cannot be read
    found: Found | None = None  # None: one event was asked for by its id
    event: Choice = NOTHING  # by id
    story: EventStory | None = None
    way: Passage | None = None


@dataclass(slots=True)
class _Asked:
    """What the address says, read; `wrong` names what cannot be."""

    address: Mapping[str, str]
    wrong: list[str] = field(default_factory=list)

    def time(self, name: str) -> datetime | None:
        text = self.address.get(name)
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            if name not in self.wrong:
                self.wrong.append(name)
            return None
        return at.replace(tzinfo=at.tzinfo or UTC)

    def number(self, name: str) -> float | None:
        text = self.address.get(name)
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            self.wrong.append(name)
            return None
        return number

    def beyond(self) -> Moment | None:
        """The event that the page before ended with."""
        at, text = self.time("before"), self.address.get("past")
        if at is None or not text:
            return None
        try:
            return at, EventId.parse(text)
        except InvalidEventIdError:
            self.wrong.append("past")
            return None

    def tags(self) -> dict[str, str]:
        """`country=DE, sex=f`."""
        text = self.address.get("tags", "")
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if not all(sign for _, sign, _ in pairs):
            self.wrong.append("tags")
            return {}
        return {name.strip(): value.strip() for name, _, value in pairs}


def events(database: Database, address: Mapping[str, str]) -> EventsView:
    """Read it, for what the address of the page says."""
    with database.read() as snapshot:
        versions = model_versions(snapshot)
        model = choose([ANY, *(each.model for each in versions)], address.get("model"))
        ours = [each.version for each in reversed(versions) if each.model == model.chosen]
        view = EventsView(
            model=model,
            version=choose([ANY, *ours], address.get("version")),
            arm=choose([ANY, *Arm], address.get("arm")),
            outcome=choose([ANY, *Outcome], address.get("outcome")),
        )
        if name := address.get("id", "").strip():
            return _named(snapshot, view, name, address)
        return _searched(snapshot, view, address)


def _named(snapshot: Snapshot, view: EventsView, name: str, address: Mapping[str, str]) -> EventsView:
    ids = events_named(snapshot, name)
    event = choose([str(each) for each in ids], address.get("event"))
    return _with_story(snapshot, view, event)


def _searched(snapshot: Snapshot, view: EventsView, address: Mapping[str, str]) -> EventsView:
    asked = _Asked(address)
    outcome, arm = _picked(view.outcome), _picked(view.arm)
    beyond = asked.beyond()
    wanted = EventFilter(
        start=asked.time("from"),
        end=asked.time("to") if beyond is not None else asked.time("before") or asked.time("to"),
        beyond=beyond,
        model=_picked(view.model),
        version=_picked(view.version),
        arm=None if arm is None else Arm(arm),
        outcome=None if outcome is None else Outcome(outcome),
        tags=asked.tags(),
        score=(asked.number("low"), asked.number("high")),
    )
    found = search_events(snapshot, wanted, limit=SHOWN)
    event = choose([str(each.id) for each in found.events], address.get("event"))
    return _with_story(snapshot, view, event, wrong=tuple(asked.wrong), found=found)


def _with_story(
    snapshot: Snapshot,
    view: EventsView,
    event: Choice,
    *,
    wrong: tuple[str, ...] = (),
    found: Found | None = None,
) -> EventsView:
    id_ = None if event.chosen is None else EventId.parse(event.chosen)
    return EventsView(
        model=view.model,
        version=view.version,
        arm=view.arm,
        outcome=view.outcome,
        wrong=wrong,
        found=found,
        event=event,
        story=None if id_ is None else event_story(snapshot, id_),
        way=None if id_ is None else passage(snapshot, id_),
    )


def _picked(choice: Choice) -> str | None:
    return None if choice.chosen == ANY else choice.chosen
