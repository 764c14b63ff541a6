"""The alert rules, as a table: one sentence, the windows that came, and what a person hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.alerts.rules import Reason, RuleState, decide, fingerprint
from monitors.rulebook import DEFAULT_RULES, Rule
from storage.records import Alert, AlertStatus, Arm, Bounds, Judgement, Measurement, Scope, Window

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = Rule(name="quality", monitor="quality")
TWO_OF_THREE = Rule(name="drift", monitor="drift", breached=2, of=3)
ONE_OF_TWO = Rule(name="accuracy", monitor="accuracy", of=2)


def judged(rule: Rule, hour: int, verdict: str, column: str = "age") -> Judgement:
    """A window of the given hour: B is breached, . is healthy, ? is unknown."""
    value = {"B": 0.5, ".": 0.01, "?": None}[verdict]
    return Judgement(
        monitor=rule.monitor,
        scope=Scope(model="car-loan", version="1"),
        window=Window(start=START + hour * HOUR, end=START + (hour + 1) * HOUR),
        measurement=Measurement(metric="drift", column=column, value=value, n=100, bounds=Bounds(upper=0.1)),
    )


class Story:
    """Looks at one model, one after the other, and everything that was told."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.states: dict[str, RuleState] = {}
        self.alerts: dict[str, Alert] = {}
        self.told: list[str] = []
        self.reasons: list[Reason] = []
        self.clock = START

    def look(self, judgements: Sequence[Judgement], clock: datetime | None = None) -> None:
        self.clock = max([self.clock, *([clock] if clock else [each.window.end for each in judgements])])
        decision = decide([self.rule], judgements, self.states, clock=self.clock)
        for alert in decision.withdrawn:
            del self.alerts[alert.fingerprint]
        self.alerts |= {alert.fingerprint: alert for alert in decision.alerts}
        self.states |= decision.states
        self.told += [each.reason.value for each in decision.news]
        self.reasons += decision.reasons.values()

    @property
    def status(self) -> str | None:
        return next((alert.status.value for alert in self.alerts.values()), None)


@pytest.mark.parametrize(
    ("sentence", "rule", "windows", "told", "status"),
    [
        ("a healthy window says nothing", ONE, ".", [], None),
        ("one breached window fires where one is enough", ONE, "B", ["fired"], "firing"),
        ("a second breached window is no news", ONE, "BB", ["fired"], "firing"),
        ("a healthy window resolves", ONE, "B.", ["fired", "resolved"], "resolved"),
        ("an unknown window resolves nothing", ONE, "B??", ["fired"], "firing"),
        ("an unknown window opens nothing", ONE, "???", [], None),
        ("one breached window fires where one of two is enough", ONE_OF_TWO, ".B", ["fired"], "firing"),
        ("a window with few labels yet ends nothing", ONE_OF_TWO, "B.B", ["fired"], "firing"),
        ("two healthy windows do", ONE_OF_TWO, "B..", ["fired", "resolved"], "resolved"),
        (
            "after a resolution the next breach is a new alert",
            ONE,
            "B.B",
            ["fired", "resolved", "fired"],
            "firing",
        ),
        ("one breach of two needed is pending, and not told", TWO_OF_THREE, "B", [], "pending"),
        ("two breaches in a row fire", TWO_OF_THREE, "BB", ["fired"], "firing"),
        ("two breaches of three fire", TWO_OF_THREE, "B.B", ["fired"], "firing"),
        ("two breaches of four do not", TWO_OF_THREE, "B..B", [], "pending"),
        ("a pending alert that comes to nothing is withdrawn", TWO_OF_THREE, "B...", [], None),
        ("unknown windows do not push a breach out", TWO_OF_THREE, "B???B", ["fired"], "firing"),
        ("one healthy window does not resolve two of three", TWO_OF_THREE, "BB.", ["fired"], "firing"),
        ("two healthy windows do", TWO_OF_THREE, "BB..", ["fired", "resolved"], "resolved"),
        (
            "the breaches of the last episode do not count again",
            TWO_OF_THREE,
            "BB..B",
            ["fired", "resolved"],
            "pending",
        ),
    ],
)
def test_a_rule_counts_breached_windows(
    sentence: str, rule: Rule, windows: str, told: list[str], status: str | None
) -> None:
    story = Story(rule)

    for hour, verdict in enumerate(windows):
        story.look([judged(rule, hour, verdict)])

    assert story.told == told, sentence
    assert story.status == status, sentence


def test_an_alert_starts_at_the_end_of_its_first_breached_window() -> None:
    story = Story(TWO_OF_THREE)

    for hour, verdict in enumerate(".B.B"):
        story.look([judged(TWO_OF_THREE, hour, verdict)])

    (alert,) = story.alerts.values()
    assert alert.starts_at == START + 2 * HOUR
    assert alert.updated_at == START + 4 * HOUR
    assert alert.ends_at is None


def test_a_resolved_alert_says_when_it_ended() -> None:
    story = Story(ONE)

    for hour, verdict in enumerate("BB."):
        story.look([judged(ONE, hour, verdict)])

    (alert,) = story.alerts.values()
    assert (alert.starts_at, alert.ends_at) == (START + HOUR, START + 3 * HOUR)


def test_the_same_window_judged_twice_counts_once() -> None:
    story = Story(TWO_OF_THREE)

    story.look([judged(TWO_OF_THREE, 0, "B")])
    story.look([judged(TWO_OF_THREE, 0, "B")])

    assert story.status == "pending"
    assert story.told == []


def test_a_window_judged_again_replaces_its_verdict() -> None:
    story = Story(ONE)

    story.look([judged(ONE, 0, "B")])
    story.look([judged(ONE, 0, ".")])

    assert story.told == ["fired", "resolved"]


def test_a_window_that_newer_ones_have_passed_changes_nothing() -> None:
    story = Story(ONE)

    story.look([judged(ONE, 5, ".")])
    story.look([judged(ONE, 4, "B")])

    assert story.told == []
    assert story.reasons[-1] is Reason.SUPERSEDED


def test_an_old_window_judged_again_opens_no_alert() -> None:
    story = Story(ONE)
    story.look([judged(ONE, 0, ".")])

    story.look([judged(ONE, 0, "B")], clock=START + timedelta(hours=26))

    assert story.told == []
    assert story.reasons[-1] is Reason.STALE


def test_a_recent_window_judged_again_opens_an_alert() -> None:
    story = Story(ONE)
    story.look([judged(ONE, 0, ".")])

    story.look([judged(ONE, 0, "B")], clock=START + timedelta(hours=24))

    assert story.told == ["fired"]


def test_an_old_window_judged_for_the_first_time_opens_an_alert() -> None:
    story = Story(ONE)

    story.look([judged(ONE, 0, "B")], clock=START + timedelta(days=300))

    assert story.told == ["fired"]


def test_an_alert_that_came_and_went_within_one_look_is_told_once_as_over() -> None:
    story = Story(ONE)

    story.look([judged(ONE, hour, verdict) for hour, verdict in enumerate("BB.")])

    assert story.told == ["passed"]
    assert story.status == "resolved"


def test_each_column_has_an_alert_of_its_own() -> None:
    story = Story(ONE)

    story.look([judged(ONE, 0, "B", "age"), judged(ONE, 0, "B", "income"), judged(ONE, 0, ".", "plan")])

    assert {alert.column for alert in story.alerts.values()} == {"age", "income"}


@given(order=st.permutations(range(10)))
def test_the_order_in_which_windows_are_handed_in_does_not_matter(order: list[int]) -> None:
    windows = [judged(TWO_OF_THREE, hour, verdict) for hour, verdict in enumerate("B.BB..B?BB")]
    straight, shuffled = Story(TWO_OF_THREE), Story(TWO_OF_THREE)

    straight.look(windows)
    shuffled.look([windows[hour] for hour in order])

    assert shuffled.alerts == straight.alerts
    assert shuffled.states == straight.states


def test_looking_at_each_window_or_at_all_at_once_ends_in_the_same_state() -> None:
    windows = [judged(TWO_OF_THREE, hour, verdict) for hour, verdict in enumerate("B.BB..B?BBB....BB.B")]
    one_by_one, at_once = Story(TWO_OF_THREE), Story(TWO_OF_THREE)

    for window in windows:
        one_by_one.look([window])
    at_once.look(windows)

    assert at_once.states == one_by_one.states


def test_a_number_without_bounds_is_no_matter_of_alerts() -> None:
    story = Story(ONE)
    judgement = judged(ONE, 0, "B")
    story.look([replace(judgement, measurement=replace(judgement.measurement, bounds=Bounds()))])

    assert story.states == {}


def test_an_alert_outside_its_bounds_by_chance_is_not_breached() -> None:
    story = Story(ONE)
    judgement = judged(ONE, 0, "B")
    story.look([replace(judgement, measurement=replace(judgement.measurement, significant=False))])

    assert story.status is None


def test_a_state_survives_its_bytes() -> None:
    story = Story(TWO_OF_THREE)
    story.look([judged(TWO_OF_THREE, hour, verdict) for hour, verdict in enumerate("BB..B")])

    (state,) = story.states.values()

    assert RuleState.from_bytes(state.to_bytes()) == state


def test_the_default_rules_cover_every_kind_of_trouble() -> None:
    assert [(rule.name, rule.severity.value, rule.breached, rule.of) for rule in DEFAULT_RULES] == [
        ("drift", "warning", 2, 3),
        ("quality", "warning", 1, 1),
        ("accuracy", "critical", 1, 2),
        ("sampling", "critical", 1, 2),
        ("toxicity", "warning", 1, 1),
        ("bias", "warning", 1, 2),
        ("errors", "critical", 1, 1),
        ("no_data", "warning", 1, 1),
        ("database", "critical", 1, 1),
    ]
    assert all(rule.text for rule in DEFAULT_RULES)


def test_a_fingerprint_names_the_slice_too() -> None:
    judgement = judged(ONE, 0, "B")
    elsewhere = replace(judgement, scope=replace(judgement.scope, slice="sex=f"))

    assert fingerprint(ONE, judgement) != fingerprint(ONE, elsewhere)


def test_years_of_windows_keep_a_bounded_state() -> None:
    story = Story(TWO_OF_THREE)
    verdicts = "B.?BB..?BBB...." * 300

    for hour, verdict in enumerate(verdicts):
        story.look([judged(TWO_OF_THREE, hour, verdict)])

    (state,) = story.states.values()
    assert len(state.verdicts) <= 3
    assert story.told.count("fired") - story.told.count("resolved") in {0, 1}
    assert set(story.alerts) <= set(story.states)
    assert all(alert.status in AlertStatus for alert in story.alerts.values())


WAITS = replace(ONE, wait=2 * HOUR)
KEEPS = replace(ONE, keep_firing_for=2 * HOUR)
WAITS_TWO = replace(TWO_OF_THREE, wait=HOUR)


@pytest.mark.parametrize(
    ("sentence", "rule", "windows", "told", "status"),
    [
        ("a breach that must last is pending at first", WAITS, "B", [], "pending"),
        ("and still before its time", WAITS, "BB", [], "pending"),
        ("and fires when it has lasted", WAITS, "BBB", ["fired"], "firing"),
        ("a healthy window begins the wait anew", WAITS, "BB.BB", [], "pending"),
        ("and the wait that is through fires", WAITS, "BB.BBB", ["fired"], "firing"),
        ("a wait that comes to nothing is withdrawn", WAITS, "BB.", [], None),
        ("an unknown window does not break a wait", WAITS, "B?B", ["fired"], "firing"),
        ("with two of three the wait begins at the second", WAITS_TWO, "BB", [], "pending"),
        ("and fires with the next", WAITS_TWO, "BBB", ["fired"], "firing"),
        ("what is kept firing is not over at the first healthy window", KEEPS, "B.", ["fired"], "firing"),
        ("nor before its time", KEEPS, "B..", ["fired"], "firing"),
        ("it is over when the time is", KEEPS, "B...", ["fired", "resolved"], "resolved"),
        ("a breach meanwhile begins the time anew", KEEPS, "B..B..", ["fired"], "firing"),
        ("and it is one episode", KEEPS, "B..B...", ["fired", "resolved"], "resolved"),
        ("an unknown window is no healthy one", KEEPS, "B???", ["fired"], "firing"),
    ],
)
def test_a_rule_waits_before_it_fires_and_holds_on_after(
    sentence: str, rule: Rule, windows: str, told: list[str], status: str | None
) -> None:
    story = Story(rule)

    for hour, verdict in enumerate(windows):
        story.look([judged(rule, hour, verdict)])

    assert story.told == told, sentence
    assert story.status == status, sentence


def test_an_alert_that_waited_starts_at_its_first_breach() -> None:
    story = Story(WAITS)

    for hour, verdict in enumerate("BBBB"):
        story.look([judged(WAITS, hour, verdict)])

    (alert,) = story.alerts.values()
    assert alert.starts_at == START + HOUR


@pytest.mark.parametrize(
    ("selector", "covered"),
    [
        ({}, True),
        ({"column": "age"}, True),
        ({"column": "plan"}, False),
        ({"slice": "all"}, True),
        ({"slice": "country=DE"}, False),
        ({"arm": Arm.STABLE}, True),
        ({"arm": Arm.CANARY}, False),
        ({"metric": "drift"}, True),
        ({"metric": "psi"}, False),
        ({"monitor": "bias"}, False),
    ],
)
def test_a_rule_looks_at_what_its_selectors_name(selector: dict[str, Any], covered: bool) -> None:
    rule = Rule(**{"name": "mine", "monitor": "drift", **selector})

    assert rule.covers(judged(TWO_OF_THREE, 0, "B")) is covered
