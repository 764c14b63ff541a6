"""Depth of JSON, and which right a route wants."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.body import MAX_DEPTH, check_depth
from gateway.errors import RefusedError
from gateway.front import right_for
from gateway.hot import route_of
from storage.keys import Right


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_thirty_two_levels_are_taken_and_thirty_three_are_not() -> None:
    check_depth(nested(MAX_DEPTH))

    with pytest.raises(RefusedError, match="nested deeper than 32"):
        check_depth(nested(MAX_DEPTH + 1))


def test_brackets_inside_of_strings_do_not_count() -> None:
    check_depth(json.dumps({"text": "[{" * 50 + '\\"'}).encode())


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_json_writes_within_bounds_is_taken(value: object) -> None:
    check_depth(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("path", "model", "version"),
    [
        ("/v2/models/m/infer", "m", None),
        ("/v2/models/m/versions/2/infer", "m", "2"),
        ("/v1/models/m:predict", "m", None),
    ],
)
def test_hot_routes_are_known_by_their_path(path: str, model: str, version: str | None) -> None:
    route = route_of(path)

    assert route is not None
    assert (route.model, route.version) == (model, version)


@pytest.mark.parametrize(
    "path", ["/v2/models/m", "/v2/models/a/b/infer", "/v1/models/a/b:predict", "/infer", "/v1/models/m"]
)
def test_other_routes_are_not_hot(path: str) -> None:
    assert route_of(path) is None


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("POST", "/api/labels", Right.LABEL),
        ("GET", "/api/samples", Right.LABEL),  # rows of the key's own requests, to be labelled with it
        ("GET", "/api/measurements", Right.READ),
        ("GET", "/api/events/f00-1-39", Right.READ),
        ("GET", "/api/alerts", Right.READ),
        ("POST", "/api/alerts/f1/acknowledge", Right.ACT),
        ("DELETE", "/api/silences/f1", Right.ACT),
        ("GET", "/metrics", Right.READ),
        ("GET", "/anything", Right.READ),
        ("GET", "/v2/models/m", None),
        ("GET", "/api/models", None),
    ],
)
def test_each_route_wants_its_right(method: str, path: str, right: Right | None) -> None:
    assert right_for(method, path) is right
