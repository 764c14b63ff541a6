"""Models that had traffic and have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitors.alerts.absence import absences
from monitors.rulebook import DEFAULT_RULES, Rule
from storage.models import ModelVersion
from storage.records import Alert, AlertStatus
from storage.windows import ModelClock

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
(RULE,) = (rule for rule in DEFAULT_RULES if rule.name == "no_data")


def a_clock(counted_at: datetime = NOON, *, version: str = "1", replay: bool = False) -> ModelClock:
    return ModelClock(
        model="churn", version=version, newest_at=counted_at, counted_at=counted_at, replay=replay
    )


def look(
    *clocks: ModelClock,
    after_h: float,
    known: Sequence[Alert] = (),
    rule: Rule | None = RULE,
    limit: timedelta | None = HOUR,
    settled: bool = True,
) -> list[Alert]:
    versions = [
        ModelVersion(model="churn", version=version, manifest="{}", reference=None, registered_at=NOON)
        for version in ("1", "2")
    ]
    return absences(
        clocks, versions, known, rule=rule, after=limit, settled=settled, now=NOON + after_h * HOUR
    )


def test_a_model_without_traffic_for_an_hour_is_missed() -> None:
    (alert,) = look(a_clock(), after_h=1)

    assert (alert.status, alert.rule, alert.metric) == (AlertStatus.FIRING, "no_data", "no_events")
    assert alert.starts_at == NOON + HOUR
    assert alert.summary == "no event came since 2026-03-02 12:00 UTC"


def test_a_model_that_had_traffic_within_the_hour_is_not_missed() -> None:
    assert look(a_clock(), after_h=0.99) == []


def test_what_is_missed_is_missed_once() -> None:
    known = look(a_clock(), after_h=1)

    assert look(a_clock(), after_h=2, known=known) == []


def test_it_is_over_when_traffic_is_back() -> None:
    known = look(a_clock(), after_h=1)
    back = NOON + timedelta(hours=3)

    (alert,) = look(a_clock(back), after_h=3, known=known)

    assert (alert.status, alert.ends_at) == (AlertStatus.RESOLVED, back)
    assert (alert.fingerprint, alert.starts_at) == (known[0].fingerprint, known[0].starts_at)


def test_a_replay_that_is_over_is_not_missed() -> None:
    assert look(a_clock(replay=True), after_h=5) == []


def test_a_version_is_not_missed_once_a_later_one_has_its_traffic() -> None:
    old, new = a_clock(), a_clock(NOON + HOUR, version="2")

    assert look(old, new, after_h=1.5) == []


def test_a_new_version_is_missed_although_the_old_one_has_traffic() -> None:
    old, new = a_clock(NOON + HOUR), a_clock(version="2")

    assert [alert.scope.version for alert in look(old, new, after_h=1.5)] == ["2"]


def test_what_was_missed_is_over_when_a_later_version_takes_the_traffic() -> None:
    known = look(a_clock(), after_h=1)

    (alert,) = look(a_clock(), a_clock(NOON + 2 * HOUR, version="2"), after_h=2, known=known)

    assert alert.status is AlertStatus.RESOLVED


def test_nothing_is_missed_while_events_may_lie_uncounted() -> None:
    assert look(a_clock(), after_h=5, settled=False) == []


def test_what_has_been_gone_for_a_week_is_given_up() -> None:
    assert look(a_clock(), after_h=24 * 7) == []
    assert look(a_clock(), after_h=24 * 7 - 1) != []


def test_nothing_is_missed_where_the_rule_is_off() -> None:
    known = look(a_clock(), after_h=1)

    assert look(a_clock(), after_h=2, rule=None) == []
    assert look(a_clock(), after_h=2, limit=None) == []
    (alert,) = look(a_clock(), after_h=2, rule=None, known=known)
    assert alert.status is AlertStatus.RESOLVED


def test_the_severity_is_that_of_the_rule() -> None:
    (alert,) = look(a_clock(), after_h=1)
    (severe,) = look(a_clock(), after_h=1, rule=replace(RULE, name="no_data", severity=alert.severity))

    assert severe == alert


def test_what_was_told_is_given_up_after_two_weeks() -> None:
    known = look(a_clock(), after_h=1)

    assert look(a_clock(), after_h=14 * 24 - 1, known=known) == []
    (over,) = look(a_clock(), after_h=14 * 24, known=known)

    assert over.status is AlertStatus.RESOLVED
    assert over.summary == "no event came since 2026-03-02 12:00 UTC; it is not missed any more"


def test_its_end_says_where_the_traffic_went() -> None:
    known = look(a_clock(), after_h=1)

    (over,) = look(a_clock(), a_clock(NOON + HOUR / 2, version="2"), after_h=1.2, known=known)

    assert over.summary == "its traffic has gone to a later version"
