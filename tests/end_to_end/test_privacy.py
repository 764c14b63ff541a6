"""Planted personal data comes in by every door, and is in no byte that is left on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pandas as pd
import pytest

from tests.helpers.deployment import Deployment, deployed
from tests.helpers.models import write_spec
from tests.helpers.searching import places_of

pytestmark = pytest.mark.xdist_group("privacy")  # one run serves them all

NAME, CUSTOMER, CLERK, NICKNAME = (
    "Wilhelmina Zaubertrank",
    "Kunde-4471-Quint",
    "Ottokar Mondschein",
    "Zottelbart",
)
MAIL, CARD, PHONE = "hedwig.feuerstein@example.org", "4111 1111 1111 1111", "+49 30 901820"
IBAN, ADDRESS = "DE89 3704 0044 0532 0130 00", "198.51.100.77"
IN_TEXT = f"write to {MAIL} or call {PHONE}, card {CARD}, account {IBAN}, from {ADDRESS}"
PLANTED = [
    *(NAME, CUSTOMER, CLERK, NICKNAME, MAIL, "feuerstein", CARD, CARD.replace(" ", ""), PHONE),
    *("901820", IBAN, IBAN.replace(" ", ""), ADDRESS),
]
KEPT = "harmlessness"
"""A word of the texts that is kept: where it is found, the search works."""

MODEL: dict[str, Any] = {
    "name": "parrot",
    "version": "1",
    "task": "generation",
    "backend": "tests.helpers.parrot:ParrotModel",
    "inputs": [
        {"name": "customer_name", "type": "text"},
        {"name": "customer_id", "type": "text"},
        {"name": "nickname", "type": "text"},
        {"name": "age", "type": "number"},
        {"name": "comment", "type": "text"},
    ],
    "slices": ["customer_id", "clerk"],
    "privacy": {
        "columns": {"customer_name": "drop", "customer_id": "hash", "nickname": "mask"},
        "tags": {"clerk": "hash", "branch": "drop"},
        "detect": ["email", "phone", "card", "iban", "ip"],
    },
    "window": {"pane": "1s", "length": "1s"},
}


@dataclass
class Run:
    """What a run left behind."""

    deployment: Deployment
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    journal_before_shipping: list[str] = field(default_factory=list)
    marker_before_shipping: list[str] = field(default_factory=list)
    stories: dict[str, Any] = field(default_factory=dict)


def infer(comment: str, age: object = 40, **rest: object) -> dict[str, object]:
    row = {
        "customer_name": NAME,
        "customer_id": CUSTOMER,
        "nickname": NICKNAME,
        "age": age,
        "comment": f"{KEPT} {comment}",
    }
    return {"instances": [row], **rest}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    outside, folder = tmp_path_factory.mktemp("outside"), tmp_path_factory.mktemp("planted")
    model = outside / "model"
    model.mkdir()
    write_spec(model, MODEL)
    rows = [infer(IN_TEXT)["instances"][0] | {"clerk": CLERK} for _ in range(40)]  # type: ignore[index]
    pd.DataFrame(rows).to_csv(outside / "reference.csv", index=False)
    with deployed(folder) as deployment:
        deployment.cli("models", "add", str(model))
        deployment.cli("reference", "set", "parrot", "--from", str(outside / "reference.csv"))
        deployment.start("serve")
        run = Run(deployment)
        send(run)
        run.journal_before_shipping = places_of(PLANTED, folder)
        run.marker_before_shipping = places_of([KEPT], folder)
        deployment.start("monitor")
        deployment.wait_counted()
        for id_ in ("order-7", f"{MAIL}-1"):
            run.stories[id_] = deployment.get(f"/api/events/{id_}")
        deployment.stop_all()
        yield run


def send(run: Run) -> None:
    """Everything that an app, or somebody who means harm, may send."""
    tags = {"clerk": CLERK, "branch": NAME, "via": MAIL, MAIL: "yes"}
    headers = {
        "inferwatch-tags": f"clerk={CLERK},spoken=call {PHONE},mail={MAIL}",
        "x-request-id": f"trace of {MAIL}",
        "traceparent": f"00-{MAIL}-{CARD}",
        "user-agent": MAIL,
        "content-type": "application/json",
    }
    predict, labels = "/v1/models/parrot:predict", "/api/labels"
    requests: dict[str, tuple[str, str, Any]] = {
        "plain": ("POST", predict, infer(IN_TEXT, id="order-7", tags=tags)),
        "personal id": ("POST", predict, infer(IN_TEXT, id=f"{MAIL}-1")),
        "wrong type": ("POST", predict, infer(IN_TEXT, age=MAIL, tags=tags)),
        "no json": ("POST", predict, f'{{"instances": [{{"comment": "{MAIL}"'),
        "unknown input": ("POST", predict, {"instances": [{MAIL: CARD}]}),
        "long tag": ("POST", predict, infer(IN_TEXT, tags={"via": MAIL * 20})),
        "fault of the check": ("POST", predict, infer(f"stumble {IN_TEXT}", tags=tags)),
        "fault of the batch": ("POST", predict, infer(f"explode {IN_TEXT}", tags=tags)),
        "unknown model": ("POST", f"/v1/models/{MAIL}:predict", infer(IN_TEXT)),
        "label": ("POST", labels, {"labels": [{"id": "order-7", "label": f"{KEPT}, says {MAIL}"}]}),
        "personal label": ("POST", labels, {"labels": [{"id": f"{MAIL}-1", "label": f"call {PHONE}"}]}),
        "wrong label": ("POST", labels, {"labels": [{"id": MAIL, "label": {"card": CARD}}]}),
        "nowhere": ("GET", f"/nothing/{MAIL}?card={CARD}", None),
        "question": ("GET", f"/api/events/{MAIL}", None),
        "wrong question": ("GET", f"/api/measurements?start={MAIL}", None),
    }
    with httpx.Client(base_url=run.deployment.url, headers=headers, timeout=30) as client:
        for what, (method, path, body) in requests.items():
            content = None if body is None else body if isinstance(body, str) else json.dumps(body)
            run.answers[what] = client.request(method, path, content=content)


def test_no_byte_of_any_file_holds_what_was_planted(run: Run) -> None:
    assert run.journal_before_shipping == []
    assert places_of(PLANTED, run.deployment.folder) == []


def test_the_search_finds_what_was_kept(run: Run) -> None:
    found = places_of([KEPT], run.deployment.folder)

    assert any("journal" in place for place in run.marker_before_shipping)
    assert any("segment" in place for place in found)


def test_the_files_that_were_searched_hold_logs_database_and_reference(run: Run) -> None:
    names = {path.name for path in run.deployment.folder.rglob("*") if path.is_file()}

    assert {"serve.log", "monitor.log", "privacy.key", "inferwatch.yaml"} <= names
    assert any(name.endswith(".db") for name in names)
    assert any(name.startswith("reference") for name in names)


def test_the_app_gets_its_answer_as_the_model_gave_it(run: Run) -> None:
    assert run.answers["plain"].json() == {"predictions": [f"{KEPT} {IN_TEXT}"]}


def test_the_app_hears_what_was_wrong_in_full(run: Run) -> None:
    assert run.answers["wrong type"].status_code == 400
    assert MAIL in run.answers["wrong type"].json()["error"]
    assert {run.answers[f"fault of the {part}"].status_code for part in ("check", "batch")} == {500}


def test_the_log_tells_where_a_fault_lies(run: Run) -> None:
    log = (run.deployment.folder / "serve.log").read_text()

    assert "request failed" in log
    assert "parrot.py" in log
    assert "ValueError" in log


def test_an_event_holds_what_privacy_leaves_of_it(run: Run) -> None:
    story = run.stories["order-7"]

    (hashed,) = story["inputs"]["customer_id"]
    assert story["inputs"] == {
        "customer_id": [hashed],
        "nickname": ["[masked]"],
        "age": [40],
        "comment": [f"{KEPT} write to [email] or call [phone], card [card], account [iban], from [ip]"],
    }
    assert story["outputs"] == {"text": story["inputs"]["comment"]}
    assert story["tags"]["[email]"] == ["yes"]
    assert story["tags"]["x-request-id"] == ["trace of [email]"]
    assert "branch" not in story["tags"]
    assert story["traceparent"] is None


def test_labels_find_their_events_though_ids_are_hashed(run: Run) -> None:
    by_plain, by_personal = run.stories["order-7"], run.stories[f"{MAIL}-1"]

    assert [label["label"] for label in by_plain["labels"]] == [f"{KEPT}, says [email]"]
    assert [label["label"] for label in by_personal["labels"]] == ["call [phone]"]
    assert by_personal["app_id"].startswith("h")
