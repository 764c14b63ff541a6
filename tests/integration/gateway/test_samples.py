"""What to label next, over HTTP: asked for, answered, and asked for no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.overseeing import Overseen, overseen

pytestmark = pytest.mark.xdist_group("samples")  # what they share is set up once

LATE = "2026-01-05T23:59:00Z"  # few rows are to come that day, so many of these are chosen


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overseen]:
    with overseen(tmp_path_factory.mktemp("samples")) as running:
        yield running


def asked(both: Overseen, query: str = "") -> dict[str, Any]:
    reply = both.gateway.get(f"/api/samples{query}")
    assert reply.status == 200, reply.body
    return dict(reply.json)


def test_samples_are_asked_for_and_answered_over_http(both: Overseen) -> None:
    people = [{"age": age, "country": "DE", "member": True} for age in range(200)]
    asking = {"instances": people, "at": LATE}
    reply = both.gateway.post("/v1/models/echo:predict", asking)
    id_ = reply.headers["x-request-id"]

    found = both.wait_for(lambda: asked(both, "?model=echo&limit=200")["samples"])
    sample = found[0]
    labels = [{"id": each["event"], "row": each["row"], "label": "1"} for each in found]
    taken = both.gateway.post("/api/labels", {"labels": labels})
    both.wait_for(lambda: not asked(both)["samples"])

    assert sample["event"] == id_
    assert sample["inputs"] == people[sample["row"]]
    assert set(sample["outputs"]) == {"class", "score"}
    assert 0 < sample["pi"] <= 1
    assert sample["question"] == {"label": None, "type": "class", "classes": ["0", "1"]}
    assert taken.json == {"accepted": len(found), "errors": []}
    (day,) = asked(both)["progress"]
    assert (day["model"], day["budget"]) == ("echo", 100)
    assert day["chosen"] == day["answered"] == len(found)


def test_nothing_is_asked_of_a_model_without_traffic_or_beyond_the_limit(both: Overseen) -> None:
    assert asked(both, "?model=nobody") == {"samples": [], "progress": []}
    assert both.gateway.get("/api/samples?limit=201").status == 422
