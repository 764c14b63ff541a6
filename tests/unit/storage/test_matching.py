"""Matchers, by Alertmanager's rules."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.matching import LABELS, InvalidMatcherError, check_matchers, labels_of, matches, read_matcher
from storage.records import Matcher, MatchOperator
from tests.helpers.acting import a_firing_alert

HELD = {"model": "churn", "column": "age", "slice": "country=DE"}


def a_matcher(text: str) -> Matcher:
    return read_matcher(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("model=churn", True),
        ("model=chur", False),
        ("model!=churn", False),
        ("model!=fraud", True),
        ("model=~ch.*", True),
        ("model=~ch", False),
        ("model=~churn|fraud", True),
        ("model=~fraud|chur", False),
        ("model!~fraud|card", True),
        ("model!~chu.+", False),
        ("team=", True),
        ("team!=", False),
        ("team=~.*", True),
        ("team=~.+", False),
        ("slice=country=DE", True),
    ],
)
def test_an_expression_matches_as_a_whole_and_a_missing_label_is_the_empty_text(
    text: str, holds: bool
) -> None:
    assert matches([a_matcher(text)], HELD) is holds


def test_all_matchers_must_hold_and_none_matches_nothing() -> None:
    assert matches([a_matcher("model=churn"), a_matcher("column=~a.e")], HELD)
    assert not matches([a_matcher("model=churn"), a_matcher("column=plan")], HELD)
    assert not matches([], HELD)


@pytest.mark.parametrize("value", ["(", "a)(b", "[", "*", "\\", "a{2000}", "(?=a)", r"(a)\1", r"\Qa"])
def test_what_is_no_expression_is_refused_and_hides_nothing(value: str) -> None:
    for operator in (MatchOperator.MATCHES, MatchOperator.MATCHES_NOT):
        matcher = Matcher(label="model", operator=operator, value=value)

        with pytest.raises(InvalidMatcherError):
            check_matchers([matcher])
        assert not matches([matcher], HELD)


def test_what_is_wrong_with_an_expression_is_said_without_our_own_wrapping() -> None:
    with pytest.raises(InvalidMatcherError) as caught:
        check_matchers([a_matcher("model=~(churn")])

    assert str(caught.value) == "missing )"


def test_an_expression_made_to_hang_does_not() -> None:
    began = time.perf_counter()

    hits = matches([a_matcher("model=~(a+)+(a|aa)*(a*)*b")], {"model": "a" * 100_000})

    assert not hits
    assert time.perf_counter() - began < 1.0


@given(st.text(alphabet="ab.-", max_size=8), st.text(alphabet="ab.-", max_size=8))
def test_a_literal_expression_says_what_equality_says(one: str, other: str) -> None:
    literal = Matcher(label="model", operator=MatchOperator.MATCHES, value=re.escape(one))

    assert matches([literal], {"model": other}) is (one == other)


@given(st.text(max_size=300))
def test_no_label_breaks_a_matcher(text: str) -> None:
    assert matches([a_matcher("model=~(?s).*")], {"model": text})
    assert matches([Matcher(label="model", value=text[:200])], {"model": text})


def test_a_half_surrogate_breaks_no_matcher() -> None:
    assert matches([a_matcher("model=~.")], {"model": "\ud800"})


def test_an_alert_has_its_own_labels_and_those_of_its_rule() -> None:
    labels = labels_of(a_firing_alert(column=None), {"team": "risk", "model": "another"})

    assert set(labels) == {*LABELS, "team"}
    assert labels["column"] == ""
    assert (labels["team"], labels["model"], labels["severity"]) == ("risk", "churn", "warning")


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('model="churn"', Matcher(label="model", value="churn")),
        (' model = "a b" ', Matcher(label="model", value="a b")),
        ("slice!=country=DE", Matcher(label="slice", operator=MatchOperator.NOT_EQUAL, value="country=DE")),
        ('column=~"a|b"', Matcher(label="column", operator=MatchOperator.MATCHES, value="a|b")),
        (r'column!~"a\.b\d"', Matcher(label="column", operator=MatchOperator.MATCHES_NOT, value=r"a\.b\d")),
        (r'column="say \"\\n\""', Matcher(label="column", value='say "\\n"')),
        ('column=""', Matcher(label="column", value="")),
    ],
)
def test_a_matcher_is_read_as_alertmanager_writes_it(text: str, matcher: Matcher) -> None:
    assert read_matcher(text) == matcher


@pytest.mark.parametrize("text", ["", "model", "=x", "1a=x", 'model="x', 'model="x"y"', "a-b=c", "model<3"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(InvalidMatcherError):
        read_matcher(text)
