"""Which alerts share a notice, and what its subject says."""

from __future__ import annotations

from monitors.alerts.groups import group
from monitors.alerts.rules import News, Reason
from storage.records import AlertStatus
from tests.helpers.alerts import AT, a_notice, an_alert


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
    assert over.episodes == fired.episodes


def test_a_subject_says_how_many_more_columns_there_are() -> None:
    notice = a_notice(*(an_alert(f"c{number}") for number in range(8)))

    assert notice.subject == "[FIRING:8] churn 12: drift in c0, c1, c2, c3, c4 and 3 more"


def test_a_subject_names_slices_and_keeps_rules_apart() -> None:
    notice = a_notice(an_alert("age"), an_alert(None, rule="accuracy", slice_="country=DE"))

    assert notice.subject == "[FIRING:2] churn 12: accuracy in accuracy (country=DE); drift in age"


def test_a_line_break_in_a_slice_does_not_reach_the_subject() -> None:
    notice = a_notice(an_alert("age", slice_="country=D\r\nBcc: all@example.org"))

    assert notice.subject == "[FIRING:1] churn 12: drift in age (country=D Bcc: all@example.org)"


def test_each_model_version_has_a_notice_of_its_own() -> None:
    news = [News(alert=an_alert(model=model), reason=Reason.FIRED) for model in ("b", "a", "b")]

    notices = group(news, [], at=AT)

    assert [(notice.model, len(notice.news)) for notice in notices] == [("a", 1), ("b", 2)]


def test_alerts_that_fire_still_are_listed_but_not_counted_as_news() -> None:
    notice = a_notice(an_alert("age"), standing=(an_alert("age"), an_alert("plan"), an_alert("x", model="b")))

    assert [alert.column for alert in notice.standing] == ["plan"]
    assert notice.subject == "[FIRING:1] churn 12: drift in age"


def test_the_same_news_has_the_same_id_in_any_order() -> None:
    one = a_notice(an_alert("age"), an_alert("plan"))
    other = a_notice(an_alert("plan"), an_alert("age"))

    assert one.id == other.id
