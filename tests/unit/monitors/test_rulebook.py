"""Rules as an operator writes them: what they change, what they add, and what is refused in words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings_file import parse_settings
from monitors import MONITORS
from monitors.rule_settings import DEFAULT_INHIBITIONS, duration_text, effective_rules, matchers_of
from monitors.rulebook import DEFAULT_RULES, METRICS, Rule
from monitors.settings import AlertSettings
from storage.records import Matcher, MatchOperator, Severity


def rules(*entries: dict[str, Any]) -> dict[str, Rule]:
    settings = AlertSettings.model_validate({"rules": entries})
    return {rule.name: rule for rule in effective_rules(settings.rules)}


def test_without_entries_the_defaults_are_in_force() -> None:
    assert tuple(rules().values()) == DEFAULT_RULES


def test_an_entry_with_the_name_of_a_default_changes_what_it_names_and_no_more() -> None:
    changed = rules({"name": "drift", "for": "1h 30m", "severity": "critical"})["drift"]

    assert changed.wait == timedelta(minutes=90)
    assert changed.severity is Severity.CRITICAL
    assert (changed.breached, changed.of, changed.monitor) == (2, 3, "drift")


def test_a_rule_can_be_switched_off() -> None:
    assert "drift" not in rules({"name": "drift", "off": True})


def test_another_name_adds_a_rule() -> None:
    added = rules({"name": "prices", "monitor": "drift", "column": "price"})

    assert list(added)[:-1] == [rule.name for rule in DEFAULT_RULES]
    assert added["prices"] == Rule(name="prices", monitor="drift", column="price")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "drfit"}, "rule 'drfit' names no monitor; give it one, or did you mean the rule 'drift'?"),
        ({"name": "x", "monitor": "drfit"}, "there is no monitor 'drfit'; did you mean 'drift'?"),
        (
            {"name": "x", "monitor": "quality", "metric": "missing"},
            "monitor 'quality' judges no metric 'missing'; did you mean 'missing_share'?",
        ),
        (
            {"name": "x", "monitor": "drift", "metric": "psi"},  # shown, but without bounds
            "monitor 'drift' judges no metric 'psi'; there are drift",
        ),
        ({"name": "drift", "of": 1}, "2 breached of 1 windows can never be; raise `of` to 2"),
        ({"name": "drft", "off": True}, "there is no rule 'drft' to switch off; did you mean 'drift'?"),
        ({"name": "drift", "for": "5"}, "'5' is not a duration"),
        ({"name": "drift", "for": 5}, "a duration has a unit"),
        ({"name": "drift", "runbook": "javascript:alert(1)"}, "should match pattern"),
        ({"name": "drift", "severity": "loud"}, "'warning' or 'critical'"),
        ({"name": "drift", "labels": {"not a label": "x"}}, "should match pattern"),
    ],
)
def test_what_cannot_be_is_refused_in_words(entry: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        rules(entry)

    assert words in str(caught.value)


def test_a_rule_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="rule 'drift' is there twice"):
        rules({"name": "drift"}, {"name": "drift"})


def test_a_mistake_in_the_file_is_told_with_its_line_and_the_nearest_name() -> None:
    text = "alerts:\n  rules:\n    - name: drift\n    - name: mine\n      monitor: drift\n      metrc: psi\n"

    with pytest.raises(SettingsError) as caught:
        parse_settings(text, Path("/somewhere/inferwatch.yaml"), {})

    (problem,) = caught.value.problems
    assert problem == (
        "/somewhere/inferwatch.yaml:6: alerts.rules.1.metrc is not a setting; did you mean 'metric'?"
    )


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("model=churn", ("model", "=", "churn")),
        ('model="churn"', ("model", "=", "churn")),
        ('column =~ "age|plan"', ("column", "=~", "age|plan")),
        ("severity!=warning", ("severity", "!=", "warning")),
        ("column!~x.*", ("column", "!~", "x.*")),
        ("slice=country=DE", ("slice", "=", "country=DE")),
        ("team=", ("team", "=", "")),
        (r'slice="say \"no\""', ("slice", "=", 'say "no"')),
    ],
)
def test_matchers_are_read_as_alertmanager_writes_them(text: str, matcher: tuple[str, str, str]) -> None:
    label, operator, value = matcher

    assert matchers_of([text]) == (Matcher(label=label, operator=MatchOperator(operator), value=value),)


@pytest.mark.parametrize("text", ["churn", "=churn", "model", "a b=c", "column=~(", 'model="churn'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        AlertSettings.model_validate({"inhibit": [{"source": [text], "target": ["rule=drift"]}]})


@pytest.mark.parametrize(
    "settings",
    [
        {"group_by": ["modle"]},
        {"mute": [{"name": "n", "match": ["modle=churn"]}]},
        {"inhibit": [{"source": ["modle=churn"], "target": ["rule=drift"]}]},
        {"inhibit": [{"source": ["rule=errors"], "target": ["modle=churn"]}]},
        {"inhibit": [{"source": ["rule=errors"], "target": ["rule=drift"], "equal": ["modle"]}]},
    ],
)
def test_a_label_that_no_alert_has_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no alert has the label 'modle'; did you mean 'model'"):
        AlertSettings.model_validate(settings)


def test_a_label_that_a_rule_adds_may_be_used() -> None:
    rules = [{"name": "drift", "labels": {"team": "risk"}}]

    settings = AlertSettings.model_validate({"group_by": ["team", "model"], "rules": rules})

    assert settings.group_by == ("team", "model")


@pytest.mark.parametrize(
    "mute",
    [
        {"name": "n", "from": "25:00"},
        {"name": "n", "days": ["caturday"]},
        {"name": "n", "match": ["nonsense"]},
        {"name": "n", "start": "22:00"},
    ],
)
def test_a_mute_time_that_cannot_be_is_refused(mute: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlertSettings.model_validate({"mute": [mute]})


@pytest.mark.parametrize("setting", ["repeat_interval", "no_data_after"])
def test_a_time_that_would_tell_without_end_is_refused(setting: str) -> None:
    with pytest.raises(ValidationError, match="greater than or equal"):
        AlertSettings.model_validate({setting: "0s"})


def test_a_time_of_day_without_quotes_is_read_as_it_was_meant() -> None:
    text = "alerts:\n  mute:\n    - {name: night, from: 22:00, to: 06:30}\n"

    (mute,) = parse_settings(text, Path("inferwatch.yaml"), {}).alerts.mute

    assert (mute.start, mute.end) == ("22:00", "06:30")


@pytest.mark.parametrize("text", ["30s", "5m", "4h", "1d 2h 3m 4s", "0s"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    settings = AlertSettings.model_validate({"group_wait": text})

    assert duration_text(settings.group_wait) == text


def test_every_default_names_a_monitor_that_there_is() -> None:
    assert {rule.monitor for rule in DEFAULT_RULES} <= {*MONITORS, "database"}
    assert set(METRICS) <= {*MONITORS, "database"}
    assert all(matchers_of((*each.source, *each.target)) for each in DEFAULT_INHIBITIONS)
