"""Clients that exist: they must work unchanged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.helpers.serving import Serving


@pytest.fixture
def triton(gateway: Serving) -> Iterator[InferenceServerClient]:
    client = InferenceServerClient(f"127.0.0.1:{gateway.port}")
    yield client
    client.close()


def columns(age: float = 1.0) -> list[InferInput]:
    named = {
        "age": np.array([age], dtype=np.float32),
        "country": np.array([["FR"]], dtype=np.object_),
        "member": np.array([True]),
    }
    datatypes = {"age": "FP32", "country": "BYTES", "member": "BOOL"}
    inputs = [InferInput(name, list(values.shape), datatypes[name]) for name, values in named.items()]
    for tensor, values in zip(inputs, named.values(), strict=True):
        tensor.set_data_from_numpy(values, binary_data=False)
    return inputs


def test_tritonclient_sees_health_metadata_and_index(triton: InferenceServerClient) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("echo", "1")
    assert triton.get_server_metadata()["name"] == "inferwatch"
    assert triton.get_model_metadata("echo")["outputs"][0]["name"] == "class"
    assert triton.get_model_repository_index()[0]["state"] == "READY"


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_tritonclient_infers_in_json(triton: InferenceServerClient, compression: str | None) -> None:
    outputs = [InferRequestedOutput(name, binary_data=False) for name in ("class", "score")]

    answer = triton.infer(
        "echo", columns(), outputs=outputs, request_id="7", request_compression_algorithm=compression
    )

    assert answer.as_numpy("class").tolist() == ["1"]
    assert answer.as_numpy("score").dtype == np.float32
    assert answer.get_response()["id"] == "7"


def test_tritonclient_that_asks_for_binary_outputs_reads_the_json_that_it_gets(
    triton: InferenceServerClient,
) -> None:
    assert triton.infer("echo", columns()).as_numpy("score").shape == (1,)


def test_tritonclient_with_binary_inputs_hears_what_to_do(triton: InferenceServerClient) -> None:
    inputs = columns()
    inputs[0].set_data_from_numpy(np.array([1.0], dtype=np.float32), binary_data=True)

    with pytest.raises(InferenceServerException, match="binary_data=False"):
        triton.infer("echo", inputs)


def test_tritonclient_shows_what_was_wrong(triton: InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="'age'"):
        triton.infer("echo", columns(age=float("1e38"))[1:])
