"""What to label, and with which probability: a plan for each day of a model version, and the choice by it.

A row's probability `pi` is made of three parts: a quarter of the day's budget falls evenly on all rows; up to
a quarter tops up arms and slice values that would be looked at too rarely; the rest goes by
`sqrt(g (1 - g))`, where g is how likely the answer is right, so that labels fall where they tell most (Neyman
1934). It is rounded to a quarter power of two, so that rows of a window fall into few levels: within 9 % of
what it should be, where whole powers cost what the choice by certainty gains (on COMPAS).

Chosen is a row whose hash, a share of 2^64, lies below `pi`: a replay, or another worker, chooses the same
rows. `pi` follows from what was seen of times, arms, slices and scores, and never from a hash, so it is what
it says: a plan that turns out too generous is replaced from the next segment on, for the rows to come.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitors.bins import Floats

CERTAINTY_BINS = 20
LEVELS_PER_OCTAVE = 4
LOWEST_LEVEL = 20 * LEVELS_PER_OCTAVE
"""`pi` is at least 2^-20: beyond a hundred million rows a day the budget gives way."""

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_EVEN_SHARE = 0.25  # of the budget: on all rows alike
_STRATA_SHARE = 0.25  # of the budget: divided among arms and slice values
_OVERSPENT_SHARE = 0.05  # of the budget: for as many rows again as there were, once it is used up
_NEW_STRATUM = 1 / 8  # the part of a stratum that no plan knows yet
_MOST_STRATA = 200
_CENTRES = (np.arange(CERTAINTY_BINS) + 0.5) / CERTAINTY_BINS
_OF_UNCERTAINTY = np.sqrt(_CENTRES * (1 - _CENTRES))  # by bin of g
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows there are, by stratum ("arm=stable", "country=DE") and by how sure their answers are."""

    rows: float
    strata: dict[str, float]
    certainty: list[float]

    def __add__(self, other: Mix) -> Mix:
        strata = dict(self.strata)
        for name, rows in other.strata.items():
            if name in strata or len(strata) < _MOST_STRATA:
                strata[name] = strata.get(name, 0.0) + rows
        return Mix(
            rows=self.rows + other.rows,
            strata=strata,
            certainty=[a + b for a, b in zip(self.certainty, other.certainty, strict=True)],
        )

    def scaled(self, rows: float) -> Mix:
        """The same mix of so many rows."""
        factor = rows / self.rows
        return Mix(
            rows=rows,
            strata={name: count * factor for name, count in self.strata.items()},
            certainty=[count * factor for count in self.certainty],
        )

    def covering(self, other: Mix) -> Mix:
        """The same mix, with as many of every kind as the other has."""
        names = dict.fromkeys((*self.strata, *other.strata))  # in the same order everywhere
        return Mix(
            rows=max(self.rows, other.rows),
            strata={name: max(self.strata.get(name, 0.0), other.strata.get(name, 0.0)) for name in names},
            certainty=[max(a, b) for a, b in zip(self.certainty, other.certainty, strict=True)],
        )


NOTHING = Mix(rows=0.0, strata={}, certainty=[0.0] * CERTAINTY_BINS)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What probabilities are made of, until they are looked at anew."""

    even: float
    strata: dict[str, float]  # added for rows of these
    uncertain: float  # times sqrt(g (1 - g))
    allowance: float  # choices that it may cost, as expected
    until_rows: float  # of the day: then it is looked at anew
    spent: float = 0.0

    def of(self, stratum: str) -> float:
        """The part of a stratum. One that came up since gets a good part, unless there are very many."""
        new = _NEW_STRATUM if len(self.strata) < _MOST_STRATA else 0.0
        return self.strata.get(stratum, new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """One way in which rows are apart: by arm, or by the values of one slice."""

    names: tuple[str, ...]
    codes: NDArray[np.int64]  # below 0: the row is in none

    def take(self, index: NDArray[np.intp]) -> Strata:
        """Some of the rows."""
        return Strata(names=self.names, codes=self.codes[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Rows that may be chosen, of one model version and day, as they came in one segment."""

    first_at: datetime
    last_at: datetime
    certainty: Floats
    strata: tuple[Strata, ...]
    draws: Floats  # of their hashes: even over 0..1

    @property
    def mix(self) -> Mix:
        """How many of them there are of which kind."""
        strata: dict[str, float] = {}
        for each in self.strata:
            counts = np.bincount(each.codes[each.codes >= 0], minlength=len(each.names))
            strata |= {name: float(n) for name, n in zip(each.names, counts.tolist(), strict=True) if n}
        bins = np.bincount(_bins(self.certainty), minlength=CERTAINTY_BINS)
        return Mix(rows=float(len(self.certainty)), strata=strata, certainty=bins.astype(float).tolist())


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a model version: what it may cost, what came, and the step in force."""

    day: datetime
    budget: float
    forecast: Mix | None  # of the whole day; None: its first
    first_at: datetime
    last_at: datetime
    seen: Mix = NOTHING
    spent: float = 0.0  # the expected number of choices so far
    step: Step | None = None  # None: nothing was chosen yet

    def choose(self, rows: Candidates) -> tuple[Plan, Floats]:
        """The probability of each of these rows, NaN where it was not chosen, and how the day goes on."""
        mix = rows.mix
        plan = msgspec.structs.replace(
            self, first_at=min(self.first_at, rows.first_at), last_at=max(self.last_at, rows.last_at)
        )
        step = plan.step
        if step is None or plan._is_used_up(step, float(pi_of(levels_of(step, rows)).sum())):
            step = plan._stepped(mix)
        pi = pi_of(levels_of(step, rows))
        return plan._counted(step, mix, float(pi.sum())), np.where(rows.draws < pi, pi, np.nan)

    def forecast_of_next(self) -> Mix | None:
        """What another day is expected to bring. Of a first day, what came before it is unknown."""
        if not self.seen.rows:
            return None
        covered = max(self.day + _DAY - self.first_at, _HOUR) if self.forecast is None else _DAY
        return self.seen.scaled(self.seen.rows * (_DAY / covered))

    def _is_used_up(self, step: Step, cost: float) -> bool:
        return self.seen.rows >= step.until_rows or step.spent + cost > step.allowance

    def _counted(self, step: Step, mix: Mix, cost: float) -> Plan:
        step = msgspec.structs.replace(step, spent=step.spent + cost)
        return msgspec.structs.replace(self, seen=self.seen + mix, spent=self.spent + cost, step=step)

    def _stepped(self, mix: Mix) -> Step:
        """New probabilities for these rows and those to come."""
        left, least = self.budget - self.spent, _OVERSPENT_SHARE * self.budget
        known = self.seen + mix
        if self.forecast is not None and self.seen.rows < self.forecast.rows:
            rows, until = self.forecast.rows - self.seen.rows, self.forecast.rows
            if self.step is None:  # once the day departs from the forecast, what came tells more
                known = self.forecast + known
        else:
            # once it is used up for as many again, though the clock says that few will come: rows come late
            to_come = max(self._to_come(known.rows), known.rows if left < least else 0.0)
            rows, until = mix.rows + to_come, 2 * known.rows
        rest = known.scaled(rows).covering(mix)  # so that these rows alone cost no more than the allowance
        return step_of(rest, max(left, least), until_rows=until)

    def _to_come(self, rows: float) -> float:
        """Rows to plan for where nothing is known of other days.

        Their rate goes on, for a time between what has passed (an hour at least) and what is left of the day:
        so there is something to label soon, and something left for later.
        """
        elapsed = max(self.last_at - self.first_at, _MINUTE)
        left = max(self.day + _DAY - self.last_at, timedelta(0))
        return rows * math.sqrt(max(elapsed, _HOUR) / elapsed * (left / elapsed))


def step_of(rest: Mix, allowance: float, *, until_rows: float) -> Step:
    """The probabilities with which so many rows of this mix cost the allowance, as expected."""
    even = _EVEN_SHARE * allowance / rest.rows
    least = _STRATA_SHARE * allowance / max(len(rest.strata), 1)  # choices in each stratum
    strata = {name: max(0.0, least / rows - even) for name, rows in rest.strata.items() if rows}
    left = allowance - even * rest.rows - sum(part * rest.strata[name] for name, part in strata.items())
    uncertain = left / float(np.dot(rest.certainty, _OF_UNCERTAINTY))
    return Step(
        even=even,
        strata=strata,
        uncertain=uncertain,
        allowance=allowance,
        until_rows=until_rows,
    )


def levels_of(step: Step, rows: Candidates) -> NDArray[np.int64]:
    """The level of each row's probability."""
    raw = step.even + step.uncertain * _OF_UNCERTAINTY[_bins(rows.certainty)]
    for each in rows.strata:
        parts = np.array([*map(step.of, each.names), 0.0])
        raw = raw + parts[np.where(each.codes < 0, len(each.names), each.codes)]
    return level_of(raw)


def pi_of(levels: NDArray[np.int64]) -> Floats:
    """The probability of each level."""
    return np.asarray(2.0 ** (-levels / LEVELS_PER_OCTAVE))


def level_of(pi: Floats) -> NDArray[np.int64]:
    """The level nearest to a probability, which may be above 1 before it is rounded."""
    levels = np.clip(np.rint(-LEVELS_PER_OCTAVE * np.log2(pi)), 0, LOWEST_LEVEL)
    return np.asarray(levels, dtype=np.int64)


def key_of(model: str, version: str) -> bytes:
    """The key of a model version's hashes, so that each chooses rows of its own."""
    return hashlib.blake2b(f"{model}\0{version}".encode(), digest_size=32).digest()


def draws_of(
    producer: str, segment: int, offsets: NDArray[np.int64], rows: NDArray[np.int64], key: bytes
) -> Floats:
    """The draws of rows of events of one segment: even over 0..1, and always the same.

    `BLAKE2b(producer/segment, key)` seeds splitmix64 (Steele, Lea & Flood 2014), which mixes in the event's
    offset and the row: a digest for each row would cost more than all the rest of the choice.
    """
    digest = hashlib.blake2b(f"{producer}/{segment:x}".encode(), digest_size=8, key=key).digest()
    seed = np.uint64(int.from_bytes(digest, "little"))
    mixed = _splitmix(
        _splitmix(seed + offsets.astype(np.uint64) * _GOLDEN) + rows.astype(np.uint64) * _GOLDEN
    )
    return mixed / 2.0**64


def _splitmix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def strata_of(name: str, names: Sequence[str], codes: NDArray[np.int64]) -> Strata:
    """The values of a slice as strata. A value too long to be watched apart is none."""
    kept = {value: place for place, value in enumerate(dict.fromkeys(n for n in names if len(n) <= 100))}
    places = np.array([*(kept.get(value, -1) for value in names), -1, -1], dtype=np.int64)
    return Strata(names=tuple(f"{name}={value}" for value in kept), codes=places[codes])


def first_plan(day: datetime, budget: float, before: Plan | None, rows: Candidates) -> Plan:
    """The plan of a day, by the newest day before it that is known."""
    return Plan(
        day=day,
        budget=budget,
        forecast=None if before is None else before.forecast_of_next(),
        first_at=rows.first_at,
        last_at=rows.last_at,
    )


def encoded(plan: Plan) -> bytes:
    """A plan as it is stored."""
    return msgspec.msgpack.encode(plan)


def decoded_plan(body: bytes) -> Plan:
    """Read it back."""
    return msgspec.msgpack.decode(body, type=Plan)


def _bins(certainty: Floats) -> NDArray[np.int64]:
    return np.asarray(np.minimum(certainty * CERTAINTY_BINS, CERTAINTY_BINS - 1), dtype=np.int64)
