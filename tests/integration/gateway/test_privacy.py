"""Redaction in a running gateway: the journal, the key, the reference, and what `inferwatch check` says."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gateway.build import set_reference_of
from gateway.checks import findings
from gateway.errors import PrivacyKeyError
from gateway.privacy_key import KEY_BYTES, PrivacyKey
from gateway.settings_file import parse_settings
from inference.repository import REFERENCE_ROWS
from monitors.reference import Reference
from monitors.reporting.rows import from_bytes
from storage.records import Outcome
from tests.helpers.serving import Serving, add_models, serving

SHOP: dict[str, Any] = {
    "name": "shop",
    "version": "1",
    "task": "classification",
    "backend": "echo",
    "inputs": [
        {"name": "age", "type": "number"},
        {"name": "country", "type": "category", "categories": ["DE", "FR"], "unseen": "FR"},
        {"name": "plan", "type": "category", "categories": ["free", "paid"]},
    ],
    "outputs": {"classes": ["0", "1"]},
    "slices": ["country", "clerk"],
    "privacy": {"columns": {"country": "hash", "age": "drop"}, "tags": {"clerk": "hash"}},
}


def ask(gateway: Serving, country: str = "DE", clerk: str = "Jane", **rest: object) -> object:
    row = {"age": 40, "country": country, "plan": "free"}
    return gateway.post(
        "/v1/models/shop:predict", {"instances": [row], "tags": {"clerk": clerk}, **rest}
    ).json


def test_equal_values_have_equal_hashes_across_requests_columns_and_restarts(tmp_path: Path) -> None:
    with serving(tmp_path, [SHOP]) as gateway:
        ask(gateway, "DE", "DE")
        ask(gateway, "FR", "Jane")
        first, second = gateway.events()
    again = PrivacyKey(gateway.settings.gateway.privacy_key_file)

    assert first.inputs == {"country": [again.hash("DE")], "plan": ["free"]}
    assert first.tags == {"clerk": [again.hash("DE")]}
    assert second.inputs["country"] == [again.hash("FR")]


def test_the_answer_is_that_of_the_values_as_they_were(tmp_path: Path) -> None:
    bare = {**SHOP, "name": "bare", "privacy": {}}

    with serving(tmp_path, [SHOP, bare]) as gateway:
        redacted = ask(gateway)
        row = {"age": 40, "country": "DE", "plan": "free"}
        plain = gateway.post("/v1/models/bare:predict", {"instances": [row]}).json

    assert redacted == plain


def test_without_its_key_nothing_that_was_sent_is_kept_and_requests_are_answered(tmp_path: Path) -> None:
    with serving(tmp_path, [SHOP], {"gateway": {"privacy_key_file": "taken"}}) as gateway:
        (tmp_path / "taken").mkdir()
        answer = ask(gateway, id="order-7")
        (event,) = gateway.events()
        metrics = gateway.get("/metrics").body.decode()

    assert answer == {"predictions": [{"class": "1", "score": pytest.approx(1.0)}]}
    assert (event.inputs, event.outputs, event.tags, event.app_id) == ({}, {}, {}, None)
    assert (event.outcome, event.rows) == (Outcome.OK, 1)
    assert "inferwatch_redactions_failed_total 1.0" in metrics


def test_detectors_of_the_gateway_hold_for_every_model(tmp_path: Path) -> None:
    with serving(tmp_path, [SHOP], {"gateway": {"detect": ["email"]}}) as gateway:
        ask(gateway, id="jane@example.com", tags={"via": "jane@example.com"})
        gateway.post("/api/labels", {"labels": [{"id": "jane@example.com", "label": "1"}]})
        (event,), (label,) = gateway.events(), gateway.labels()

    assert event.tags == {"via": ["[email]"]}
    assert event.app_id == label.event
    assert "@" not in label.event


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        # The example of the W3C recommendation "Trace Context".
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",) * 2,
        ("00-jane@example.com", None),
    ],
)
def test_a_traceparent_of_another_form_is_not_kept(sent: str, kept: str | None, tmp_path: Path) -> None:
    body = b'{"instances": [[40, "DE", "free"]]}'

    with serving(tmp_path, [SHOP]) as gateway:
        gateway.ask("POST", "/v1/models/shop:predict", body, {"traceparent": sent})
        (event,) = gateway.events()

    assert event.traceparent == kept


def test_a_request_id_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    # Cut in two, an address is none that a detector knows.
    careful = {**SHOP, "privacy": {"detect": ["email"]}}
    row = {"age": 40, "country": "DE", "plan": "free"}
    body = json.dumps({"instances": [row]}).encode()

    with serving(tmp_path, [careful]) as gateway:
        for padding in (240, 100):
            sent = "x" * padding + " jane.doe@example.com"
            gateway.ask("POST", "/v1/models/shop:predict", body, {"x-request-id": sent})
        long, short = gateway.events()

    assert long.tags == {}
    assert short.tags == {"x-request-id": ["x" * 100 + " [email]"]}


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "privacy.key"
    hashes: list[str] = []
    threads = [threading.Thread(target=lambda: hashes.append(PrivacyKey(path).hash("x"))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(hashes)) == 1
    assert len(hashes) == 8
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == KEY_BYTES
    assert [file.name for file in path.parent.iterdir()] == ["privacy.key"]


def test_two_keys_hash_differently(tmp_path: Path) -> None:
    assert PrivacyKey(tmp_path / "a").hash("x") != PrivacyKey(tmp_path / "b").hash("x")


def test_a_key_of_another_length_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")

    with pytest.raises(PrivacyKeyError, match="5 bytes, 32 are wanted; restore it"):
        PrivacyKey(tmp_path / "key").hash("x")


def test_a_reference_holds_nothing_of_columns_that_are_not_kept(tmp_path: Path) -> None:
    settings = parse_settings("", tmp_path / "inferwatch.yaml", {})
    add_models(tmp_path, settings, [SHOP])
    table = tmp_path / "reference.csv"
    pd.DataFrame(
        {"age": range(40), "country": ["DE", "Atlantis"] * 20, "plan": ["free"] * 40, "clerk": ["Jane"] * 40}
    ).to_csv(table, index=False)

    made = set_reference_of(settings, "shop", None, table)

    assert set(Reference.from_bytes(made.path.read_bytes()).columns) == {"plan", "class", "score"}
    assert not any(word in made.path.read_bytes() for word in (b"Atlantis", b"Jane"))
    rows, reference = from_bytes(made.path.with_name(REFERENCE_ROWS).read_bytes())
    assert (rows.n, reference) == (40, made.reference.hash)
    assert {*rows.numbers, *rows.categories} == {"plan", "class", "score"}


def test_check_says_what_is_kept_of_each_model(tmp_path: Path) -> None:
    settings = parse_settings("gateway: {detect: [email]}", tmp_path / "inferwatch.yaml", {})
    add_models(tmp_path, settings, [SHOP])

    (finding,) = [finding for finding in findings(settings) if finding.what == "privacy"]

    assert finding.well
    assert finding.words == (
        "shop: the rest kept, hashed country, tag clerk, dropped age, detectors email; "
        f"hashes are keyed with {tmp_path / '.inferwatch' / 'privacy.key'}"
    )
