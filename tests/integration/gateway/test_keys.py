"""API keys over HTTP: default-deny once one exists, scoped, named in the events, and never written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import RefusedError
from gateway.keys import Keys
from storage.keys import KeyFile, KnownKeys, Right
from tests.helpers.serving import Serving, serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = frozenset(Right)
PROBES = {"/livez", "/readyz", "/health", "/v2/health/live", "/v2/health/ready"}
ROW = {"instances": [{"age": 1, "country": "FR", "member": True}]}


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def bearer(key: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {key}".encode()}


def test_without_a_key_everybody_may_ask(file: KeyFile) -> None:
    assert Keys(KnownKeys(file)).admit({}, Right.INFER) is None


def test_a_key_is_known_by_its_name(file: KeyFile) -> None:
    key = file.create("app", EVERYTHING, NOW)

    assert Keys(KnownKeys(file)).admit(bearer(key), Right.INFER) == "app"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Basic abc"},
        bearer("iw_wrong"),
        {b"authorization": b"\xff"},
    ],
)
def test_no_key_or_another_is_refused(file: KeyFile, headers: dict[bytes, bytes]) -> None:
    file.create("app", EVERYTHING, NOW)

    with pytest.raises(RefusedError) as caught:
        Keys(KnownKeys(file)).admit(headers, None)

    assert caught.value.status == 401


def test_a_key_without_the_right_is_refused(file: KeyFile) -> None:
    key = file.create("app", frozenset({Right.INFER}), NOW)

    with pytest.raises(RefusedError) as caught:
        Keys(KnownKeys(file)).admit(bearer(key), Right.LABEL)

    assert caught.value.status == 403


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, str]]:
    """A gateway with a key that may infer alone."""
    folder = tmp_path_factory.mktemp("guarded")
    key = KeyFile(folder / ".inferwatch" / "keys.json").create(
        "app", frozenset({Right.INFER}), datetime.now(UTC)
    )
    with serving(folder) as running:
        yield running, key


def test_every_route_but_the_probes_needs_a_key_whatever_the_method(guarded: tuple[Serving, str]) -> None:
    running, _ = guarded
    paths = [route.path for route in running.gateway.app.routes if hasattr(route, "path")]
    paths += [
        "/v2/models/echo/infer",
        "/v2/models/echo/versions/1/infer",
        "/v1/models/echo:predict",
        "/nowhere",
    ]

    for path in {path.replace("{name}", "echo").replace("{version}", "1") for path in paths}:
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            status = running.ask(method, path, b"{}").status
            assert (status == 401) is (path not in PROBES), (method, path, status)


def test_a_key_opens_what_it_has_the_right_for_and_its_name_is_in_the_event(
    guarded: tuple[Serving, str],
) -> None:
    running, key = guarded
    with_key = Serving(running.port, running.settings, running.gateway, {"authorization": f"Bearer {key}"})

    assert with_key.post("/v1/models/echo:predict", ROW).status == 200
    assert with_key.post("/api/labels", {"labels": []}).status == 403
    assert running.events()[-1].key == "app"
    assert all(key.encode() not in path.read_bytes() for path in running.settings.journal.folder.rglob("*.*"))


def test_a_refused_caller_is_an_event_too(guarded: tuple[Serving, str]) -> None:
    running, _ = guarded

    reply = running.post("/v1/models/echo:predict", ROW)

    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert running.events()[-1].reason == "invalid_api_key"
