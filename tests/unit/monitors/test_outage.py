"""A database that is away is told of directly, and so is that it is back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from monitors.alerts.channels import Message
from monitors.alerts.groups import Notice
from monitors.alerts.outage import OutageWatch
from monitors.alerts.policy import policy_of
from monitors.errors import ChannelError
from monitors.settings import AlertSettings
from storage.errors import DatabaseUnavailableError
from tests.helpers.alerts import AT
from tests.helpers.board import Board


class Watched:
    """A database that answers or does not, and its watch, by seconds."""

    def __init__(self, *, channels: Sequence[Board] = (), **settings: object) -> None:
        self.board = Board()
        self.answers = True
        self.at = AT
        self.watch = OutageWatch(
            self._ping,
            channels=channels or [self.board],
            policy=policy_of(AlertSettings.model_validate(settings)),
            after=timedelta(seconds=60),
            clock=lambda: self.at,
        )

    def at_s(self, seconds: int, *, answers: bool) -> None:
        self.at, self.answers = AT + timedelta(seconds=seconds), answers
        self.watch.look()

    def _ping(self) -> None:
        if not self.answers:
            raise DatabaseUnavailableError("away")


AWAY = "[FIRING:1] inferwatch: the database is away"
BACK = "[RESOLVED] inferwatch: the database is away"


def test_a_short_outage_is_not_told() -> None:
    watched = Watched()

    watched.at_s(0, answers=False)
    watched.at_s(59, answers=False)
    watched.at_s(65, answers=True)

    assert watched.board.taken == []


def test_a_long_one_is_told_once_and_so_is_its_end() -> None:
    watched = Watched()

    for seconds in (0, 60, 65, 3600):
        watched.at_s(seconds, answers=False)
    watched.at_s(3605, answers=True)
    watched.at_s(3610, answers=True)

    assert watched.board.taken == [AWAY, BACK]
    assert len(set(watched.board.ids)) == 2


def test_the_next_outage_is_another() -> None:
    watched = Watched()

    for seconds, answers in ((0, False), (60, False), (65, True), (600, False), (660, False), (700, True)):
        watched.at_s(seconds, answers=answers)

    assert watched.board.taken == [AWAY, BACK, AWAY, BACK]
    assert len(set(watched.board.ids)) == 4


def test_a_channel_that_fails_is_tried_again_with_the_same_message() -> None:
    watched = Watched()
    watched.board.failure = ChannelError("busy")
    watched.at_s(0, answers=False)
    watched.at_s(60, answers=False)
    watched.board.failure = None

    watched.at_s(65, answers=False)
    too_soon = list(watched.board.taken)
    watched.at_s(90, answers=False)

    assert too_soon == []
    assert watched.board.taken == [AWAY]


def test_who_was_not_told_that_it_is_away_is_not_told_that_it_is_back() -> None:
    watched = Watched()
    watched.board.failure = ChannelError("busy")
    watched.at_s(0, answers=False)
    watched.at_s(60, answers=False)
    watched.board.failure = None

    watched.at_s(100, answers=True)
    watched.at_s(200, answers=True)

    assert watched.board.taken == []


def test_a_channel_that_refuses_for_good_is_left_alone() -> None:
    watched = Watched()
    watched.board.failure = ChannelError("no such user", permanent=True)
    watched.at_s(0, answers=False)
    watched.at_s(60, answers=False)
    watched.board.failure = None

    watched.at_s(120, answers=False)

    assert watched.board.taken == []


def test_with_the_rule_off_nothing_is_told() -> None:
    watched = Watched(rules=[{"name": "database", "off": True}])

    watched.at_s(0, answers=False)
    watched.at_s(600, answers=False)

    assert watched.board.taken == []


def test_in_a_mute_time_it_is_told_later() -> None:
    watched = Watched(mute=[{"name": "noon", "from": "12:00", "to": "12:10"}])  # AT is noon

    watched.at_s(0, answers=False)
    watched.at_s(120, answers=False)
    muted = list(watched.board.taken)
    watched.at_s(600, answers=False)

    assert muted == []
    assert watched.board.taken == [AWAY]


class Faulty(Board):
    """Raises what no channel should."""

    def send(self, message: Message) -> None:
        raise ZeroDivisionError


class Unable(Board):
    """Cannot make a message of anything."""

    def render(self, notice: Notice) -> Message:
        raise ZeroDivisionError


@pytest.mark.parametrize("broken", [Faulty(), Unable()])
def test_a_channel_that_is_broken_keeps_no_other_from_telling(broken: Board) -> None:
    watched = Watched(channels=[broken, board := Board()])

    for seconds, answers in ((0, False), (60, False), (90, False), (120, True), (150, True)):
        watched.at_s(seconds, answers=answers)

    assert board.taken == [AWAY, BACK]


def test_who_knows_that_it_is_away_hears_that_it_is_back_although_it_went_away_again() -> None:
    watched = Watched()
    watched.at_s(0, answers=False)
    watched.at_s(60, answers=False)
    watched.board.failure = ChannelError("busy")
    watched.at_s(65, answers=True)
    watched.at_s(70, answers=False)
    watched.at_s(75, answers=True)
    watched.board.failure = None

    watched.at_s(100, answers=True)

    assert watched.board.taken == [AWAY, BACK]


def test_a_mute_time_for_a_label_that_the_rule_adds_holds_for_it() -> None:
    watched = Watched(
        rules=[{"name": "database", "labels": {"team": "dba"}}],
        mute=[{"name": "noon", "from": "12:00", "to": "12:10", "match": ["team=dba"]}],
    )

    watched.at_s(0, answers=False)
    watched.at_s(120, answers=False)

    assert watched.board.taken == []
