"""`GET /api/samples`: what to label next, and how far the labelling of the day has come."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec

from inference.manifest import Manifest, Task
from storage.database import Database
from storage.models import model_versions
from storage.records import InferenceEvent, Value
from storage.samples import Everyone, Progress, Sample, open_samples, progress
from storage.segments import find_event

LOOKED_AT = 2_000
"""Open samples that are put in order, the newest: older ones come up when these are answered."""

_MISSES = 200  # samples in a row whose event is gone by retention: the older ones are gone too


class Question(msgspec.Struct, kw_only=True):
    """What is asked about a row."""

    label: str | None  # name of the truth, as the model's description calls it
    type: str  # "class" or "number"
    classes: list[str]  # the allowed answers; none for a number


class SampleAnswer(msgspec.Struct, kw_only=True):
    """A row to label: answer with its `event` as `id`, and its `row`."""

    event: str
    row: int
    model: str
    version: str
    arm: str
    at: datetime
    pi: float
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    tags: dict[str, str | None]  # those that traffic is sliced by
    question: Question


class ProgressAnswer(msgspec.Struct, kw_only=True):
    """The newest day of a model version: how many were to be chosen; how many were, and were answered."""

    model: str
    version: str
    day: datetime
    budget: float
    chosen: int
    answered: int


class SamplesAnswer(msgspec.Struct):
    """What to label next, the most useful first."""

    samples: list[SampleAnswer]
    progress: list[ProgressAnswer]


def next_samples(
    database: Database, *, tenant: str | Everyone | None, model: str | None, limit: int
) -> SamplesAnswer:
    """The rows of a tenant that should be labelled next. Those whose events are gone are left out."""
    found: list[SampleAnswer] = []
    misses = 0
    with database.read() as connection:
        manifests = {
            (row.model, row.version): Manifest.model_validate_json(row.manifest)
            for row in model_versions(connection)
        }
        for sample in fair_order(open_samples(connection, tenant=tenant, model=model, limit=LOOKED_AT)):
            if len(found) == limit or misses == _MISSES:
                break
            event = find_event(connection, sample.event)
            manifest = manifests.get((sample.model, sample.version))
            if event is None or manifest is None:
                misses += 1
                continue
            misses = 0
            found.append(_answer(sample, event, manifest))
        days = progress(connection, tenant=tenant, model=model)
    return SamplesAnswer(found, [_progress(each) for each in days])


def fair_order(samples: Sequence[Sample]) -> list[Sample]:
    """The newest day first; within it every arm of every model in turn, and in each a fixed chance order.

    Not the most uncertain first: where only some are answered, those have to be like the others, or the
    estimate would speak of the hard ones alone.
    """
    taken: Counter[tuple[object, ...]] = Counter()
    ranked: list[tuple[float, int, bytes, Sample]] = []
    for draw, sample in sorted(((_draw(each), each) for each in samples), key=lambda pair: pair[0]):
        day = sample.at.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        stratum = day, sample.model, sample.version, sample.arm
        ranked.append((-day, taken[stratum], draw, sample))
        taken[stratum] += 1
    return [sample for *_, sample in sorted(ranked, key=lambda entry: entry[:3])]


def _draw(sample: Sample) -> bytes:
    return hashlib.blake2b(f"{sample.event}/{sample.row}".encode(), digest_size=8).digest()


def _answer(sample: Sample, event: InferenceEvent, manifest: Manifest) -> SampleAnswer:
    row = sample.row
    return SampleAnswer(
        event=str(sample.event),
        row=row,
        model=sample.model,
        version=sample.version,
        arm=sample.arm.value,
        at=sample.at,
        pi=sample.pi,
        inputs={name: values[row] for name, values in event.inputs.items() if row < len(values)},
        outputs={name: values[row] for name, values in event.outputs.items() if row < len(values)},
        tags={name: event.tags[name][row] for name in manifest.slices if row < len(event.tags.get(name, ()))},
        question=Question(
            label=manifest.label,
            type="number" if manifest.task is Task.REGRESSION else "class",
            classes=list(manifest.outputs.classes),
        ),
    )


def _progress(each: Progress) -> ProgressAnswer:
    return ProgressAnswer(
        model=each.model,
        version=each.version,
        day=each.day,
        budget=each.budget,
        chosen=each.chosen,
        answered=each.answered,
    )
