"""What the subject of a notice says."""

from __future__ import annotations

from dataclasses import replace

from monitors.alerts.groups import NoticeReason, stem
from storage.records import AlertStatus
from tests.helpers.alerts import a_notice, an_alert


def test_a_subject_names_the_model_and_its_columns() -> None:
    notice = a_notice(an_alert("plan"), an_alert("age"))

    assert notice.subject == "[FIRING:2] churn 12: drift in age, plan"


def test_only_the_word_in_front_changes_when_an_episode_ends() -> None:
    fired = a_notice(an_alert("age"), an_alert("plan"))
    over = a_notice(
        an_alert("age", status=AlertStatus.RESOLVED), an_alert("plan", status=AlertStatus.RESOLVED)
    )

    assert over.subject == "[RESOLVED] churn 12: drift in age, plan"
    assert over.subject.partition("] ")[2] == fired.subject.partition("] ")[2]
    assert over.thread == fired.thread


def test_a_subject_says_how_many_more_columns_there_are() -> None:
    notice = a_notice(*(an_alert(f"c{number}") for number in range(8)))

    assert notice.subject == "[FIRING:8] churn 12: drift in c0, c1, c2, c3, c4 and 3 more"


def test_a_subject_names_slices_and_keeps_rules_apart() -> None:
    notice = a_notice(an_alert("age"), an_alert(None, rule="accuracy", slice_="country=DE"))

    assert notice.subject == "[FIRING:2] churn 12: accuracy in accuracy (country=DE); drift in age"


def test_a_rule_whose_name_says_it_all_is_named_alone() -> None:
    assert stem({"model": "churn"}, [an_alert(None, rule="accuracy")]) == "churn: accuracy"
    both = [an_alert(None, rule="accuracy"), an_alert(None, rule="accuracy", slice_="country=DE")]
    assert stem({"model": "churn"}, both) == "churn: accuracy in all, accuracy (country=DE)"


def test_a_line_break_in_a_slice_does_not_reach_the_subject() -> None:
    notice = a_notice(an_alert("age", slice_="country=D\r\nBcc: all@example.org"))

    assert notice.subject == "[FIRING:1] churn 12: drift in age (country=D Bcc: all@example.org)"


def test_alerts_that_fire_still_are_counted_too() -> None:
    notice = a_notice(an_alert("age"), standing=(an_alert("plan"),))

    assert notice.subject == "[FIRING:2] churn 12: drift in age"


def test_a_digest_says_how_much_was_held_back() -> None:
    notice = replace(a_notice(), reason=NoticeReason.DIGEST, held=("a", "b", "c"), stem="3 more notices")

    assert notice.subject == "[DIGEST:3] 3 more notices"


def test_a_group_without_labels_has_a_subject_all_the_same() -> None:
    assert stem({}, [an_alert("age")]) == "inferwatch: drift in age"
    assert stem({"model": "", "version": ""}, [an_alert("age")]) == "inferwatch: drift in age"


def test_a_subject_of_a_group_by_rule_names_the_rule_once() -> None:
    group = {"model": "churn", "version": "12", "rule": "drift"}

    assert stem(group, [an_alert("age")]) == "churn 12: drift in age"
