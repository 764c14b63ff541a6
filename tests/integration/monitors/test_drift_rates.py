"""How often drift is called where there is none, and missed where there is, in windows of 20 columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inference.manifest import ModelSpec
from monitors import kinds
from monitors.base import ModelContext
from monitors.drift import Drift
from monitors.frames import Frame, frame_of_columns
from monitors.reference import reference_of
from monitors.statistics import Floats
from tests.helpers.monitoring import model

COLUMNS, MOVED, WINDOWS = 20, 4, 10
Sample = Callable[[np.random.Generator, int], Floats]
WIDE: ModelSpec = model(inputs=[{"name": f"n{i}", "type": "number"} for i in range(COLUMNS)])
SAMPLES: dict[str, Sample] = {
    "normal": lambda random, n: random.normal(size=n),
    "heavy tails": lambda random, n: random.standard_t(3, size=n) / 3**0.5,
}


def called(sample: Sample, shift: float, references: int) -> list[set[str]]:
    """The columns that are called drifted in each window; the first four are moved by `shift` sd."""
    random = np.random.default_rng(11)

    def frame(n: int, moved: float) -> Frame:
        columns = {f"n{i}": (sample(random, n) + moved * (i < MOVED)).tolist() for i in range(COLUMNS)}
        return frame_of_columns(columns, WIDE)

    found = []
    for _ in range(references):
        reference = reference_of(frame(10_000, 0.0), WIDE, "a test", {"drift": kinds()["drift"]})
        drift = Drift(model=ModelContext(manifest=WIDE, reference=reference))
        for _ in range(WINDOWS):
            judged = drift.assess(drift.observe(frame(1_000, shift)), reference.summaries["drift"])
            found.append({str(one.column) for one in judged if one.metric == "drift" and one.breached})
    return found


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES)
def test_clean_windows_are_silent(sample: str) -> None:
    windows = called(SAMPLES[sample], shift=0.0, references=20)

    # the rule was measured at 1.0 % (normal) and 0 (mixed) of 200 windows with an alarm on any column
    assert sum(map(bool, windows)) / len(windows) <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "least"), [(0.2, 0.93), (0.5, 1.0)])
def test_moved_columns_are_found(shift: float, least: float) -> None:
    windows = called(SAMPLES["normal"], shift, references=5)

    # measured: 97 % at .2 sd, all at .5
    assert (
        sum(len({f"n{i}" for i in range(MOVED)} & one) for one in windows) / (MOVED * len(windows)) >= least
    )
