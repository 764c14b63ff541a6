"""Tables of events: what a search found, and the parts of one event."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import pandas as pd

from dashboard import words
from storage.passage import Passage
from storage.reading import EventStory
from storage.records import Columns, InferenceEvent, Value
from storage.searching import FoundEvent

ROWS = 100
"""Rows of one request that are shown."""

_LONGEST = 2_000
"""Characters of a value in a table."""


def found_table(found: Sequence[FoundEvent]) -> pd.DataFrame:
    """Events, one a row, with the answer to their first row."""
    return pd.DataFrame([_found(each) for each in found])


def columns_table(columns: Columns, rows: int) -> pd.DataFrame:
    """Named columns: of one row as names and values, of more as they are."""
    if rows == 1:
        return pd.DataFrame(
            [
                {"column": name, "value": written(values[0] if values else None)}
                for name, values in columns.items()
            ]
        )
    shown = {name: [written(each) for each in values[:ROWS]] for name, values in columns.items()}
    return pd.DataFrame(
        {"row": range(min(rows, ROWS)), **{name: pd.Series(cells) for name, cells in shown.items()}}
    )


def facts_table(story: EventStory, way: Passage | None) -> pd.DataFrame:
    """One event step by step, from the answer to the windows that it lies in."""
    return pd.DataFrame([{"step": step, "what": what} for step, what in _steps(story, way)])


def label_table(story: EventStory) -> pd.DataFrame:
    """What was said about its rows."""
    return pd.DataFrame(
        [
            {"row": each.row, "label": written(each.value), "labelled (UTC)": words.moment(each.labelled_at)}
            for each in story.labels
            if each.value is not None
        ]
    )


def written(value: Value) -> str:
    """A cell as a text; nothing for what is missing."""
    if value is None:
        return ""
    text = ", ".join(map(words.number, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… (of {len(text):,} characters)"


def _found(each: FoundEvent) -> dict[str, object]:
    event = each.event
    return {
        "at (UTC)": words.moment(event.at),
        "outcome": event.outcome.value,
        "model": event.model or "",
        "version": event.version or "",
        "arm": event.arm.value,
        "rows": event.rows,
        "answer": _answer(event),
        "tags": ", ".join(
            f"{name}={written(values[0] if values else None)}" for name, values in event.tags.items()
        ),
        "took": words.seconds(event.total_s),
        "key": event.key or "",
        "id": str(each.id),
    }


def _answer(event: InferenceEvent) -> str:
    """The first outputs of the first row, or why there are none."""
    if not event.outputs:
        return event.reason or ""
    return ", ".join(written(values[0] if values else None) for values in islice(event.outputs.values(), 2))


def _steps(story: EventStory, way: Passage | None) -> list[tuple[str, str]]:
    event, place = story.event, story.id
    rows = words.counted(event.rows, "row", "rows")
    waited = "unknown" if event.queue_s is None else words.seconds(event.queue_s)
    computed = "unknown" if event.compute_s is None else words.seconds(event.compute_s)
    steps = [
        (
            "asked",
            f"{words.moment(event.at)} UTC, {rows}, by {_protocol(event)}",
        ),
        ("answered", f"{event.outcome.value}{_reason(event)}, after {words.seconds(event.total_s)}"),
        ("in the engine", f"waited {waited}, computed {computed}"),
        ("in the journal", f"of {place.producer}, file {place.segment}, at byte {place.offset:,}"),
    ]
    if way is None:
        return [*steps, ("in the log", "not yet, or not any more")]
    steps.append(
        (
            "in the log",
            f"since {words.moment(way.stored_at)} UTC, partition {way.partition}, segment {way.seq:,}",
        )
    )
    errors = {each.monitor: each.error for each in story.quarantined}
    steps += [
        (f"monitor {monitor}", f"{step.value}{': ' + errors[monitor] if monitor in errors else ''}")
        for monitor, step in way.monitors.items()
    ]
    windows = sorted({each.window for each in story.judgements})
    breached = sum(each.measurement.breached for each in story.judgements)
    steps += [("judged in", words.span(window.start, window.end)) for window in windows]
    if windows:
        steps.append(("of these", f"{len(story.judgements):,} measurements, {breached:,} of them breached"))
    return steps


def _protocol(event: InferenceEvent) -> str:
    key = "" if event.key is None else f" with key {event.key}"
    app = "" if event.app_id is None else f", called {event.app_id} by the app"
    replay = ", a replay" if event.replay else ""
    return f"{event.protocol}{key}{app}{replay}"


def _reason(event: InferenceEvent) -> str:
    return "" if event.reason is None else f" ({event.reason})"
