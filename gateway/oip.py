"""Open Inference Protocol v2: what `infer` takes and answers, in JSON. A tensor is a named column of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from math import isfinite, prod
from typing import Any

import msgspec

from gateway.body import decode
from gateway.errors import invalid
from gateway.question import Cell, Question, check_cells, read_at, read_id, read_tags
from gateway.signature import Kind, Signature, kind_of
from inference.manifest import Manifest
from storage.records import Value

NAME = "oip"
VERSION = "0.1.0"
EXTENSIONS = ("model_repository",)

PREFERRED: dict[Kind, str] = {
    Kind.NUMBER: "FP64",
    Kind.CATEGORY: "BYTES",
    Kind.INTEGER_CATEGORY: "INT64",
    Kind.BOOLEAN: "BOOL",
    Kind.TEXT: "BYTES",
}
"""The datatype that metadata names for a column, and that loses nothing."""

_INTEGERS = {
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
_FLOATS = {"FP16": 65504.0, "BF16": 3.3895e38, "FP32": 3.4028236e38, "FP64": float("inf")}
_NUMBERS = frozenset(_INTEGERS) | frozenset(_FLOATS)
_DATATYPES = _NUMBERS | {"BOOL", "BYTES"}

Data = list[Cell | list[Cell | list[Cell]]]


class InputTensor(msgspec.Struct):
    """One column that comes in."""

    name: str
    shape: list[int]
    datatype: str
    data: Data | None = None
    parameters: dict[str, str | int | float | bool] | None = None


class WantedOutput(msgspec.Struct):
    """One column that is asked for."""

    name: str
    parameters: dict[str, str | int | float | bool] | None = None


class InferParameters(msgspec.Struct):
    """What is ours (tags, at) and what is Triton's (priority, timeout in microseconds).

    Others are ignored.
    """

    tags: Any = None
    at: Any = None
    priority: Any = None
    timeout: Any = None


class InferBody(msgspec.Struct):
    """What `infer` takes."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: InferParameters | None = None
    outputs: list[WantedOutput] | None = None


class OutputTensor(msgspec.Struct):
    """One column that goes out."""

    name: str
    datatype: str
    shape: list[int]
    data: Sequence[Value]


class InferAnswer(msgspec.Struct):
    """What `infer` answers."""

    model_name: str
    model_version: str
    id: str
    outputs: list[OutputTensor]


_DECODER = msgspec.json.Decoder(InferBody)
_ENCODE = msgspec.json.Encoder().encode


def read(body: bytes, signature: Signature) -> Question:
    """The question in a body. Raises `RefusedError` that names the input."""
    asked = decode(body, _DECODER)
    if not asked.inputs:
        raise invalid("inputs: at least one tensor is wanted")
    kinds = signature.kinds
    rows = asked.inputs[0].shape[0] if asked.inputs[0].shape else 0
    columns: dict[str, list[Value]] = {}
    for tensor in asked.inputs:
        kind = kinds.get(tensor.name)
        if kind is None:
            raise invalid(f"input '{tensor.name[:80]}' is no input of the model; it takes {signature.listed}")
        if tensor.name in columns:
            raise invalid(f"input '{tensor.name}' is there twice")
        columns[tensor.name] = _column(tensor, kind, rows)
    question = Question(
        columns=columns, rows=rows, app_id=None if asked.id is None else read_id(asked.id, "id")
    )
    if asked.parameters is None and asked.outputs is None:
        return question
    return _with_parameters(question, asked, signature)


def write(
    signature: Signature, question: Question, outputs: Mapping[str, Sequence[Value]], event_id: str
) -> bytes:
    """The answer: the outputs that were asked for."""
    names = outputs if question.outputs is None else question.outputs
    tensors = [_tensor(name, outputs[name], question.rows) for name in names]
    answer = InferAnswer(
        model_name=signature.name,
        model_version=signature.version,
        id=question.app_id or event_id,
        outputs=tensors,
    )
    return _ENCODE(answer)


def metadata(manifest: Manifest, versions: Sequence[str]) -> dict[str, Any]:
    """What `GET /v2/models/{m}` answers."""
    return {
        "name": manifest.name,
        "versions": list(versions),
        "platform": f"inferwatch_{manifest.backend}",
        "inputs": [
            {"name": column.name, "datatype": PREFERRED[kind_of(column)], "shape": [-1]}
            for column in manifest.inputs
        ],
        "outputs": [_described(name, manifest) for name in manifest.output_names],
    }


def _column(tensor: InputTensor, kind: Kind, rows: int) -> list[Value]:
    """The values of one tensor, once its shape, datatype and length fit each other."""
    datatype, shape, data = tensor.datatype, tensor.shape, tensor.data
    if data is None:
        raise invalid(_no_data(tensor))
    if shape not in ([rows], [rows, 1]):
        raise invalid(
            f"input '{tensor.name}': shape {shape[:8]} came, [{rows}] or [{rows}, 1] is wanted, as for "
            "the first input"
        )
    if rows < 1:
        raise invalid(f"input '{tensor.name}': shape {shape[:8]}: at least one row is wanted")
    values: Any = data
    if list in set(map(type, values)):
        values = _flat(values)
    if len(values) != rows:
        raise invalid(
            f"input '{tensor.name}': {len(values)} values came, the shape {shape} says {prod(shape)}"
        )
    if (datatype == "FP64" and kind is Kind.NUMBER) or (datatype == "BYTES" and kind in _WORDS):
        if int in set(map(type, values)):
            check_cells(tensor.name, values)
        return values  # type: ignore[no-any-return]  # the engine's own check looks at each value
    _check_datatype(tensor, kind)
    _check_range(tensor, values)
    return values  # type: ignore[no-any-return]


def _flat(data: list[Any]) -> list[Any]:
    """Nested data, row by row; single values among lists stay where they are, and the length tells."""
    flat = list(chain.from_iterable(item if isinstance(item, list) else (item,) for item in data))
    return _flat(flat) if list in set(map(type, flat)) else flat


def _check_datatype(tensor: InputTensor, kind: Kind) -> None:
    if tensor.datatype not in _DATATYPES:
        raise invalid(
            f"input '{tensor.name}': datatype '{tensor.datatype[:20]}' does not exist; there are "
            f"{', '.join(sorted(_DATATYPES))}"
        )
    wanted = _WANTED[kind]
    if tensor.datatype not in wanted:
        raise invalid(
            f"input '{tensor.name}': datatype {tensor.datatype} came, a {kind} is "
            f"{' or '.join(sorted(wanted))}"
        )


def _check_range(tensor: InputTensor, values: list[Any]) -> None:
    """Numbers that the datatype cannot hold. Of other types the engine's check speaks."""
    numbers = [value for value in values if type(value) in (int, float)]
    limits = _INTEGERS.get(tensor.datatype)
    if limits is not None:
        wrong = [value for value in numbers if type(value) is float or not limits[0] <= value <= limits[1]]
    else:
        largest = _FLOATS.get(tensor.datatype, 0.0)
        wrong = [value for value in numbers if not -largest <= value <= largest]
    if tensor.datatype in _NUMBERS and wrong:
        raise invalid(
            f"input '{tensor.name}', row {values.index(wrong[0])}: {_short(wrong[0])} is no {tensor.datatype}"
        )
    if int in set(map(type, values)):
        check_cells(tensor.name, values)


def _with_parameters(question: Question, asked: InferBody, signature: Signature) -> Question:
    parameters = asked.parameters or InferParameters()
    return replace(
        question,
        tags=read_tags(parameters.tags, question.rows, "parameters.tags"),
        at=read_at(parameters.at, "parameters.at"),
        priority=_priority(parameters.priority),
        timeout_s=_timeout_s(parameters.timeout),
        outputs=_wanted(asked.outputs, signature),
    )


def _wanted(outputs: list[WantedOutput] | None, signature: Signature) -> tuple[str, ...] | None:
    if not outputs:
        return None
    for output in outputs:
        if output.name not in signature.outputs:
            raise invalid(
                f"output '{output.name[:80]}' does not exist; the model has {', '.join(signature.outputs)}"
            )
    return tuple(dict.fromkeys(output.name for output in outputs))


def _priority(given: object) -> int:
    if given is None:
        return 0
    if type(given) is not int or not 0 <= given <= 255:
        raise invalid("parameters.priority: 0 (default) or 1 (highest) to 255 is wanted")
    return given


def _timeout_s(given: object) -> float | None:
    if given is None or given == 0:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given) and given > 0:
        return given / 1e6
    raise invalid("parameters.timeout: microseconds are wanted, 0 for the model's own deadline")


def _no_data(tensor: InputTensor) -> str:
    if tensor.parameters and "binary_data_size" in tensor.parameters:
        return (
            f"input '{tensor.name}': binary tensors are not taken yet; send data as JSON (binary_data=False)"
        )
    return f"input '{tensor.name}': data is absent"


def _tensor(name: str, values: Sequence[Value], rows: int) -> OutputTensor:
    first = values[0] if values else None
    if isinstance(first, list):
        flat: list[Value] = [cell for vector in values if isinstance(vector, list) for cell in vector]
        return OutputTensor(name=name, datatype="FP32", shape=[rows, len(first)], data=flat)
    datatype = "BYTES" if isinstance(first, str) else "FP32"
    return OutputTensor(name=name, datatype=datatype, shape=[rows], data=values)


def _described(name: str, manifest: Manifest) -> dict[str, Any]:
    if name == "probabilities":
        return {"name": name, "datatype": "FP32", "shape": [-1, len(manifest.outputs.classes)]}
    if name == "embedding":
        return {"name": name, "datatype": "FP32", "shape": [-1, -1]}
    return {"name": name, "datatype": "BYTES" if name in ("class", "text") else "FP32", "shape": [-1]}


_WANTED: dict[Kind, frozenset[str]] = {
    Kind.NUMBER: _NUMBERS,
    Kind.CATEGORY: frozenset({"BYTES"}),
    Kind.INTEGER_CATEGORY: frozenset(_INTEGERS),
    Kind.BOOLEAN: frozenset({"BOOL"}),
    Kind.TEXT: frozenset({"BYTES"}),
}
_WORDS = (Kind.CATEGORY, Kind.TEXT)


def _short(value: float) -> str:
    return "a huge integer" if isinstance(value, int) and abs(value) > 10**40 else repr(value)
