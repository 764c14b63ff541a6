"""What to label next, over HTTP: asked for, answered, and asked for no more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.keys import KeyFile, Right
from tests.helpers.overseeing import Overseen, overseen

pytestmark = pytest.mark.xdist_group("samples")  # what they share is set up once

LATE = "2026-01-05T23:59:00Z"  # few rows are to come that day, so many of these are chosen
PEOPLE = [{"age": age, "country": "DE", "member": True} for age in range(200)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overseen]:
    with overseen(tmp_path_factory.mktemp("samples")) as running:
        yield running


def asked(both: Overseen, query: str = "") -> dict[str, Any]:
    reply = both.gateway.get(f"/api/samples{query}")
    assert reply.status == 200, reply.body
    return dict(reply.json)


def test_samples_are_asked_for_and_answered_over_http(both: Overseen) -> None:
    asking = {"instances": PEOPLE, "at": LATE}
    reply = both.gateway.post("/v1/models/echo:predict", asking)
    id_ = reply.headers["x-request-id"]

    found = both.wait_for(lambda: asked(both, "?model=echo&limit=200")["samples"])
    sample = found[0]
    labels = [{"id": each["event"], "row": each["row"], "label": "1"} for each in found]
    taken = both.gateway.post("/api/labels", {"labels": labels})
    both.wait_for(lambda: not asked(both)["samples"])

    assert sample["event"] == id_
    assert sample["inputs"] == PEOPLE[sample["row"]]
    assert set(sample["outputs"]) == {"class", "score"}
    assert 0 < sample["pi"] <= 1
    assert sample["tags"] == {}
    assert sample["question"] == {"label": None, "type": "class", "classes": ["0", "1"]}
    assert taken.json == {"accepted": len(found), "errors": []}
    (day,) = asked(both)["progress"]
    assert (day["model"], day["budget"]) == ("echo", 100)
    assert day["chosen"] == day["answered"] == len(found)


def test_nothing_is_asked_of_a_model_without_traffic_or_beyond_the_limit(both: Overseen) -> None:
    assert asked(both, "?model=nobody") == {"samples": [], "progress": []}
    assert both.gateway.get("/api/samples?limit=201").status == 422


def test_a_label_is_taken_back_over_http_and_its_row_is_asked_for_again(both: Overseen) -> None:
    reply = both.gateway.post("/v1/models/echo:predict", {"instances": PEOPLE, "at": LATE})
    first = both.wait_for(lambda: asked(both, "?limit=200")["samples"])[0]
    place = {"id": first["event"], "row": first["row"]}

    def is_open() -> bool:
        found = asked(both, "?limit=200")["samples"]
        return place in [{"id": each["event"], "row": each["row"]} for each in found]

    both.gateway.post("/api/labels", {"labels": [{**place, "label": "0"}]})
    both.wait_for(lambda: not is_open())
    labelled = both.gateway.get(f"/api/events/{first['event']}").json["labels"]
    taken = both.gateway.post("/api/labels", {"labels": [{**place, "label": None}]})
    both.wait_for(is_open)

    assert first["event"] == reply.headers["x-request-id"]
    assert [(each["row"], each["label"]) for each in labelled] == [(first["row"], "0")]
    assert taken.json == {"accepted": 1, "errors": []}
    assert both.gateway.get(f"/api/events/{first['event']}").json["labels"] == []
    assert both.gateway.post("/api/labels", {"labels": [place]}).status == 400  # a label must be named


def test_who_may_label_and_read_labels_the_rows_of_every_key(tmp_path: Path) -> None:
    with overseen(tmp_path) as both:
        keys = _keys(both, tmp_path)
        both.gateway.headers = bearer(keys["app"])
        reply = both.gateway.post(
            "/v1/models/echo:predict", {"instances": PEOPLE, "at": LATE, "id": "order-7"}
        )
        theirs = both.wait_for(lambda: asked(both, "?limit=200")["samples"])

        def labels(name: str, id_: str, row: int, value: str) -> int:
            body = {"labels": [{"id": id_, "row": row, "label": value}]}
            both.gateway.headers = bearer(keys[name])
            return int(both.gateway.post("/api/labels", body).json["accepted"])

        both.gateway.headers = bearer(keys["other"])
        seen = asked(both, "?limit=200")["samples"]
        refused = both.gateway.get("/api/samples?everyone=true")
        assert labels("other", theirs[0]["event"], theirs[0]["row"], "0")
        both.gateway.headers = bearer(keys["person"])
        own = asked(both, "?limit=200")["samples"]
        everyones = asked(both, "?limit=200&everyone=true")
        assert labels("person", "order-7", theirs[1]["row"], "0")  # it is no id of theirs
        assert labels("person", theirs[2]["event"], theirs[2]["row"], "1")
        both.wait_for(lambda: asked(both, "?everyone=true")["progress"][0]["answered"])

        stored = both.gateway.get(f"/api/events/{reply.headers['x-request-id']}").json["labels"]
        assert (seen, own) == ([], [])
        assert (refused.status, "the right 'read'" in refused.error) == (403, True)
        assert everyones["samples"] == theirs
        assert everyones["progress"][0]["chosen"] == len(theirs)
        assert [(each["row"], each["label"]) for each in stored] == [(theirs[2]["row"], "1")]
        assert asked(both)["progress"][0]["chosen"] == 0


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def _keys(both: Overseen, folder: Path) -> dict[str, str]:
    """The texts of keys of an app, of another app, and of a person."""
    file = KeyFile(folder / ".inferwatch" / "keys.json")
    rights = {
        "app": frozenset({Right.INFER, Right.LABEL}),
        "other": frozenset({Right.INFER, Right.LABEL}),
        "person": frozenset({Right.LABEL, Right.READ}),
    }
    keys = {name: file.create(name, each, datetime.now(UTC)) for name, each in rights.items()}
    both.wait_for(lambda: both.gateway.get("/api/samples").status == 401)
    return keys
