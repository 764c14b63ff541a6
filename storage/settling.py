"""Which of several labels of one row holds: the law by which every order of arrival ends the same.

Labels are ordered by when they were made, then by where they lie in the log. The latest holds. One without a
value takes back all that were made before it. Two labels are in conflict when neither was taken back and they
say different things. Of all that came, three moments are enough to decide any of this: the latest label, the
latest that says otherwise, and the latest taking back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from storage.records import EventId

LabelValue = str | int | float | bool

Moment = tuple[datetime, EventId]
"""When a label was made, and where it lies: decides between two of one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What was said of one row of one event."""

    event: EventId
    row: int
    said: LabelValue | None  # by the latest label; None: labels were only taken back so far
    labelled_at: datetime
    place: EventId  # where that label lies
    known_at: datetime | None = None  # of the label by which the row became labelled; None: it is not
    disputed: Moment | None = None  # the latest label that says otherwise
    taken_back: Moment | None = None

    @property
    def moment(self) -> Moment:
        return self.labelled_at, self.place

    @property
    def value(self) -> LabelValue | None:
        """What holds. None: it was taken back."""
        return self.said if self.taken_back is None or self.moment > self.taken_back else None

    @property
    def conflict(self) -> bool:
        """Two labels that were not taken back disagree."""
        if self.value is None or self.disputed is None:
            return False
        return self.taken_back is None or self.disputed > self.taken_back


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a new label changes."""

    winner: Label
    before: LabelValue | None  # what was believed until now
    labelled_at: datetime  # of the label that holds; where none does any more, of the one that was the first
    conflict: bool  # two labels disagree since now
    conflict_over: bool  # two did, until now

    @property
    def after(self) -> LabelValue | None:
        """What is believed from now on."""
        return self.winner.value

    @property
    def changed(self) -> bool:
        """Whether anything has to be counted anew."""
        return self.conflict or self.conflict_over or not _same(self.before, self.after)


def settle(held: Label | None, new: Label) -> Settled:
    """Decide between what is known of a row and a new label."""
    winner = _first(new) if held is None else _merged(held, new)
    before = None if held is None else held.value
    since = None if held is None else held.known_at
    known_at = None if winner.value is None else since or winner.labelled_at
    was = held is not None and held.conflict
    return Settled(
        winner=replace(winner, known_at=known_at),
        before=before,
        labelled_at=(since if winner.value is None else None) or winner.labelled_at,
        conflict=winner.conflict and not was,
        conflict_over=was and not winner.conflict,
    )


def same_value(one: LabelValue, other: LabelValue) -> bool:
    """Equal, where `true`, `1` and `"1"` are three values."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _first(new: Label) -> Label:
    return replace(new, taken_back=new.moment) if new.said is None else new


def _merged(held: Label, new: Label) -> Label:
    if new.said is None:
        return replace(held, taken_back=max(held.taken_back or new.moment, new.moment))
    if held.said is None:
        return replace(new, taken_back=held.taken_back)
    later = new.moment > held.moment
    disputed = held.disputed
    if not same_value(held.said, new.said):
        earlier = held.moment if later else new.moment
        disputed = max(disputed or earlier, earlier)
    if not later:
        return replace(held, disputed=disputed)
    return replace(held, said=new.said, labelled_at=new.labelled_at, place=new.place, disputed=disputed)


def _same(one: LabelValue | None, other: LabelValue | None) -> bool:
    if one is None or other is None:
        return one is other
    return same_value(one, other)
