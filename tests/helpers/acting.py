"""Alerts that a person acts on, and what the person does, with only the facts that matter given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.records import (
    Action,
    ActionEvent,
    Alert,
    AlertStatus,
    EventId,
    Matcher,
    MatchOperator,
    Scope,
    Severity,
)
from storage.silences import Silence

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_firing_alert(column: str | None = "age", *, model: str = "churn", fingerprint: str = "f1") -> Alert:
    return Alert(
        fingerprint=fingerprint,
        status=AlertStatus.FIRING,
        rule="drift",
        severity=Severity.WARNING,
        scope=Scope(model=model, version="12"),
        monitor="drift",
        metric="drift",
        column=column,
        summary="drift of age is 0.31",
        starts_at=AT,
        updated_at=AT,
    )


def a_silencing(
    *, at: datetime = AT, hours: float = 4, author: str = "ann", key: str | None = None
) -> ActionEvent:
    """Somebody silences a column of a model."""
    return ActionEvent(
        at=at,
        action=Action.SILENCE,
        author=author,
        comment="it is being loaded",
        key=key,
        matchers=(Matcher(label="model", value="churn"), Matcher(label="column", value="age")),
        ends_at=at + timedelta(hours=hours),
    )


def an_unsilencing(
    silence: EventId | str, *, at: datetime = AT + timedelta(hours=1), author: str = "bob"
) -> ActionEvent:
    return ActionEvent(at=at, action=Action.UNSILENCE, author=author, silence=str(silence))


def an_acknowledging(
    fingerprint: str = "f1", *, at: datetime = AT, author: str = "ann", episode: datetime | None = AT
) -> ActionEvent:
    return ActionEvent(
        at=at, action=Action.ACKNOWLEDGE, author=author, fingerprint=fingerprint, starts_at=episode
    )


def a_standing_silence(id: str = "a-1-0", *, hours: float = 4) -> Silence:
    """A silence of a column of a model, as it lies in SQL."""
    return Silence(
        id=id,
        matchers=(
            Matcher(label="model", value="churn"),
            Matcher(label="column", operator=MatchOperator.MATCHES, value="a.e|\u00e9"),
        ),
        author="ann",
        comment="the upstream table is being loaded",
        starts_at=AT,
        ends_at=AT + timedelta(hours=hours),
        made_at=AT,
    )
