"""Three windows of a bank that is unfair and of a writer that turns rude, for tests of pages.

All is counted, scored and judged by the monitor process's own stages. Names, groups and texts would do harm
as HTML, as markdown, or in a spreadsheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from inference.manifest import Manifest
from monitors import kinds
from monitors.frames import frame_of_columns
from monitors.reference import Reference, reference_of
from monitors.scores import scores_of_file
from monitors.settings import MonitorSettings
from storage.reading import MeasurementFilter, measurements
from storage.records import InferenceEvent, Judgement, LabelEvent, Outcome, Value
from storage.settings import DatabaseSettings
from tests.helpers.scoring import WordScorer
from tests.helpers.station import NOON, Station, a_label, a_station

WINDOWS, LENGTH = 3, timedelta(minutes=10)
BANK, WRITER = "bank", "writer"
HOSTILE_GROUP = "<img src=x onerror=alert(1)>"
FORMULA_GROUP = "=cmd|' /C calc'!A0"
HOSTILE_COLUMN = "<b>comment</b> [x](javascript:alert(2))"
HOSTILE_TEXT = "<script>alert(3)</script> [x](javascript:alert(4)) you are rude"

GROUPS = {"blue": (200, 100), HOSTILE_GROUP: (150, 15), FORMULA_GROUP: (50, 20), "rare": (10, 9)}
"""Rows of each group in a window, and how many of them were selected."""
RUDE = (0, 3, 60)
"""Of the texts of each window, how many are rude."""
TEXTS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Harms:
    """Where the database is, and what was measured."""

    settings: DatabaseSettings
    judgements: tuple[Judgement, ...]

    def values(self, metric: str, window: int) -> dict[str, str]:
        """A metric by column, as a table writes it."""
        return {
            each.measurement.column or "": (
                "unknown" if each.measurement.value is None else repr(each.measurement.value)
            )
            for each in self.judgements
            if each.measurement.metric == metric
            and (each.window.start, each.scope.slice) == (starts(window), "all")
        }


def starts(window: int) -> datetime:
    """When a window begins."""
    return NOON + window * LENGTH


def harms(folder: Path) -> Harms:
    """Make it, anew, in a folder. Takes about a second."""
    settings = DatabaseSettings(url=f"sqlite:///{folder / 'inferwatch.db'}", partitions=1)
    options = MonitorSettings(monitors={"bias": {"reference_groups": ["colour=blue"]}})
    scorer, ends = WordScorer(), starts(WINDOWS) + timedelta(hours=1)
    with a_station(settings.url, settings=options, partitions=1, at=ends, scorer=scorer) as station:
        station.register(manifest=bank())
        station.register(manifest=writer(), reference=_reference(scorer))
        for window in range(WINDOWS):
            _lived(station, window)
        station.store([_lent(ends, "blue", [True]), _written(ends, ["over"])])
        station.count()
        station.score()
        while station.judge():
            pass
        station.notify()
        with station.database.read() as connection:
            found = measurements(connection, MeasurementFilter(), limit=10_000).judgements
    return Harms(settings=settings, judgements=tuple(found))


def bank(protected: Sequence[object] = ("colour", ("colour", "region"))) -> Manifest:
    """A model that protects groups."""
    return _manifest(
        name=BANK,
        task="classification",
        inputs=[{"name": "age", "type": "number"}],
        outputs={"classes": ["no", "yes"], "positive": "yes"},
        protected=protected,
    )


def writer() -> Manifest:
    """A model to which texts come, and from which texts go out."""
    return _manifest(
        name=WRITER,
        task="generation",
        inputs=[{"name": HOSTILE_COLUMN, "type": "text"}],
        slices=["country"],
    )


def _manifest(**more: object) -> Manifest:
    known: dict[str, object] = {
        "version": "1",
        "backend": "echo",
        "window": {"pane": "10m", "length": "10m"},
        "files": {},
        "added_at": "2026-01-01T00:00:00Z",
    }
    return Manifest.model_validate(known | more)


def _lived(station: Station, window: int) -> None:
    """One window of both, and the labels of the bank: every second answer was right."""
    at = starts(window) + timedelta(minutes=1)
    lent = [
        _lent(at, group, [place < selected for place in range(rows)])
        for group, (rows, selected) in GROUPS.items()
    ]
    labels: list[LabelEvent] = []
    for id_, event in zip(station.store(lent), lent, strict=True):
        for row, answer in enumerate(event.outputs["class"]):
            right = row % 2 == 0
            labels.append(a_label(id_, "yes" if (answer == "yes") == right else "no", row=row, at=at))
    texts = [
        f"{HOSTILE_TEXT} {place}" if place < RUDE[window] else f"all is well {place}"
        for place in range(TEXTS)
    ]
    station.store([_written(at, texts)])
    station.count()
    station.store(labels)


def _lent(at: datetime, group: str, selected: Sequence[bool]) -> InferenceEvent:
    rows = len(selected)
    return _event(
        BANK,
        at,
        inputs={"age": [40.0] * rows},
        outputs={
            "class": ["yes" if each else "no" for each in selected],
            "score": [0.75 if each else 0.25 for each in selected],
        },
        tags={"colour": [group] * rows, "region": ["north"] * rows},
    )


def _written(at: datetime, texts: Sequence[str]) -> InferenceEvent:
    rows = len(texts)
    return _event(
        WRITER,
        at,
        inputs={HOSTILE_COLUMN: [*texts]},
        outputs={"text": ["a mild answer"] * rows},
        tags={"country": ["DE"] * rows},
    )


def _event(  # what an event holds
    model: str,
    at: datetime,
    *,
    inputs: dict[str, list[Value]],
    outputs: dict[str, list[Value]],
    tags: dict[str, list[str | None]],
) -> InferenceEvent:
    return InferenceEvent(
        at=at,
        outcome=Outcome.OK,
        protocol="v1",
        total_s=0.002,
        model=model,
        version="1",
        rows=len(next(iter(inputs.values()))),
        inputs=inputs,
        outputs=outputs,
        tags=tags,
    )


def _reference(scorer: WordScorer) -> Reference:
    """Two texts in two hundred are rude."""
    comments: list[Value] = [*["you are rude"] * 2, *["all is well"] * 198]
    columns: dict[str, list[Value]] = {HOSTILE_COLUMN: comments, "text": ["a mild answer"] * 200}
    frame = frame_of_columns(columns, writer())
    scores = scores_of_file(frame, writer(), scorer)
    return reference_of(frame.scored(scores), writer(), "a table of the test", kinds(), scorer.open())
