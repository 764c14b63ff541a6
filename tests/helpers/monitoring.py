"""Models, events and label changes for tests of monitors: tame ones by hand, and wild ones by hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.manifest import ModelSpec
from monitors.base import ModelContext
from monitors.frames import Frame, frame_of_columns
from monitors.groupings import of_file, with_protected_groups
from storage.records import Arm, EventId, InferenceEvent, LabelChange, Outcome, Value
from storage.scorer import Scorer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PANE = timedelta(minutes=1)
INPUTS = (
    {"name": "age", "type": "number"},
    {"name": "colour", "type": "category", "categories": ["red", "green", "blue"]},
    {"name": "member", "type": "boolean"},
    {"name": "comment", "type": "text"},
)

SCORER = Scorer(
    name="toxicity",
    model="words",
    version="1",
    sha256="0" * 64,
    classes=("toxicity", "insult"),
    bundled=False,
    words="a model of no particular interest",
    loaded_at=NOON,
)

Numbered = tuple[EventId, InferenceEvent]


def model(task: str = "classification", classes: Sequence[str] = ("0", "1"), **more: object) -> ModelSpec:
    """A model with an input of each kind."""
    outputs = {} if task == "regression" else {"outputs": {"classes": list(classes)}}
    known = {
        "name": "shop",
        "version": "1",
        "task": task,
        "backend": "echo",
        "inputs": INPUTS,
        "label": "bought",
    }
    return ModelSpec.model_validate(known | outputs | more)


MODELS: Mapping[str, ModelSpec] = {
    "two classes": model(protected=["race", "colour", ["race", "colour"]]),
    "three classes": model(classes=("a", "b", "c")),
    "regression": model(task="regression"),
}


def event(
    *,
    rows: int = 1,
    outcome: Outcome = Outcome.OK,
    at: datetime = NOON,
    arm: Arm = Arm.STABLE,
    inputs: dict[str, list[Value]] | None = None,
    outputs: dict[str, list[Value]] | None = None,
    tags: dict[str, list[str | None]] | None = None,
    total_s: float = 0.002,
) -> InferenceEvent:
    """An event of `model()`; what a test does not name is absent."""
    return InferenceEvent(
        at=at,
        outcome=outcome,
        protocol="v1",
        total_s=total_s,
        model="shop",
        version="1",
        arm=arm,
        rows=rows,
        inputs=inputs or {},
        outputs=outputs or {},
        tags=tags or {},
    )


def numbered(events: Sequence[InferenceEvent]) -> list[Numbered]:
    """Events with ids of their own."""
    return [(EventId(producer="p", segment=1, offset=i), one) for i, one in enumerate(events)]


def with_every_group(frame: Frame, manifest: ModelSpec) -> Frame:
    """A frame as monitors are shown it, where every value of what is protected stands alone."""
    return with_protected_groups(frame, manifest, lambda _, values: frozenset(values))


def tame_frame(manifest: ModelSpec, rows: int = 500) -> Frame:
    """Rows without fault, labels included: what a reference is made of."""
    random = np.random.default_rng(3)
    classes = manifest.outputs.classes
    columns: dict[str, list[Value]] = {
        "age": random.normal(40, 10, rows).tolist(),
        "colour": random.choice(["red", "green"], rows).tolist(),
        "member": random.random(rows).round().astype(bool).tolist(),
        "comment": ["x" * int(n) for n in random.integers(0, 40, rows)],
    }
    if not classes:
        return frame_of_columns(
            columns | {"prediction": random.normal(size=rows).tolist()},
            manifest,
            labels=random.normal(size=rows).tolist(),
        )
    probabilities = random.dirichlet([1.0] * len(classes), rows)
    columns |= {
        "class": [classes[i] for i in probabilities.argmax(axis=1)],
        "score": probabilities[:, -1].tolist(),
        "probabilities": probabilities.tolist(),
    }
    labels = random.choice(classes, rows).tolist()
    tags = {"race": random.choice(["A", "B", "C"], rows, p=[0.6, 0.38, 0.02]).tolist()}
    scores = {"comment": random.beta(1, 20, (rows, len(SCORER.classes))).astype(np.float32)}
    frame = frame_of_columns(columns, manifest, labels=labels, tags=tags, scores=scores)
    return of_file(frame, manifest)


def wild_scores(events: Sequence[Numbered]) -> dict[str, NDArray[np.float32]]:
    """Scores of every comment that follow from its place alone; some rows have none."""
    found = []
    for id_, one in events:
        random = np.random.default_rng([id_.segment, id_.offset])
        scores = random.random((one.rows, len(SCORER.classes)), dtype=np.float32).round(2)
        scores[random.random(one.rows) < 0.2] = np.nan
        found.append(scores)
    return {"comment": np.concatenate(found)}


def wild_events(context: ModelContext) -> st.SearchStrategy[list[Numbered]]:
    """Events of one pane, with every kind of value in every column."""
    return st.lists(_event(context.manifest), max_size=12).map(numbered)


def wild_changes(context: ModelContext) -> st.SearchStrategy[list[LabelChange]]:
    """Label changes of one pane: labels that come, are corrected, agree, or name nothing."""
    manifest = context.manifest
    labels = st.none() | st.sampled_from([*manifest.outputs.classes, 1, 0.0, True, "nothing", 1e308, -3.5])
    change = st.builds(
        LabelChange,
        event=st.just("p-1-0"),
        row=st.just(0),
        at=st.just(NOON),
        labelled_at=st.just(NOON),
        model=st.just(manifest.name),
        version=st.just(manifest.version),
        arm=st.just(Arm.STABLE),
        inputs=_columns(_INPUT_VALUES, 1),
        outputs=_columns(_output_values(manifest), 1),
        tags=_tags(1),
        before=labels,
        after=labels,
        conflict=st.booleans(),
        conflict_over=st.booleans(),
        pi=st.none() | st.sampled_from([1.0, 0.5, 2**-0.25, 2**-20]),
        chosen=st.booleans(),
    )
    return st.lists(change, max_size=12)


_ODD: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(min_value=-(10**320), max_value=10**320),
    st.sampled_from(["", "12", "red", "violet", "\ud800"]),
    st.just([0.5, 0.5]),
)
_INPUT_VALUES: Mapping[str, st.SearchStrategy[Value]] = {
    "age": _ODD | st.floats(0, 100),
    "colour": _ODD | st.sampled_from(["red", "green", "blue"]),
    "member": _ODD | st.booleans(),
    "comment": _ODD | st.text(max_size=5),
}


def _output_values(manifest: ModelSpec) -> Mapping[str, st.SearchStrategy[Value]]:
    classes = manifest.outputs.classes
    if not classes:
        return {"prediction": _ODD | st.floats(-5, 5)}
    shares = st.lists(st.floats(0, 1), min_size=len(classes), max_size=len(classes))
    return {
        "class": _ODD | st.sampled_from(classes),
        "score": _ODD | st.floats(0, 1),
        "probabilities": _ODD | shares,
    }


def _columns(
    values: Mapping[str, st.SearchStrategy[Value]], rows: int
) -> st.SearchStrategy[dict[str, list[Value]]]:
    return st.fixed_dictionaries(
        {}, optional={name: st.lists(value, min_size=rows, max_size=rows) for name, value in values.items()}
    )


def _tags(rows: int) -> st.SearchStrategy[dict[str, list[str | None]]]:
    race = st.none() | st.sampled_from(["A", "B", "other", "A & colour=red", "A | B", "", "\n", "x" * 101])
    return st.fixed_dictionaries({}, optional={"race": st.lists(race, min_size=rows, max_size=rows)})


@st.composite
def _event(draw: st.DrawFn, manifest: ModelSpec) -> InferenceEvent:
    rows = draw(st.integers(0, 3))
    outcome = draw(st.sampled_from([Outcome.OK, Outcome.OK, Outcome.OK, *Outcome]))
    outputs = _columns(_output_values(manifest), rows) if outcome is Outcome.OK else st.just({})
    return event(
        rows=rows,
        outcome=outcome,
        inputs=draw(_columns(_INPUT_VALUES, rows)),
        outputs=draw(outputs),
        tags=draw(_tags(rows)),
        total_s=draw(st.floats(0, 100)),
    )
