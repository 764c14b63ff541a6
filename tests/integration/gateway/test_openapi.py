"""`/openapi.json` is true: no route that it names answers 5xx, or what is not written there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from gateway.front import PROBES
from storage.alerts import save_alerts
from storage.database import open_writer
from tests.helpers.acting import AT, a_firing_alert
from tests.helpers.serving import ECHO, Serving, serving

pytestmark = pytest.mark.xdist_group("openapi")  # what they share is set up once

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
EXAMPLES = 15  # a route; seconds for all of them
HOT = {"/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer", "/v1/models/{name}:predict"}


@pytest.fixture(scope="module")
def with_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway whose database the monitor has made."""
    with serving(tmp_path_factory.mktemp("openapi"), [ECHO]) as running:
        database = open_writer(running.settings.database)
        with database.write() as connection:
            save_alerts(connection, [a_firing_alert(fingerprint="f1")], stored_at=AT)
        database.close()
        yield running


@pytest.fixture(scope="module")
def document(with_database: Serving) -> dict[str, Any]:
    """The document, with names that exist and some that do not: else schemathesis would see 404 alone."""
    document: dict[str, Any] = with_database.get("/openapi.json").json
    names = {
        "name": ["echo", "nobody", "\u00e9"], "version": ["1", "9"], "id": ["a", "f00-1-39", "\u00e9"],
        "fingerprint": ["f1", "f9", "\u00e9"],
    }  # fmt: skip
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": names[parameter["name"]]}
    return document


def test_the_hot_routes_are_documented(document: dict[str, Any]) -> None:
    assert document["paths"].keys() >= HOT


def test_every_route_but_the_probes_is_documented_with_its_key(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    free = {path for path, operations in document["paths"].items() for each in operations.values()
            if "security" not in each}  # fmt: skip

    assert [(scheme["type"], scheme["scheme"]) for scheme in schemes.values()] == [("http", "bearer")]
    assert free == set(document["paths"]) & PROBES
    for path in document["paths"].keys() - PROBES:
        for operation in document["paths"][path].values():
            assert operation["security"] == [{name: []} for name in schemes] + [
                {}
            ]  # none where no key exists
    assert {401, 403} <= {int(status) for status in document["paths"]["/api/samples"]["get"]["responses"]}


def test_the_document_tells_which_right_a_route_wants(document: dict[str, Any]) -> None:
    paths = document["paths"]

    assert "right `label`" in paths["/api/labels"]["post"]["description"]
    assert "right `label`" in paths["/api/samples"]["get"]["description"]
    assert "right `read`" in paths["/api/events/{id}"]["get"]["description"]
    assert "right `act`" in paths["/api/silences/{id}"]["delete"]["description"]
    assert "right `infer`" in paths["/v1/models/{name}:predict"]["post"]["description"]
    assert "right" not in paths["/v1/models"]["get"]["description"]


def test_what_a_body_takes_is_said_where_its_type_does_not(document: dict[str, Any]) -> None:
    bodies = {path: document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
              for path in ("/api/labels", "/api/silences")}  # fmt: skip
    label = bodies["/api/labels"]["properties"]["labels"]["items"]["properties"]
    silence = bodies["/api/silences"]["properties"]

    assert "x-request-id" in label["id"]["description"]
    assert "ISO 8601" in label["at"]["description"]
    assert "4h" in silence["duration"]["description"]
    assert "ISO 8601" in silence["ends_at"]["description"]
    assert 'model="' in silence["matchers"]["description"]


def test_no_route_answers_with_a_server_error_or_otherwise_than_documented(
    with_database: Serving, document: dict[str, Any]
) -> None:
    schema = schemathesis.openapi.from_dict(document)
    statuses: dict[str, set[int]] = {}

    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # an invalid schema raises here
        statuses[operation.label] = asked(operation, with_database.url)

    assert len(statuses) >= 20
    assert all(max(seen) < 500 for seen in statuses.values())
    assert sum(200 in seen for seen in statuses.values()) >= 15


def asked(operation: Any, url: str) -> set[int]:
    """The statuses that examples of one route got, each checked against the document."""
    seen: set[int] = set()

    def check(case: Any) -> None:
        answer = case.call(base_url=url)
        seen.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    bounded = settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    bounded(given(case=operation.as_strategy())(check))()
    return seen
