"""What a silence may say, and what is said of one that may not be."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.body import decode
from gateway.errors import RefusedError
from gateway.silence_body import LONGEST, SilenceBody, author_of, silencing
from monitors.alerts.telling import silencing as silencing_lines
from storage.matching import labels_of, matches
from storage.records import Action, ActionEvent, Matcher, MatchOperator
from tests.helpers.alerts import a_notice

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
READ = msgspec.json.Decoder(SilenceBody)
MODEL = {"label": "model", "value": "churn"}


def read(key: str | None = None, **body: Any) -> ActionEvent:
    """The silence of a body, with what matters to the test in it."""
    whole = {"matchers": [MODEL], "duration": "4h", **body}
    given = {name: value for name, value in whole.items() if value is not None}
    return silencing(decode(msgspec.json.encode(given), READ), NOW, key)


def refusal(**body: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        read(**body)
    assert caught.value.status == 400
    return caught.value.message


def test_a_silence_begins_now_and_ends_after_its_duration() -> None:
    action = read(duration="1h 30m", author="ann", comment="known")

    assert (action.action, action.author, action.comment) == (Action.SILENCE, "ann", "known")
    assert (action.at, action.starts_at, action.ends_at) == (NOW, NOW, NOW + timedelta(minutes=90))


def test_matchers_are_objects_or_texts_as_alertmanager_writes_them() -> None:
    action = read(
        matchers=[MODEL, {"label": "column", "operator": "!~", "value": "a|b"}, 'slice=~"country=.+"']
    )

    assert action.matchers == (
        Matcher(label="model", value="churn"),
        Matcher(label="column", operator=MatchOperator.MATCHES_NOT, value="a|b"),
        Matcher(label="slice", operator=MatchOperator.MATCHES, value="country=.+"),
    )


def test_the_author_is_the_key_where_none_is_given_and_unknown_without_a_key() -> None:
    assert read(key="app").author == "app"
    assert read(key="app", author=" ").author == "app"
    assert read(key="app", author="ann").author == "ann"
    assert read().author == "unknown"
    assert read(key="app", author="ann").key == "app"


def test_an_author_is_one_line() -> None:
    assert author_of("ann\r\nBcc: eve@example.org", None) == "ann Bcc: eve@example.org"


def test_a_start_that_has_passed_is_now_and_one_to_come_is_kept() -> None:
    assert read(starts_at="2026-03-02T11:59:58Z").starts_at == NOW
    later = read(starts_at="2026-03-02T20:00:00+01:00", duration="1h")

    assert later.starts_at == NOW + timedelta(hours=7)
    assert later.ends_at == NOW + timedelta(hours=8)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"matchers": []}, "length >= 1"),
        ({"matchers": None}, "matchers"),
        ({"matchers": [MODEL] * 21}, "length <= 20"),
        ({"matchers": [{"label": "model", "value": ""}]}, "at least one must not match the empty text"),
        ({"matchers": ["model=~.*"]}, "at least one must not match the empty text"),
        ({"matchers": ["model!=churn", "team="]}, "at least one must not match the empty text"),
        ({"matchers": [MODEL, "column=~(a"]}, "matchers[1].value: not a regular expression that RE2 takes"),
        ({"matchers": [{**MODEL, "operator": "=~", "value": "a)("}]}, "unexpected )"),
        ({"matchers": [MODEL, "column"]}, 'matchers[1]: write label="value"'),
        ({"matchers": ["x" * 65 + "=y"]}, "matchers[0]: up to 64 characters before the sign"),
        ({"matchers": ["x=" + "y" * 501]}, "and 500 after it"),
        ({"matchers": [{**MODEL, "operator": "=="}]}, "operator"),
        ({"matchers": [{**MODEL, "label": "a b"}]}, "label"),
        ({"matchers": [{**MODEL, "label": "x" * 65}]}, "label"),
        ({"matchers": [{**MODEL, "value": "x" * 501}]}, "value"),
        ({"matchers": [{**MODEL, "value": 1}]}, "value"),
        ({"matchers": [{"name": "model", "value": "churn", "isRegex": False}]}, "name"),
        ({"matchers": [7]}, "matchers"),
        ({"comment": "x" * 1001}, "comment"),
        ({"author": "x" * 101}, "author"),
        ({"duration": None}, "either ends_at or duration"),
        ({"ends_at": "2026-03-02T13:00:00Z"}, "either ends_at or duration"),
        ({"duration": "4 hours"}, "duration: write 30s"),
        ({"duration": ""}, "duration: write 30s"),
        ({"duration": "-4h"}, "duration: write 30s"),
        ({"duration": "1" * 63 + "d"}, "366 days at most"),
        ({"duration": "367d"}, "366 days at most"),
        ({"duration": "0.0000001s"}, "it must lie after the start, 2026-03-02T12:00:00Z"),
        ({"duration": None, "ends_at": "tomorrow"}, "ends_at: a time such as"),
        ({"duration": None, "ends_at": "2026-03-02T12:00:00Z"}, "it must lie after the start"),
        ({"duration": None, "ends_at": "2027-03-04T12:00:00Z"}, "366 days at most"),
        ({"starts_at": "2027-03-04T12:00:00Z"}, "starts_at: it lies more than 366 days ahead"),
        ({"starts_at": "soon"}, "starts_at: a time such as"),
        ({"until": "tomorrow"}, "until"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(body: dict[str, Any], said: str) -> None:
    assert said in refusal(**body)


def test_the_longest_silence_is_a_leap_year() -> None:
    assert read(duration="366d").ends_at == NOW + LONGEST


@given(
    st.lists(
        st.text(max_size=40) | st.fixed_dictionaries({"label": st.text(max_size=9), "value": st.text()})
    ),
    st.text(max_size=20),
    st.text(max_size=30),
)
def test_any_other_text_is_read_or_refused_and_never_breaks(
    matchers: list[Any], duration: str, at: str
) -> None:
    for body in ({"duration": duration}, {"duration": None, "ends_at": at}, {"starts_at": at}):
        try:
            action = read(matchers=matchers, **body)
        except RefusedError:
            continue
        assert action.starts_at is not None
        assert action.ends_at is not None
        assert action.starts_at < action.ends_at


def test_the_lines_that_a_message_holds_silence_its_group() -> None:
    notice = a_notice()
    labels = labels_of(notice.alerts[0])

    command, asking = map(shlex.split, silencing_lines(notice, "http://gateway:8080"))

    assert command[:3] == ["inferwatch", "silence", "add"]
    typed = read(matchers=command[3 : command.index("--for")], duration=command[-1])
    posted = silencing(decode(asking[-1].encode(), READ), NOW, None)
    assert asking[1] == "http://gateway:8080/api/silences"
    for action in (typed, posted):
        assert matches(action.matchers, labels)
        assert not matches(action.matchers, {**labels, "model": "another"})
