"""The events that the benchmarks of the monitors count: one row of 20 columns each, from a fixed seed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from inference.manifest import Manifest
from monitors import kinds
from monitors.frames import frame_of_columns
from monitors.reference import Reference, reference_of
from storage.records import InferenceEvent, Outcome, Value
from tests.helpers.station import NOON

NUMBERS, CATEGORIES = 14, 6
GROUPS = ("a", "b", "c", "d", "e", "f", "g", "h")
MANIFEST = Manifest.model_validate(
    {
        "name": "wide",
        "version": "1",
        "task": "classification",
        "backend": "echo",
        "inputs": [
            *({"name": f"number_{place}", "type": "number"} for place in range(NUMBERS)),
            *(
                {"name": f"group_{place}", "type": "category", "categories": list(GROUPS)}
                for place in range(CATEGORIES)
            ),
        ],
        "outputs": {"classes": ["0", "1"]},
        "window": {"pane": "1m", "length": "1h"},
        "files": {},
        "added_at": "2026-01-01T00:00:00Z",
    }
)


def wide_events(n: int, rate: float = 1_000.0) -> list[InferenceEvent]:
    """So many events, which came at `rate` a second."""
    chance = np.random.default_rng(1)
    numbers = chance.normal(size=(n, NUMBERS)).tolist()
    groups = chance.choice(GROUPS, size=(n, CATEGORIES)).tolist()
    scores = chance.random(n).tolist()
    return [
        InferenceEvent(
            at=NOON + timedelta(seconds=place / rate),
            outcome=Outcome.OK,
            protocol="oip",
            total_s=0.002,
            queue_s=0.0005,
            compute_s=0.001,
            model="wide",
            version="1",
            rows=1,
            inputs={
                **{f"number_{column}": [value] for column, value in enumerate(numbers[place])},
                **{f"group_{column}": [value] for column, value in enumerate(groups[place])},
            },
            outputs={"class": ["1" if scores[place] > 0.5 else "0"], "score": [scores[place]]},
        )
        for place in range(n)
    ]


def wide_reference(events: list[InferenceEvent]) -> Reference:
    """What the rows of these events make."""
    columns: dict[str, list[Value]] = {}
    for event in events:
        for name, values in (event.inputs | event.outputs).items():
            columns.setdefault(name, []).extend(values)
    return reference_of(frame_of_columns(columns, MANIFEST), MANIFEST, "the benchmark", kinds())
