"""Events of no particular interest, for tests that only move them about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.records import InferenceEvent, LabelEvent, Outcome

START = datetime(2026, 3, 1, tzinfo=UTC)


def an_event(number: int = 0, *, model: str = "churn", app_id: str | None = None) -> InferenceEvent:
    """One request of one row, `number` seconds after the first."""
    return InferenceEvent(
        at=START + timedelta(seconds=number),
        outcome=Outcome.OK,
        protocol="oip",
        total_s=0.001,
        model=model,
        version="1",
        rows=1,
        inputs={"age": [float(number)], "plan": ["gold"]},
        outputs={"class": ["1"], "score": [0.75]},
        app_id=app_id,
    )


def a_label(event: str, value: str = "1", *, row: int = 0) -> LabelEvent:
    """The truth about one row, told an hour after the first event."""
    return LabelEvent(event=event, row=row, value=value, at=START + timedelta(hours=1))
