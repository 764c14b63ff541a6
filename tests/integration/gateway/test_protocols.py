"""What both protocols answer when all is well, and that an event of it is in the journal."""

from __future__ import annotations

import gzip
import json
import math
from datetime import UTC, datetime

import pytest

from tests.helpers.serving import Serving

ROW = {"age": 1, "country": "FR", "member": True}
# The echo model's logits are (1, 2) times the sum of its inputs, here 1 + 1 + 1 = 3, so that
# P(second) = e^6 / (e^3 + e^6).
SCORE = math.exp(6) / (math.exp(3) + math.exp(6))


def infer(rows: int = 1, **rest: object) -> dict[str, object]:
    return {
        "inputs": [
            {"name": "age", "datatype": "FP32", "shape": [rows], "data": [1.0] * rows},
            {"name": "country", "datatype": "BYTES", "shape": [rows, 1], "data": [["FR"]] * rows},
            {"name": "member", "datatype": "BOOL", "shape": [rows], "data": [True] * rows},
        ],
        **rest,
    }


def test_infer_answers_every_output_and_echoes_the_id(gateway: Serving) -> None:
    answer = gateway.post("/v2/models/echo/infer", infer(2, id="mine")).json

    assert answer == {
        "model_name": "echo",
        "model_version": "1",
        "id": "mine",
        "outputs": [
            {"name": "class", "datatype": "BYTES", "shape": [2], "data": ["1", "1"]},
            {"name": "score", "datatype": "FP32", "shape": [2], "data": [pytest.approx(SCORE, abs=1e-6)] * 2},
        ],
    }


def test_infer_answers_only_the_outputs_that_were_asked_for(gateway: Serving) -> None:
    answer = gateway.post("/v2/models/echo/versions/1/infer", infer(outputs=[{"name": "score"}])).json

    assert [output["name"] for output in answer["outputs"]] == ["score"]


def test_without_an_id_the_event_id_stands_in_for_it(gateway: Serving) -> None:
    reply = gateway.post("/v2/models/echo/infer", infer())

    assert reply.json["id"] == reply.headers["x-request-id"]


def test_a_body_without_content_type_and_compressed_is_read(gateway: Serving) -> None:
    body = gzip.compress(json.dumps(infer()).encode())

    assert gateway.ask("POST", "/v2/models/echo/infer", body, {"content-encoding": "gzip"}).status == 200


@pytest.mark.parametrize("row", [ROW, [1, "FR", True]], ids=["an object", "a list"])
def test_predict_takes_rows_and_answers_objects(gateway: Serving, row: object) -> None:
    answer = gateway.post("/v1/models/echo:predict", {"instances": [row, row]}).json

    assert answer == {"predictions": [{"class": "1", "score": pytest.approx(SCORE, abs=1e-6)}] * 2}


def test_predict_of_one_column_and_one_output_takes_and_gives_values(gateway: Serving) -> None:
    assert gateway.post("/v1/models/one:predict", {"inputs": [2, 5]}).json == {"predictions": [2.0, 5.0]}


def test_predict_of_nothing_answers_nothing(gateway: Serving) -> None:
    assert gateway.post("/v1/models/echo:predict", {"instances": []}).json == {"predictions": []}


def test_the_event_holds_inputs_outputs_tags_and_the_apps_time(gateway: Serving) -> None:
    body = {"instances": [ROW], "tags": {"group": "f"}, "at": "2024-05-01T12:00:00+02:00", "id": "order-7"}
    before = len(gateway.events())

    gateway.post("/v1/models/echo:predict", body)

    event = gateway.events()[before]
    assert event.inputs == {"age": [1], "country": ["FR"], "member": [True]}
    assert event.outputs["class"] == ["1"]
    assert event.tags == {"group": ["f"]}
    assert (event.at, event.replay) == (datetime(2024, 5, 1, 10, tzinfo=UTC), True)
    assert (event.app_id, event.outcome, event.protocol, event.rows) == ("order-7", "ok", "v1", 1)
    assert event.total_s > 0


def test_tags_and_request_ids_in_headers_are_tags(gateway: Serving) -> None:
    before = len(gateway.events())
    headers = {"inferwatch-tags": "country=DE, group=f", "x-request-id": "client-1"}

    reply = gateway.ask("POST", "/v1/models/echo:predict", json.dumps({"instances": [ROW]}).encode(), headers)

    assert gateway.events()[before].tags == {"country": ["DE"], "group": ["f"], "x-request-id": ["client-1"]}
    assert reply.headers["x-request-id"] != "client-1"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v2", {"name": "inferwatch", "version": "0.1.0", "extensions": ["model_repository"]}),
        ("/v2/", {"name": "inferwatch", "version": "0.1.0", "extensions": ["model_repository"]}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models", {"models": ["echo", "one"]}),
        ("/v2/models/echo/ready", {"name": "echo", "ready": True}),
        ("/v2/models/echo/versions/1/ready", {"name": "echo", "ready": True}),
        ("/", {"status": "alive"}),
        ("/livez", {"live": True}),
    ],
)
def test_a_question_about_the_server_is_answered(gateway: Serving, path: str, said: object) -> None:
    reply = gateway.get(path)

    assert (reply.status, reply.json) == (200, said)


def test_metadata_names_columns_and_datatypes(gateway: Serving) -> None:
    metadata = gateway.get("/v2/models/echo").json

    assert metadata["versions"] == ["1"]
    assert metadata["inputs"][1] == {"name": "country", "datatype": "BYTES", "shape": [-1]}
    assert [output["name"] for output in metadata["outputs"]] == ["class", "score"]


def test_the_lists_of_v1_and_of_openai_share_one_answer(gateway: Serving) -> None:
    models = gateway.get("/v1/models").json

    assert models["models"] == [model["id"] for model in models["data"]] == ["echo", "one"]
    assert gateway.get("/v1/models/echo").json["ready"] is True


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": true}'])
def test_the_repository_index_takes_an_empty_body(gateway: Serving, body: bytes) -> None:
    index = gateway.ask("POST", "/v2/repository/index", body).json

    assert index[0] == {"name": "echo", "version": "1", "state": "READY", "reason": ""}


def test_an_unknown_model_of_v1_gets_the_object_that_openai_clients_read(gateway: Serving) -> None:
    reply = gateway.get("/v1/models/nobody")

    assert reply.status == 404
    assert reply.json["error"]["code"] == "model_not_found"


def test_metrics_count_requests_by_outcome(gateway: Serving) -> None:
    gateway.post("/v1/models/echo:predict", {"instances": [ROW]})

    text = gateway.get("/metrics").body.decode()

    assert (
        'inferwatch_requests_total{arm="stable",model="echo",outcome="ok",protocol="v1",version="1"}' in text
    )
    assert "inferwatch_events_appended_total" in text


def test_labels_are_taken_in_and_those_that_are_wrong_are_named(gateway: Serving) -> None:
    body = {
        "labels": [
            {"id": "a", "label": "1"},
            {"id": "b", "row": 2, "label": 0.5, "at": "2024-01-01"},
            {"id": "c", "label": 1, "at": "x"},
        ]
    }

    answer = gateway.post("/api/labels", body).json

    assert answer["accepted"] == 2
    assert [(error["index"], "at" in error["error"]) for error in answer["errors"]] == [(2, True)]
    assert [(label.event, label.row, label.value) for label in gateway.labels()[-2:]] == [
        ("a", 0, "1"),
        ("b", 2, 0.5),
    ]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"labels": 1}', b'{"labels": [{"id": "a"}]}', b'{"labels": [{"id": "a", "label": NaN}]}',
     b'{"labels": [{"id": "a", "label": 1, "row": -1}]}', b'{"labels": [{"id": "", "label": 1}]}'],
)  # fmt: skip
def test_malformed_labels_are_refused(gateway: Serving, body: bytes) -> None:
    reply = gateway.ask("POST", "/api/labels", body)

    assert reply.status == 400
    assert reply.error


def test_models_are_listed_with_their_signature(gateway: Serving) -> None:
    model = gateway.get("/api/models").json["models"][0]

    assert (model["name"], model["state"], model["task"]) == ("echo", "ready", "classification")
    assert model["signature"]["inputs"][1] == {
        "name": "country",
        "type": "category",
        "categories": ["DE", "FR"],
    }
    assert model["reference"] is None


def test_questions_say_what_to_do_while_there_is_no_database(gateway: Serving) -> None:
    reply = gateway.get("/api/measurements")

    assert reply.status == 503
    assert "inferwatch monitor" in reply.error


def test_a_parameter_that_is_wrong_is_named(gateway: Serving) -> None:
    reply = gateway.get("/api/measurements?limit=0")

    assert reply.status == 422
    assert "limit" in reply.error
