"""Who is told what, when and why: one sentence, a script, and every notice that goes out.

The scripts are explained in `tests/helpers/tales.py`. Unless a case says otherwise the settings are the
defaults: news waits 30 s, changes are 5 min apart, repeats come after 4 h.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.alerts.groups import NoticeReason
from monitors.alerts.notify import notify
from monitors.alerts.policy import policy_of
from monitors.alerts.situations import GroupState, Memory
from monitors.settings import AlertSettings
from storage.records import AlertStatus
from tests.helpers.tales import MONDAY, STEP, Tale

DEFAULTS = policy_of(AlertSettings())

GROUPS = [
    ("the first alert of a group is told after the wait", "0s +age; end 1m", ["30s first +age"]),
    ("nothing is told before the wait is over", "0s +age; end 20s", []),
    ("alerts that come within the wait share one notice",
     "0s +age; 20s +plan; end 1m", ["30s first +age +plan"]),
    ("a hundred columns are one notice", "0s " + " ".join(f"+c{n:02}" for n in range(100)) + "; end 1m",
     ["30s first " + " ".join(f"+c{n:02}" for n in range(100))]),
    ("two models are two notices", "0s +age +shop/age; end 1m", ["30s first +age", "30s first +shop/age"]),
    ("a new member is told when the last notice is 5 min old", "0s +age; 1m +plan; end 10m",
     ["30s first +age", "5m30s changed +plan =age"]),
    ("a new member long after the last notice waits for more of its kind",
     "0s +age; 1h +plan; 1h10s +loan; end 2h",
     ["30s first +age", "1h30s changed +loan +plan =age"]),
    ("a member that is over is told while others fire", "0s +age +plan; 10m -age; end 20m",
     ["30s first +age +plan", "10m30s changed =plan -age"]),
    ("when all is over that is told", "0s +age +plan; 10m -age -plan; end 20m",
     ["30s first +age +plan", "10m30s resolved -age -plan"]),
    ("over and new are told together", "0s +age; 10m -age +plan; end 20m",
     ["30s first +age", "10m30s changed +plan -age"]),
    ("a resolution within 5 min of the notice waits for them", "0s +age; 1m -age; end 10m",
     ["30s first +age", "5m30s resolved -age"]),
    ("what is over is told once", "0s +age; 10m -age; end 9h", ["30s first +age", "10m30s resolved -age"]),
    ("what came and went before it was told is told once, as passed", "0s ~age; end 9h", ["30s passed -age"]),
    ("an alert that is over within the wait has passed", "0s +age; 10s -age; end 9h", ["30s passed -age"]),
    ("what passed is told beside what fires", "0s +age ~plan; end 1m", ["30s first +age -plan"]),
    ("one that passed while another fires is a change", "0s +age; 10m ~plan; end 1h",
     ["30s first +age", "10m30s changed =age -plan"]),
    ("of several passed episodes of one alert the last is told",
     "0s ~age; 10s ~age; end 1h", ["30s passed -age"]),
    ("one that passed and fires again is told as firing", "0s ~age; 10s +age; end 1h", ["30s first +age"]),
    ("one that went and came back before that was told is no news", "0s +age; 1m -age; 2m +age; end 1h",
     ["30s first +age"]),
    ("and its end is told all the same", "0s +age; 1m -age; 2m +age; 10m -age; end 1h",
     ["30s first +age", "10m30s resolved -age"]),
    ("one that comes back after its end was told is told anew", "0s +age; 10m -age; 20m +age; end 1h",
     ["30s first +age", "10m30s resolved -age", "20m30s first +age"]),
    ("a group that is over and begins again at once keeps 5 min between notices",
     "0s +age; 10m -age; 11m +age; end 1h",
     ["30s first +age", "10m30s resolved -age", "15m30s first +age"]),
    ("a flapping alert is told of every 5 min at most",
     "0s +age; 2m -age; 3m +age; 4m -age; 5m +age; 6m -age; 7m +age; 8m -age; 9m +age; 10m -age; end 14m",
     ["30s first +age", "6m30s resolved -age", "11m30s passed -age"]),
]  # fmt: skip

REPEATS = [
    ("what still fires is told again after 4 h",
     "0s +age; end 4h1m", ["30s first +age", "4h30s repeat =age"]),
    ("and not a moment before", "0s +age; end 4h20s", ["30s first +age"]),
    ("and again after 4 h more", "0s +age; end 9h",
     ["30s first +age", "4h30s repeat =age", "8h30s repeat =age"]),
    ("a change counts as a notice, so the repeat comes 4 h after it", "0s +age; 3h +plan; end 8h",
     ["30s first +age", "3h30s changed +plan =age", "7h30s repeat =age =plan"]),
    ("a new member just before a repeat is told with it", "0s +age; 3h59m50s +plan; end 4h10m",
     ["30s first +age", "4h20s changed +plan =age"]),
    ("what is over is not repeated", "0s +age; 3h -age; end 9h", ["30s first +age", "3h30s resolved -age"]),
]  # fmt: skip

SILENCES = [
    ("a silenced alert is not told", "0s silence column=age 1h; 0s +age; end 59m", []),
    ("it is told when the silence is over",
     "0s silence column=age 1h; 0s +age; end 2h", ["1h30s first +age"]),
    ("it is told when the silence is ended by hand",
     "0s silence column=age 1h; 0s +age; 10m unsilence; end 20m",
     ["10m30s first +age"]),
    ("a silence of one column leaves the others", "0s silence column=age 1h; 0s +age +plan; end 10m",
     ["30s first +plan"]),
    ("and the column joins them when it ends", "0s silence column=age 1h; 0s +age +plan; end 2h",
     ["30s first +plan", "1h30s changed +age =plan"]),
    ("a silence of a model leaves other models", "0s silence model=churn 1h; 0s +age +shop/age; end 10m",
     ["30s first +shop/age"]),
    ("an expression silences what it matches as a whole",
     "0s silence column=~ag. 1h; 0s +age +agent; end 10m",
     ["30s first +agent"]),
    ("a negated matcher spares what it names",
     "0s silence column!=age 1h; 0s +age +plan; end 10m", ["30s first +age"]),
    ("all matchers of a silence must hold",
     "0s silence model=shop column=age 1h; 0s +age; end 1m", ["30s first +age"]),
    ("a label that is not there is the empty text", "0s silence team= 1h; 0s +age; end 10m", []),
    ("an alert that is silenced after it was told leaves without a word",
     "0s +age; 10m silence column=age 1h; end 1h",
     ["30s first +age"]),
    ("and is not repeated in the silence", "0s +age; 10m silence column=age 5h; end 5h", ["30s first +age"]),
    ("a repeat that was missed comes when the silence is over",
     "0s +age; 10m silence column=age 5h; end 5h20m",
     ["30s first +age", "5h10m repeat =age"]),
    ("after a short silence people know already",
     "0s +age; 10m silence column=age 1h; end 3h", ["30s first +age"]),
    ("one that left comes back after another notice did without it",
     "0s +age +plan; 10m silence column=age 1h; 20m +loan; end 2h",
     ["30s first +age +plan", "20m30s changed +loan =plan", "1h10m30s changed +age =loan =plan"]),
    ("what ends in a silence is told when the silence is over",
     "0s +age; 10m silence column=age 1h; 20m -age; end 2h",
     ["30s first +age", "1h10m30s resolved -age"]),
    ("what nobody heard of and ends in a silence is never told",
     "0s silence column=age 1h; 0s +age; 20m -age; end 2h",
     []),
    ("what came and went in a silence is never told", "0s silence column=age 1h; 1m ~age; end 2h", []),
    ("a silence that is over silences nothing",
     "0s silence column=age 1m; 2m +age; end 3m", ["2m30s first +age"]),
    ("two silences end with the last", "0s silence column=age 1h; 0s silence model=churn 2h; 0s +age; end 3h",
     ["2h30s first +age"]),
]  # fmt: skip

ACKNOWLEDGEMENTS = [
    ("what was acknowledged is not repeated", "0s +age; 1m ack age; end 9h", ["30s first +age"]),
    ("its end is told", "0s +age; 1m ack age; 5h -age; end 9h", ["30s first +age", "5h30s resolved -age"]),
    ("a new member of the group is told", "0s +age; 1m ack age; 5h +plan; end 6h",
     ["30s first +age", "5h30s changed +plan =age"]),
    ("and the group is repeated for its sake", "0s +age; 1m ack age; 5h +plan; end 10h",
     ["30s first +age", "5h30s changed +plan =age", "9h30s repeat =age =plan"]),
    ("with both acknowledged there is no repeat", "0s +age; 1m ack age; 5h +plan; 6h ack plan; end 12h",
     ["30s first +age", "5h30s changed +plan =age"]),
    ("the next episode is not acknowledged by the last", "0s +age; 1m ack age; 1h -age; 2h +age; end 7h",
     ["30s first +age", "1h30s resolved -age", "2h30s first +age", "6h30s repeat =age"]),
    ("what was acknowledged before it was told is told once",
     "0s +age; 10s ack age; end 9h", ["30s first +age"]),
]  # fmt: skip

INHIBITIONS = [
    ("no data explains drift of that model", "0s +no_data +age; end 1h", ["30s first +no_data"]),
    ("and nothing of another model",
     "0s +no_data +shop/age; end 1m", ["30s first +no_data", "30s first +shop/age"]),
    ("when data is back, drift is told", "0s +no_data +age; 1h -no_data; end 2h",
     ["30s first +no_data", "1h30s changed +age -no_data"]),
    ("no data does not explain errors", "0s +no_data +errors; end 1m", ["30s first +errors +no_data"]),
    ("a database that is away explains drift of every model", "0s +database +age +shop/age; end 10m",
     ["30s first +database"]),
    ("and not that there is no data",
     "0s +database +no_data; end 1m", ["30s first +database", "30s first +no_data"]),
    ("a critical alert makes the warning of its column idle", "0s +age! +age; end 1m", ["30s first +age"]),
    ("and no other column's", "0s +age! +plan; end 1m", ["30s first +plan +age"]),
    ("and no other model's", "0s +age! +shop/age; end 1m", ["30s first +age", "30s first +shop/age"]),
    ("the warning comes back when the critical one is over", "0s +age! +age; 1h -age!; end 2h",
     ["30s first +age", "1h30s changed +age -age"]),
    ("a silenced alert inhibits all the same", "0s silence rule=no_data 1h; 0s +no_data +age; end 30m", []),
    ("what ended while it was explained is told with the explanation's end",
     "0s +age; 10m +no_data; 20m -age; 1h -no_data; end 2h",
     ["30s first +age", "10m30s changed +no_data", "1h30s resolved -age -no_data"]),
    ("what came and went while it was explained is never told", "0s +no_data; 10m ~age; 1h -no_data; end 2h",
     ["30s first +no_data", "1h30s resolved -no_data"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "script", "told"), [*GROUPS, *REPEATS, *SILENCES, *ACKNOWLEDGEMENTS, *INHIBITIONS]
)
def test_what_people_are_told(sentence: str, script: str, told: list[str]) -> None:
    tale = Tale(DEFAULTS)

    assert tale.run(script) == told, sentence


REASONS = [
    ("a group within its wait is waiting", "0s +age; end 20s", "waiting"),
    ("news too soon after a notice says so", "0s +age; 1m +plan; end 2m", "too_soon"),
    ("what was told and is the same is unchanged", "0s +age; end 2m", "unchanged"),
    ("a silenced group says so", "0s silence column=age 1h; 0s +age; end 1m", "silenced"),
    ("an inhibited alert has a group of its own that says so",
     "0s +database +age; end 20s", "waiting inhibited"),
    ("a repeat that is due and acknowledged says so", "0s +age; 1m ack age; end 5h", "acknowledged"),
    ("an end that is told says so", "0s +age; 1h -age; end 1h30s", "resolved"),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "script", "reason"), REASONS)
def test_why_people_are_told_or_not(sentence: str, script: str, reason: str) -> None:
    tale = Tale(DEFAULTS)

    tale.run(script)

    assert sorted(tale.last.split()) == sorted(reason.split()), sentence


SETTINGS: list[tuple[str, dict[str, object], str, list[str]]] = [
    ("without resolved notices the end is not told", {"send_resolved": False}, "0s +age; 10m -age; end 1h",
     ["30s first +age"]),
    ("nor is what passed", {"send_resolved": False}, "0s ~age; end 1h", []),
    ("and the next episode is a new one", {"send_resolved": False}, "0s +age; 10m -age; 1h +age; end 2h",
     ["30s first +age", "1h30s first +age"]),
    ("the end of one is not told beside another that fires", {"send_resolved": False},
     "0s +age +plan; 10m -age; end 1h", ["30s first +age +plan"]),
    ("without a wait news is told at once", {"group_wait": "0s"}, "0s +age; end 10s", ["0s first +age"]),
    ("a repeat interval of an hour is one", {"repeat_interval": "1h"}, "0s +age; end 1h1m",
     ["30s first +age", "1h30s repeat =age"]),
    ("grouped by column every column has its notice",
     {"group_by": ["model", "column"]}, "0s +age +plan; end 1m",
     ["30s first +age", "30s first +plan"]),
    ("grouped by nothing all models share one", {"group_by": []}, "0s +age +shop/age; end 1m",
     ["30s first +age +shop/age"]),
    ("without inhibition no data explains nothing", {"inhibit": []}, "0s +no_data +age; end 1m",
     ["30s first +age +no_data"]),
    ("an inhibition of your own holds", {"inhibit": [{"source": ["column=age"], "target": ["column=~pl.*"]}]},
     "0s +age +plan; end 1m", ["30s first +age"]),
    ("two that match both sides of an inhibition do not hide each other",
     {"inhibit": [{"source": ["rule=drift"], "target": ["rule=drift"]}]},
     "0s +age +plan; end 1m", ["30s first +age +plan"]),
    ("an inhibition with equal labels spares what differs in them",
     {"inhibit": [{"source": ["column=age"], "target": ["column=plan"], "equal": ["model"]}]},
     "0s +age +plan +shop/plan; end 1m", ["30s first +age", "30s first +shop/plan"]),
    ("in a mute time nobody is told", {"mute": [{"name": "noon", "from": "12:00", "to": "13:00"}]},
     "0s +age; end 59m", []),
    ("after it they are", {"mute": [{"name": "noon", "from": "12:00", "to": "13:00"}]},
     "0s +age; end 2h", ["1h30s first +age"]),
    ("what ended in it is told after it", {"mute": [{"name": "noon", "from": "12:05", "to": "13:00"}]},
     "0s +age; 10m -age; end 2h", ["30s first +age", "1h30s resolved -age"]),
    ("a mute time of another day mutes nothing",
     {"mute": [{"name": "weekend", "days": ["saturday", "sunday"]}]}, "0s +age; end 1m", ["30s first +age"]),
    ("a mute time may pass midnight",
     {"mute": [{"name": "night", "days": ["sunday"], "from": "22:00", "to": "12:30"}]},
     "0s +age; end 1h", ["30m30s first +age"]),
    ("a mute time may be of some alerts", {"mute": [{"name": "n", "match": ["column=age"]}]},
     "0s +age +plan; end 1h", ["30s first +plan"]),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "settings", "script", "told"), SETTINGS)
def test_what_settings_do(sentence: str, settings: dict[str, object], script: str, told: list[str]) -> None:
    tale = Tale(policy_of(AlertSettings.model_validate(settings)))

    assert tale.run(script) == told, sentence


def test_a_group_in_a_mute_time_says_so() -> None:
    tale = Tale(policy_of(AlertSettings.model_validate({"mute": [{"name": "always"}]})))

    tale.run("0s +age; end 1m")

    assert tale.last == "muted"


def test_a_thread_and_its_stem_last_until_all_is_over() -> None:
    tale = Tale(DEFAULTS)

    tale.run("0s +age; 10m +plan; 20m -age; 30m -plan; 1h +plan; end 2h")

    assert len({notice.id for notice in tale.notices}) == len(tale.notices) == 5
    assert len({notice.thread for notice in tale.notices[:4]}) == 1
    assert {notice.stem for notice in tale.notices[:4]} == {"churn 12: drift in age"}
    assert tale.notices[4].thread != tale.notices[0].thread
    assert [notice.subject for notice in tale.notices] == [
        "[FIRING:1] churn 12: drift in age",
        "[FIRING:2] churn 12: drift in age",
        "[FIRING:1] churn 12: drift in age",
        "[RESOLVED] churn 12: drift in age",
        "[FIRING:1] churn 12: drift in plan",
    ]


def test_a_thread_goes_on_while_a_member_is_silenced() -> None:
    tale = Tale(DEFAULTS)

    tale.run("0s +age +plan; 10m silence column=age 1h; 20m -plan; 2h -age; end 3h")

    assert [notice.reason for notice in tale.notices][-1] is NoticeReason.RESOLVED
    assert len({notice.thread for notice in tale.notices}) == 1


def test_a_notice_carries_the_words_and_labels_of_the_rule() -> None:
    rules = [{"name": "drift", "text": "ask the data team", "runbook": "https://wiki.example.org/drift"}]
    tale = Tale(policy_of(AlertSettings.model_validate({"rules": rules})))

    tale.run("0s +age; end 1m")

    (notice,) = tale.notices
    (words,) = notice.about.values()
    assert (words.text, words.runbook) == ("ask the data team", "https://wiki.example.org/drift")
    assert words.labels["column"] == "age"
    assert notice.group == {"model": "churn", "version": "12"}


def test_two_processes_that_remember_the_same_make_the_same_notice() -> None:
    tale = Tale(DEFAULTS)
    tale.run("0s +age; end 20s")
    at = MONDAY + timedelta(seconds=30)

    one, other = (notify(tale.situation, tale.memory, DEFAULTS, at) for _ in range(2))

    assert [each.id for each in one.notices] == [each.id for each in other.notices] != []


def test_what_people_know_is_not_told_again_where_the_memory_of_its_group_is_lost() -> None:
    tale = Tale(DEFAULTS)
    tale.run("0s +age; end 1m")
    tale.memory = Memory()

    assert tale.run("5m +plan; end 7m") == ["30s first +age", "6m changed +plan =age"]


def test_a_state_survives_its_bytes() -> None:
    tale = Tale(DEFAULTS)
    tale.run("0s +age; 1m +plan; end 2m")

    (state,) = tale.memory.groups.values()

    assert GroupState.from_bytes(state.to_bytes()) == state


def test_a_clock_that_goes_back_makes_nobody_wait_for_the_time_it_showed() -> None:
    tale = Tale(DEFAULTS)
    tale.run("0s +age; end 3h")
    tale.start = tale.now = MONDAY - timedelta(days=1)

    told = tale.run("0s +plan; end 4h6m")

    assert told[1:] == ["5m changed +plan =age", "4h5m repeat =age =plan"]


def test_groups_that_are_over_are_forgotten() -> None:
    tale = Tale(DEFAULTS)

    tale.run("0s +age; 10m -age; end 1h")

    assert tale.memory.groups == {}
    assert tale.situation.members == ()


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["+", "-", "~", "silence"]),
            st.sampled_from(["age", "plan", "shop/age"]),
            st.integers(0, 120),
        ),
        max_size=25,
    )
)
def test_whatever_happens_the_promises_hold(steps: list[tuple[str, str, int]]) -> None:
    policy = replace(DEFAULTS, repeat_interval=timedelta(minutes=20))
    tale = Tale(policy)
    fair = policy.group_wait + policy.group_interval + STEP
    firing: set[str] = set()
    at = 0

    for what, name, pause in steps:
        at += pause * 10
        script = f"{at}s {what}{name}"
        if what == "silence":
            script = f"{at}s silence column={name.rpartition('/')[2]} 7m"
        elif (what in "+~") == (name in firing):
            continue
        if what != "silence":
            firing = firing | {name} if what == "+" else firing - {name}
        before = len(tale.notices)
        tale.run(f"{script}; end {at}s")
        for notice in tale.notices[before:]:
            silent = [each for each in tale.situation.silences if each.active(notice.at)]
            columns = {matcher.value for silence in silent for matcher in silence.matchers}
            assert not columns & {alert.column for alert in (*notice.fired, *notice.standing)}
    tale.run(f"end {at + 1200}s")

    assert len({notice.id for notice in tale.notices}) == len(tale.notices)
    assert {member.told for member in tale.situation.members} <= {AlertStatus.FIRING}
    assert sum(member.fires for member in tale.situation.members) == len(firing)
    if not tale.situation.silences:
        for notice in tale.notices:
            assert all(notice.at - alert.starts_at <= fair for alert in notice.fired)


def test_an_alert_is_told_within_the_wait_and_the_interval() -> None:
    limit = DEFAULTS.group_wait + DEFAULTS.group_interval

    for offset in range(0, 720, 10):
        tale = Tale(DEFAULTS)
        tale.run(f"0s +age; {10 + offset}s +plan; end 20m")

        told = {alert.column: notice.at for notice in tale.notices for alert in notice.fired}
        assert told["plan"] - (MONDAY + timedelta(seconds=10 + offset)) <= limit


def test_a_year_of_flapping_models_takes_seconds() -> None:
    tale = Tale(DEFAULTS)
    started = time.process_time()

    for minute in range(365 * 24 * 60):
        tale.now = MONDAY + timedelta(minutes=minute)
        if minute % 120 == 0:  # two hours on, two hours off, one of five models after the other
            name = f"m{minute // 120 % 5}/age"
            (tale.end if minute // 600 % 2 else tale.fire)(name)
        tale.look()

    assert time.process_time() - started < 5
    assert len(tale.notices) > 8_000
