"""KServe V1: `POST /v1/models/{m}:predict` with rows in, predictions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from gateway.body import decode
from gateway.errors import invalid
from gateway.question import Cell, Question, check_cells, read_at, read_id, read_tags
from gateway.signature import Signature
from storage.records import Value

NAME = "v1"

Instance = Cell | list[Cell] | dict[str, Cell]


class PredictBody(msgspec.Struct):
    """What `:predict` takes. `inputs` is another name for `instances`; the rest is ours."""

    instances: list[Instance] | None = None
    inputs: list[Instance] | None = None
    tags: Any = None  # a text for all rows, or a list with one a row, by name
    at: Any = None
    id: str | None = None


class Predictions(msgspec.Struct):
    """What it answers."""

    predictions: Sequence[Value | dict[str, Value]]


_DECODER = msgspec.json.Decoder(PredictBody)
_ENCODE = msgspec.json.Encoder().encode


def read(body: bytes, signature: Signature) -> Question:
    """The question in a body. Raises `RefusedError`."""
    asked = decode(body, _DECODER)
    if asked.inputs is not None and asked.instances is not None:
        raise invalid("instances and inputs are the same thing: send one of them")
    instances = asked.instances if asked.instances is not None else asked.inputs
    if instances is None:
        raise invalid('instances is absent; send {"instances": [...]}, one element a row')
    columns = _columns(instances, signature)
    return Question(
        columns=columns,
        rows=len(instances),
        tags=read_tags(asked.tags, len(instances), "tags") if asked.tags is not None else {},
        at=read_at(asked.at, "at"),
        app_id=read_id(asked.id, "id"),
    )


def write(
    signature: Signature, question: Question, outputs: Mapping[str, Sequence[Value]], event_id: str
) -> bytes:
    """One output: its values. Several: an object for each row."""
    if len(outputs) == 1:
        (values,) = outputs.values()
        return _ENCODE(Predictions(predictions=values))
    names = tuple(outputs)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    return _ENCODE(Predictions(predictions=rows))


def _columns(instances: list[Instance], signature: Signature) -> dict[str, list[Value]]:
    kinds, names = set(map(type, instances)), signature.names
    if kinds == {list}:
        columns = _from_lists(instances, signature)  # type: ignore[arg-type]  # every one is a list, as was just seen
    elif kinds == {dict}:
        columns = _from_objects(instances, signature)  # type: ignore[arg-type]  # likewise objects
    elif kinds & {list, dict}:
        raise invalid("instances: rows are of different kinds; send lists, or objects, or single values")
    elif len(names) == 1:
        columns = {names[0]: instances}  # type: ignore[dict-item]  # likewise cells
    elif not instances:
        columns = {name: [] for name in names}
    else:
        raise invalid(
            f"instances[0]: a list of {len(names)} values or an object is wanted: {signature.listed}"
        )
    if int in set(map(type, chain.from_iterable(columns.values()))):
        for name, values in columns.items():
            check_cells(name, values)  # type: ignore[arg-type]  # no vectors come in
    return columns


def _from_lists(instances: list[list[Cell]], signature: Signature) -> dict[str, list[Value]]:
    names = signature.names
    width = len(names)
    if set(map(len, instances)) != {width}:
        row = next(row for row, instance in enumerate(instances) if len(instance) != width)
        raise invalid(
            f"instances[{row}]: {len(instances[row])} values, {width} are wanted: {signature.listed}"
        )
    if len(instances) == 1:
        return {name: [value] for name, value in zip(names, instances[0], strict=True)}
    return {name: list(values) for name, values in zip(names, zip(*instances, strict=True), strict=True)}


def _from_objects(instances: list[dict[str, Cell]], signature: Signature) -> dict[str, list[Value]]:
    sent: set[str] = set().union(*instances)
    unknown = sent - signature.kinds.keys()
    if unknown:
        name = min(unknown)
        row = next(row for row, instance in enumerate(instances) if name in instance)
        raise invalid(
            f"instances[{row}]: '{name[:80]}' is no input of the model; it takes {signature.listed}"
        )
    # A column that no row has is left out: the engine says whether the model can do without.
    return {name: [instance.get(name) for instance in instances] for name in signature.names if name in sent}
