"""What people need not hear of: silenced, muted, or explained by another alert that fires. Pure.

As in Alertmanager an alert inhibits others although it is silenced itself, and what matches both sides of an
inhibition is not inhibited by another that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitors.alerts.groups import NoticeReason
from monitors.rule_settings import InhibitionSettings, MuteSettings, Weekday, matchers_of
from storage.matching import matches
from storage.records import Alert, AlertStatus, Matcher
from storage.silences import Silence

_DAY = timedelta(days=1)
_DAYS = tuple(Weekday)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An alert on its way to people."""

    alert: Alert
    labels: Mapping[str, str]
    told: AlertStatus | None = None  # what people were told of this episode last

    @property
    def episode(self) -> tuple[str, datetime]:
        """Which episode of which alert."""
        return self.alert.fingerprint, self.alert.starts_at

    @property
    def fires(self) -> bool:
        return self.alert.status is AlertStatus.FIRING


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While an alert matches `source`, nobody hears of those that match `target` and are `equal` to it."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: InhibitionSettings) -> Inhibition:
        return cls(
            source=matchers_of(settings.source), target=matchers_of(settings.target), equal=settings.equal
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """A time that comes every week, in UTC."""

    name: str
    days: frozenset[int] = frozenset()  # on which it begins; empty: on all
    start: timedelta = timedelta(0)  # of the day
    end: timedelta = _DAY  # not after `start`: of the next day
    match: tuple[Matcher, ...] = ()  # empty: all alerts

    @classmethod
    def of(cls, settings: MuteSettings) -> Mute:
        return cls(
            name=settings.name,
            days=frozenset(_DAYS.index(day) for day in settings.days),
            start=_of_day(settings.start),
            end=_of_day(settings.end),
            match=matchers_of(settings.match),
        )

    def active(self, now: datetime) -> bool:
        """Whether it is that time; the end lies outside."""
        return any(start <= now < end for start, end in self._around(now))

    def next_change(self, now: datetime) -> datetime:
        """When it begins or ends next."""
        return min(at for span in self._around(now) for at in span if at > now)

    def _around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        length = self.end - self.start if self.end > self.start else self.end - self.start + _DAY
        for days in range(-1, 8):
            day = midnight + days * _DAY
            if not self.days or day.weekday() in self.days:
                yield day + self.start, day + self.start + length


def suppressed(
    members: Sequence[Member],
    *,
    silences: Sequence[Silence],
    inhibitions: Iterable[Inhibition],
    mutes: Iterable[Mute],
    now: datetime,
) -> dict[tuple[str, datetime], NoticeReason]:
    """Which episodes nobody is to hear of now, and why not."""
    found: dict[tuple[str, datetime], NoticeReason] = {}
    for inhibition in inhibitions:
        for member in _inhibited(inhibition, members):
            found.setdefault(member.episode, NoticeReason.INHIBITED)
    hours = [mute for mute in mutes if mute.active(now)]
    active = [silence for silence in silences if silence.active(now)]
    if not hours and not active:
        return found
    for member in members:
        if any(not mute.match or matches(mute.match, member.labels) for mute in hours):
            found.setdefault(member.episode, NoticeReason.MUTED)
        elif any(matches(silence.matchers, member.labels) for silence in active):
            found.setdefault(member.episode, NoticeReason.SILENCED)
    return found


def next_change(silences: Iterable[Silence], mutes: Iterable[Mute], now: datetime) -> datetime | None:
    """When something begins or ceases to be suppressed by the clock alone."""
    moments = [at for silence in silences for at in (silence.starts_at, silence.ends_at) if at > now]
    moments += [mute.next_change(now) for mute in mutes]
    return min(moments, default=None)


def _inhibited(inhibition: Inhibition, members: Sequence[Member]) -> Iterator[Member]:
    sources = [each for each in members if each.fires and matches(inhibition.source, each.labels)]
    if not sources:
        return
    shared: dict[tuple[str, ...], list[Member]] = {}
    for source in sources:
        shared.setdefault(_values(inhibition.equal, source.labels), []).append(source)
    for member in members:
        if not matches(inhibition.target, member.labels):
            continue
        also_source = matches(inhibition.source, member.labels)
        for source in shared.get(_values(inhibition.equal, member.labels), ()):
            if source.alert.fingerprint == member.alert.fingerprint:
                continue
            if not (also_source and matches(inhibition.target, source.labels)):
                yield member
                break


def _values(names: Iterable[str], labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in names)


def _of_day(text: str) -> timedelta:
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
