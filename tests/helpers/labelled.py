"""A shop whose labels come late, for tests of pages: three days, judged by the monitor process's own stages.

On the second day a part of the ages from DE is missing. On the third the answers are mostly wrong, and few of
the rows that were chosen have their label.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from inference.manifest import Manifest
from monitors import kinds
from monitors.frames import frame_of_columns
from monitors.reference import Reference, reference_of
from monitors.settings import MonitorSettings, SamplingSettings
from storage.reading import MeasurementFilter, measurements
from storage.records import InferenceEvent, Judgement, Measurement, Value
from storage.settings import DatabaseSettings
from storage.tables import sample
from tests.helpers.station import MANIFEST, Station, a_label, a_station, an_event

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, ROWS = 3, 400
MODEL = "shop"
DAY = timedelta(days=1)
HALF = timedelta(hours=12)  # of a day: a window
_UNASKED = 4  # every fourth row has a label that nobody asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A row with its label."""

    at: datetime
    answer: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Where the database is, and what was measured."""

    settings: DatabaseSettings
    judgements: tuple[Judgement, ...]
    truth: tuple[Answered, ...]  # every row that has a label

    def find(self, metric: str, start: datetime, column: str | None = None, part: str = "all") -> Measurement:
        """What was measured of one window."""
        (found,) = [
            each.measurement
            for each in self.judgements
            if (each.measurement.metric, each.measurement.column) == (metric, column)
            and (each.window.start, each.scope.slice) == (start, part)
        ]
        return found

    def agrees(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of a table is what was measured, to the last digit."""
        start = datetime.fromisoformat(row["start"])
        measured = self.find(row["metric"], start, row["column"] or None, row["slice"])
        value = "unknown" if measured.value is None else repr(measured.value)
        return (row["value"], row["n"]) == (value, measured.n)


def labelled_shop(folder: Path) -> Labelled:
    """Make it, anew, in a folder. Takes about a second."""
    settings = DatabaseSettings(url=f"sqlite:///{folder / 'inferwatch.db'}", partitions=1)
    monitor = MonitorSettings(sampling=SamplingSettings(budget_per_day=200))
    with a_station(settings.url, settings=monitor, partitions=1, at=BEGIN + (DAYS + 1) * DAY) as station:
        station.register(manifest=_manifest(), reference=_reference())
        truth = [answered for day in range(DAYS) for answered in _lived(station, day)]
        station.store([an_event(at=BEGIN + (DAYS + 1) * DAY)])
        station.count()
        while station.judge():
            pass
        with station.database.read() as connection:
            found = measurements(connection, MeasurementFilter(model=MODEL), limit=10_000).judgements
    return Labelled(settings=settings, judgements=tuple(found), truth=tuple(truth))


def _lived(station: Station, day: int) -> list[Answered]:
    """One day: its events, then the labels that came for them."""
    chance = random.Random(day)  # noqa: S311  # numbers for a test
    events = [_event(day, place, chance) for place in range(ROWS)]
    by_id = {str(id_): event for id_, event in zip(station.store(events), events, strict=True)}
    station.count()
    chosen = {row.event for row in station.rows(sample)} & by_id.keys()
    asked = sorted(chosen)[:: 4 if day == DAYS - 1 else 1]
    unasked = [id_ for id_ in list(by_id)[::_UNASKED] if id_ not in chosen]
    right = 0.3 if day == DAYS - 1 else 0.8
    labels, truth = [], []
    for id_ in [*asked, *unasked]:
        event = by_id[id_]
        answer = str(event.outputs["class"][0])
        label = answer if chance.random() < right else str(1 - int(answer))
        labels.append(a_label(id_, label, at=event.at + timedelta(hours=1)))
        truth.append(Answered(at=event.at, answer=answer, label=label))
    station.store(labels)
    station.count()
    return truth


def _event(day: int, place: int, chance: random.Random) -> InferenceEvent:
    country = "DE" if place % 2 else "FR"
    missing = day == 1 and country == "DE" and place % 5 == 0
    return an_event(
        at=BEGIN + day * DAY + place * DAY / ROWS,
        ages=[None if missing else chance.gauss(40, 10)],
        countries=[country],
        scores=[chance.random()],
    )


def _manifest() -> Manifest:
    changed = {"window": {"pane": "6h", "length": "12h"}, "protected": [], "label": "bought"}
    return Manifest.model_validate({**MANIFEST.model_dump(mode="json"), **changed})


def _reference() -> Reference:
    chance = random.Random(9)  # noqa: S311  # as above
    scores: list[Value] = [chance.random() for _ in range(4_000)]
    classes: list[Value] = ["1" if float(str(score)) >= 0.5 else "0" for score in scores]
    labels = [str(name) if chance.random() < 0.8 else str(1 - int(str(name))) for name in classes]
    columns: dict[str, Sequence[Value]] = {
        "age": [chance.gauss(40, 10) for _ in scores],
        "plan": ["free"] * len(scores),
        "class": classes,
        "score": scores,
    }
    frame = frame_of_columns(columns, _manifest(), labels=labels)
    return reference_of(frame, _manifest(), "a table of the test", kinds())
