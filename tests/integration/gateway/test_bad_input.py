"""Malformed requests: each is refused with 4xx, in the shape of its protocol, and what is wrong is named."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.helpers.serving import Serving

INFER, PREDICT, LABELS = "/v2/models/echo/infer", "/v1/models/echo:predict", "/api/labels"
JSON = {"content-type": "application/json"}
GZIP = {"content-encoding": "gzip"}
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


@dataclass(frozen=True)
class Bad:
    """A request, and what its refusal must say."""

    name: str
    path: str
    body: bytes
    status: int
    said: str
    headers: dict[str, str] = field(default_factory=lambda: JSON)


def tensor(
    name: str = "age", datatype: str = "FP64", shape: Any = (1,), data: Any = (30.0,)
) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def less(key: str) -> dict[str, Any]:
    return {name: value for name, value in tensor().items() if name != key}


def infer(*tensors: Any, **rest: Any) -> bytes:
    """An `infer` body in which the other columns are well."""
    given = {item.get("name") for item in tensors if isinstance(item, dict)}
    well = [tensor(), tensor("country", "BYTES", [1], ["DE"]), tensor("member", "BOOL", [1], [True])]
    kept = [item for item in well if item["name"] not in given]
    return json.dumps({"inputs": [*kept, *tensors], **rest}).encode()


def predict(*instances: Any, **rest: Any) -> bytes:
    return json.dumps({"instances": instances, **rest}).encode()


WELL = {"age": 30, "country": "DE", "member": True}
HUGE_INTEGER = b"1" + b"0" * 400
DEEP = b'{"instances": ' + b"[" * 40 + b"]" * 40 + b"}"

CASES = [
    Bad("a time in the future", PREDICT, predict(WELL, at="2199-01-01T00:00:00Z"), 400, "future"),
    Bad("an empty body", INFER, b"", 400, "empty"),
    Bad("no JSON", INFER, b"hello", 400, "not JSON"),
    Bad("JSON that is cut", INFER, infer()[:-20], 400, "not JSON"),
    Bad("a list for an object", INFER, b"[]", 400, "object"),
    Bad("no inputs", INFER, b"{}", 400, "inputs"),
    Bad("inputs that are no list", INFER, b'{"inputs": 5}', 400, "inputs"),
    Bad("an empty list of inputs", INFER, b'{"inputs": []}', 400, "inputs"),
    Bad("an input that is no object", INFER, infer(7), 400, "inputs[3]"),
    Bad("an input without name", INFER, infer({"shape": [1], "datatype": "FP64", "data": [1]}), 400, "name"),
    Bad("an input without shape", INFER, infer(less("shape")), 400, "'age'"),
    Bad("an input without data", INFER, infer(less("data")), 400, "'age'"),
    Bad("an unknown input", INFER, infer(tensor("height")), 400, "'height'"),
    Bad("an absent input", INFER, json.dumps({"inputs": [tensor()]}).encode(), 400, "'country'"),
    Bad("the same input twice", INFER, json.dumps({"inputs": [tensor(), tensor()]}).encode(), 400, "'age'"),
    Bad("an unknown datatype", INFER, infer(tensor(datatype="FP128")), 400, "'age'"),
    Bad("a number as BYTES", INFER, infer(tensor(datatype="BYTES", data=["x"])), 400, "'age'"),
    Bad("a category as FP32", INFER, infer(tensor("country", "FP32", [1], [1.0])), 400, "'country'"),
    Bad("a boolean as INT8", INFER, infer(tensor("member", "INT8", [1], [1])), 400, "'member'"),
    Bad("a boolean that is 1", INFER, infer(tensor("member", "BOOL", [1], [1])), 400, "'member'"),
    Bad("a text for a number", INFER, infer(tensor(data=["old"])), 400, "'age'"),
    Bad("a boolean for a number", INFER, infer(tensor(data=[True])), 400, "'age'"),
    Bad("null for a number that is needed", INFER, infer(tensor(data=[None])), 400, "'age'"),
    Bad("an unseen category", INFER, infer(tensor("country", "BYTES", [1], ["XX"])), 400, "'country'"),
    Bad("a shape of two rows and one value", INFER, infer(tensor(shape=[2])), 400, "'age'"),
    Bad("a matrix for a column", INFER, infer(tensor(shape=[1, 2], data=[1, 2])), 400, "'age'"),
    Bad("a negative shape", INFER, infer(tensor(shape=[-1])), 400, "'age'"),
    Bad("a shape of text", INFER, infer(tensor(shape=["1"])), 400, "'age'"),
    Bad("an empty shape", INFER, infer(tensor(shape=[])), 400, "'age'"),
    Bad("no rows", INFER, infer(*(tensor(n, d, [0], []) for n, d in
        [("age", "FP64"), ("country", "BYTES"), ("member", "BOOL")])), 400, "row"),
    Bad("data that is an object", INFER, infer(tensor(data={"0": 1})), 400, "'age'"),
    Bad("NaN", INFER, infer(tensor(data=[float("nan")])), 400, "'age'"),
    Bad("Infinity", INFER, infer(tensor(data=[float("inf")])), 400, "'age'"),
    Bad("1e308 as FP32", INFER, infer(tensor(datatype="FP32", data=[1e308])), 400, "'age'"),
    Bad("1e308 as FP64", INFER, infer(tensor(data=[1e308])), 400, "'age'"),
    Bad("1e999", INFER, infer().replace(b"30.0", b"1e999"), 400, "'age'"),
    Bad("300 as INT8", INFER, infer(tensor(datatype="INT8", data=[300])), 400, "'age'"),
    Bad("a fraction as INT32", INFER, infer(tensor(datatype="INT32", data=[1.5])), 400, "'age'"),
    Bad("a huge integer", INFER, infer().replace(b"30.0", HUGE_INTEGER), 400, "'age'"),
    Bad("text that is not UTF-8", INFER, infer().replace(b'"DE"', b'"\xff\xfe"'), 400, "'country'"),
    Bad("half a surrogate pair", INFER, infer().replace(b'"DE"', b'"\\ud800"'), 400, "not JSON"),
    Bad("an unknown output", INFER, infer(outputs=[{"name": "odds"}]), 400, "'odds'"),
    Bad("an id that is a number", INFER, infer(id=7), 400, "id"),
    Bad("an id of 300 characters", INFER, infer(id="x" * 300), 400, "id"),
    Bad("a time that is none", INFER, infer(parameters={"at": "yesterday"}), 400, "parameters.at"),
    Bad("tags that are a text", INFER, infer(parameters={"tags": "de"}), 400, "parameters.tags"),
    Bad("a tag that is a number", INFER, infer(parameters={"tags": {"a": 5}}), 400, "tags"),
    Bad("two tag values for one row", INFER, infer(parameters={"tags": {"a": ["b", "c"]}}), 400, "tags.a"),
    Bad("a priority of -1", INFER, infer(parameters={"priority": -1}), 400, "parameters.priority"),
    Bad("a timeout that is a text", INFER, infer(parameters={"timeout": "soon"}), 400, "parameters.timeout"),
    Bad("a binary tensor", INFER, infer({"name": "age", "datatype": "FP32", "shape": [1],
        "parameters": {"binary_data_size": 4}}), 400, "'age'"),
    Bad("multipart", INFER, infer(), 415, "content-type", MULTIPART),
    Bad("XML", INFER, infer(), 415, "content-type", {"content-type": "text/xml"}),
    Bad("Latin-1", INFER, infer(), 415, "charset", {"content-type": "application/json; charset=latin-1"}),
    Bad("Brotli", INFER, infer(), 415, "content-encoding", {"content-encoding": "br"}),
    Bad("gzip that is none", INFER, infer(), 400, "content-encoding", GZIP),
    Bad("gzip that is cut", INFER, gzip.compress(infer())[:-12], 400, "content-encoding", GZIP),
    Bad("a bomb", INFER, zlib.compress(b" " * 30_000_000), 413, "inflates", {"content-encoding": "deflate"}),
    Bad("two megabytes", INFER, b" " * 2**21, 413, "larger than"),
    Bad("a model that is not there", "/v2/models/nobody/infer", infer(), 404, "'nobody'"),
    Bad("a version that is not there", "/v2/models/echo/versions/9/infer", infer(), 404, "'9'"),
    Bad("a path as a version", "/v2/models/echo/versions/..%2f..%2fetc/infer", infer(), 404, "not found"),
    Bad("V1 without instances", PREDICT, b"{}", 400, "instances"),
    Bad("V1 instances that are no list", PREDICT, b'{"instances": {}}', 400, "instances"),
    Bad("V1 instances and inputs", PREDICT, b'{"instances": [], "inputs": []}', 400, "inputs"),
    Bad("V1 a row that is too short", PREDICT, predict([1, "DE"]), 400, "instances[0]"),
    Bad("V1 rows of two kinds", PREDICT, predict(WELL, [1, "DE", True]), 400, "instances"),
    Bad("V1 a scalar for three columns", PREDICT, predict(5), 400, "instances[0]"),
    Bad("V1 an unknown column", PREDICT, predict(WELL, {**WELL, "height": 2}), 400, "'height'"),
    Bad("V1 a column that is absent", PREDICT, predict({"age": 30, "member": True}), 400, "'country'"),
    Bad("V1 a list in a cell", PREDICT, predict({**WELL, "age": [1]}), 400, "instances[0]['age']"),
    Bad("V1 an object in a cell", PREDICT, predict({**WELL, "age": {}}), 400, "instances[0]['age']"),
    Bad("V1 a text for a number", PREDICT, predict(WELL, {**WELL, "age": "old"}), 400, "'age', row 1"),
    Bad("V1 NaN", PREDICT, predict({"age": float("nan"), **WELL}).replace(b"30", b"NaN"), 400, "'age'"),
    Bad("V1 nested too deeply", PREDICT, DEEP, 400, "nested"),
    Bad("V1 a hundred thousand brackets", PREDICT, b"[" * 100_000, 400, "nested"),
    Bad("V1 an integer of 65 bits", PREDICT, predict({**WELL, "age": 2**64}), 400, "'age'"),
    Bad("V1 a time that is a number", PREDICT, predict(WELL, at=5), 400, "at"),
    Bad("V1 a time of the year 9999", PREDICT, predict(WELL, at="9999-12-31T23:59:59+00:00"), 400, "at"),
    Bad("V1 tags that are a list", PREDICT, predict(WELL, tags=[]), 400, "tags"),
    Bad("V1 an id that is empty", PREDICT, predict(WELL, id=""), 400, "id"),
    Bad("a label with a wrong key", LABELS, b'{"labels": [{"id": "a", "label": 1, "rwo": 3}]}', 400, "`rwo`"),
    Bad("labels with a key that is none", LABELS, b'{"labels": [], "model": "echo"}', 400, "`model`"),
    Bad("V1 a model that is not there", "/v1/models/nobody:predict", predict(WELL), 404, "'nobody'"),
]  # fmt: skip


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_a_malformed_request_is_refused_and_its_field_named(gateway: Serving, bad: Bad) -> None:
    reply = gateway.ask("POST", bad.path, bad.body, bad.headers)

    assert reply.status == bad.status, reply.body
    assert bad.said in reply.error
    assert set(reply.json) == {"error"}


def test_the_table_is_long_enough_and_its_request_is_well_when_nothing_is_bad(gateway: Serving) -> None:
    assert len(CASES) >= 40
    assert gateway.ask("POST", INFER, infer(), JSON).status == 200
    assert gateway.ask("POST", PREDICT, predict(WELL), JSON).status == 200


def test_a_wrong_method_says_which_is_right(gateway: Serving) -> None:
    reply = gateway.get(INFER)

    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_a_refusal_is_an_event_with_a_short_reason_and_its_id_is_in_the_answer(gateway: Serving) -> None:
    before = len(gateway.events())

    reply = gateway.ask("POST", INFER, infer(tensor("height")), JSON)

    event = gateway.events()[before]
    assert (event.outcome, event.reason, event.model) == ("rejected", "invalid_input", "echo")
    assert reply.headers["x-request-id"]
