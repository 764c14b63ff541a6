"""How many messages one person gets in an hour, and what becomes of the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.alerts.capping import HOUR, MOST_HELD, Allowance, admit
from monitors.alerts.groups import Notice, NoticeReason
from tests.helpers.alerts import AT, a_notice

WAIT = timedelta(seconds=30)


class Inbox:
    """One recipient, by seconds since the beginning."""

    def __init__(self, per_hour: int) -> None:
        self.per_hour = per_hour
        self.allowance = Allowance()
        self.got: list[tuple[int, Notice]] = []
        self.due_s: float | None = None

    def bring(self, n: int, *, at_s: int) -> None:
        now = AT + timedelta(seconds=at_s)
        notices = [replace(a_notice(), id=f"{at_s}-{place}", stem=f"{at_s}-{place}") for place in range(n)]
        admitted = admit(
            self.allowance, notices, recipient="email a", per_hour=self.per_hour, wait=WAIT, now=now
        )
        self.allowance = Allowance.from_bytes(admitted.allowance.to_bytes())
        self.got += [(at_s, notice) for notice in admitted.notices]
        self.due_s = None if admitted.due_at is None else (admitted.due_at - AT).total_seconds()

    @property
    def told(self) -> list[str]:
        return [
            f"{at_s} digest {len(notice.held)}" if notice.reason is NoticeReason.DIGEST else f"{at_s}"
            for at_s, notice in self.got
        ]


@pytest.mark.parametrize(
    ("sentence", "per_hour", "brought", "told"),
    [
        ("few messages go out as they come", 5, [(0, 2), (60, 2)], ["0", "0", "60", "60"]),
        ("the last of an hour is a digest of the rest", 3, [(0, 5), (30, 0)], ["0", "0", "30 digest 3"]),
        (
            "what comes while some are held is held too",
            3,
            [(0, 3), (10, 1), (30, 0)],
            ["0", "0", "30 digest 2"],
        ),
        (
            "after the digest the hour is full",
            3,
            [(0, 5), (30, 0), (60, 4), (3599, 0)],
            ["0", "0", "30 digest 3"],
        ),
        (
            "and when it has room again the rest comes as a digest",
            3,
            [(0, 5), (30, 0), (60, 4), (3600, 0)],
            ["0", "0", "30 digest 3", "3600 digest 4"],
        ),
        (
            "an hour later messages go out as before",
            3,
            [(0, 3), (30, 0), (3700, 1)],
            ["0", "0", "30 digest 1", "3700"],
        ),
        ("one an hour is always a digest", 1, [(0, 2), (30, 0)], ["30 digest 2"]),
        ("nothing held is no digest", 3, [(0, 2), (30, 0), (4000, 0)], ["0", "0"]),
    ],
)
def test_a_recipient_gets_so_many_an_hour(
    sentence: str, per_hour: int, brought: list[tuple[int, int]], told: list[str]
) -> None:
    inbox = Inbox(per_hour)

    for at_s, n in brought:
        inbox.bring(n, at_s=at_s)

    assert inbox.told == told, sentence


def test_what_is_held_says_when_it_is_due() -> None:
    inbox = Inbox(3)

    inbox.bring(5, at_s=0)
    first = inbox.due_s
    inbox.bring(0, at_s=30)
    inbox.bring(1, at_s=60)

    assert (first, inbox.due_s) == (30, 3600)


def test_a_clock_that_goes_back_closes_the_hour_for_an_hour_at_most() -> None:
    inbox = Inbox(3)
    inbox.bring(3, at_s=100_000)

    inbox.bring(0, at_s=0)
    inbox.bring(0, at_s=30)
    inbox.bring(1, at_s=3630)

    assert inbox.told == ["100000", "100000", "30 digest 1", "3630"]


def test_a_digest_names_what_it_stands_for() -> None:
    inbox = Inbox(2)

    inbox.bring(3, at_s=0)
    inbox.bring(0, at_s=30)

    (_, digest) = inbox.got[-1]
    assert digest.held == ("[FIRING:1] 0-1", "[FIRING:1] 0-2")
    assert digest.subject == "[DIGEST:2] 2 more notices than you are sent in an hour"


def test_a_digest_is_bounded() -> None:
    inbox = Inbox(2)

    inbox.bring(MOST_HELD + 10, at_s=0)
    inbox.bring(0, at_s=30)

    (_, digest) = inbox.got[-1]
    assert len(digest.held) == MOST_HELD + 1
    assert digest.held[-1] == "and 9 more"
    assert digest.stem.startswith(f"{MOST_HELD + 9} more notices")


@given(
    per_hour=st.integers(1, 5),
    arrivals=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 4)), max_size=40),
)
def test_no_hour_has_more_than_its_number_and_nothing_is_lost(
    per_hour: int, arrivals: list[tuple[int, int]]
) -> None:
    inbox, at_s = Inbox(per_hour), 0
    for pause, n in arrivals:
        at_s += pause
        inbox.bring(n, at_s=at_s)
    inbox.bring(0, at_s=at_s + 7200)

    moments = [at for at, _ in inbox.got]
    for start in moments:
        assert sum(start <= at < start + HOUR.total_seconds() for at in moments) <= per_hour
    told = sum(max(1, len(notice.held)) for _, notice in inbox.got)
    assert told == sum(n for _, n in arrivals)
