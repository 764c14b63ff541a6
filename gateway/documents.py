"""What FastAPI cannot know of `/openapi.json`: the hot routes, the errors of each, and keys."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.front import PROBES, right_for
from gateway.hot import route_of
from gateway.kserve_v1 import PredictBody, Predictions
from gateway.oip import InferAnswer, InferBody
from storage.keys import Right

Document = dict[str, Any]

_TEXT = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_OBJECT = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}
ERROR: Document = {
    "description": "what was wrong, where, and what would be right",
    "content": {"application/json": {"schema": {"anyOf": [_TEXT, _OBJECT]}}},
}
RESPONSES: dict[int | str, Document] = {401: ERROR, 403: ERROR, 422: ERROR}
"""What any route may answer: no key, a key that is not enough, a parameter that is not as described."""

_HOT_ERRORS = (400, 401, 403, 404, 405, 413, 415, 500, 503, 504)
_SCHEMAS = "#/components/schemas/{name}"


def add_hot_routes(document: Document) -> Document:
    """The document of the FastAPI app, with the routes that never reach it."""
    (infer, answer, predict, predictions), schemas = msgspec.json.schema_components(
        (InferBody, InferAnswer, PredictBody, Predictions), ref_template=_SCHEMAS
    )
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
    paths = document["paths"]
    for path, parameters in (
        ("/v2/models/{name}/infer", ["name"]),
        ("/v2/models/{name}/versions/{version}/infer", ["name", "version"]),
    ):
        paths[path] = {"post": _operation("Open Inference Protocol v2", parameters, infer, answer)}
    paths["/v1/models/{name}:predict"] = {"post": _operation("KServe V1", ["name"], predict, predictions)}
    return document


def add_keys(document: Document) -> Document:
    """The key that a route wants once one exists, and the right that it must have."""
    about = "`inferwatch keys create`; none is wanted until one exists"
    schemes = {"key": {"type": "http", "scheme": "bearer", "description": about}}
    document.setdefault("components", {})["securitySchemes"] = schemes
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path in PROBES:
                continue
            operation["security"] = [{"key": []}, {}]
            right = Right.INFER if route_of(path) else right_for(method.upper(), path)
            if right is not None:
                said = operation.get("description", "")
                operation["description"] = f"{said}\n\nA key needs the right `{right}`.".strip()
    return document


def json_schema(kind: type) -> Document:
    """The schema of one struct, with its parts inside."""
    schema = msgspec.json.schema(kind)
    parts = schema.pop("$defs", {})
    inlined: Document = _inlined(schema, parts)
    return inlined


def _inlined(schema: Any, parts: Document) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, parts) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
    if (
        "prefixItems" in schema
    ):  # a pair: its length is given, and tools understand one kind of item better than two
        kinds = [
            kind
            for place, kind in enumerate(schema["prefixItems"])
            if kind not in schema["prefixItems"][:place]
        ]
        schema = {key: value for key, value in schema.items() if key != "prefixItems"}
        schema["items"] = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return {key: _inlined(value, parts) for key, value in schema.items()}


def _operation(summary: str, parameters: list[str], body: Document, answer: Document) -> Document:
    event_id = {"x-request-id": {"description": "id of the event", "schema": {"type": "string"}}}
    return {
        "tags": ["inference"],
        "summary": summary,
        "description": f"Answers rows, as {summary} has it. Its event's id is in `x-request-id`.",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in parameters
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "the answer",
                "headers": event_id,
                "content": {"application/json": {"schema": answer}},
            },
            **{str(status): ERROR for status in _HOT_ERRORS},
        },
    }
