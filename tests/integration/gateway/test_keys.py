"""API keys: default-deny once one exists, scoped, expiring, soon revoked, and never written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import KeyFileError, RefusedError, StartError
from gateway.keys import LOOK_EVERY_S, KeyFile, Keys, Right
from gateway.server import check_exposure
from gateway.settings import GatewaySettings
from tests.helpers.serving import Serving, serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = frozenset(Right)
PROBES = {"/livez", "/readyz", "/health", "/v2/health/live", "/v2/health/ready"}
ROW = {"instances": [{"age": 1, "country": "FR", "member": True}]}


class Hands:
    """Clocks that a test moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 0.0

    def keys(self, file: KeyFile) -> Keys:
        return Keys(file, clock=lambda: self.now, monotonic=lambda: self.seconds)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def bearer(key: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {key}".encode()}


def test_without_a_key_everybody_may_ask(file: KeyFile) -> None:
    assert Hands().keys(file).admit({}, Right.INFER) is None


def test_the_file_holds_a_hash_and_not_the_key(file: KeyFile) -> None:
    key = file.create("app", EVERYTHING, NOW)

    text = file.path.read_text()
    assert key not in text
    assert key[8:] not in text
    assert file.path.stat().st_mode & 0o077 == 0


def test_a_key_is_known_by_its_name(file: KeyFile) -> None:
    key = file.create("app", EVERYTHING, NOW)

    assert Hands().keys(file).admit(bearer(key), Right.INFER) == "app"


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
        Hands().keys(file).admit(headers, None)

    assert caught.value.status == 401


def test_a_key_without_the_right_is_refused(file: KeyFile) -> None:
    key = file.create("app", frozenset({Right.INFER}), NOW)

    with pytest.raises(RefusedError) as caught:
        Hands().keys(file).admit(bearer(key), Right.LABEL)

    assert caught.value.status == 403


def test_a_key_expires(file: KeyFile) -> None:
    hands = Hands()
    key = file.create("app", EVERYTHING, NOW, NOW + timedelta(days=1))
    keys = hands.keys(file)
    keys.admit(bearer(key), None)

    hands.now = NOW + timedelta(days=1)

    with pytest.raises(RefusedError, match="expired"):
        keys.admit(bearer(key), None)


def test_a_revoked_key_is_refused_within_half_a_second_and_the_door_stays_shut(file: KeyFile) -> None:
    hands = Hands()
    key = file.create("app", EVERYTHING, NOW)
    keys = hands.keys(file)

    file.revoke("app", NOW)
    hands.seconds += LOOK_EVERY_S

    with pytest.raises(RefusedError, match="revoked"):
        keys.admit(bearer(key), None)
    with pytest.raises(RefusedError, match="needed"):
        keys.admit({}, None)


def test_a_file_that_vanishes_or_breaks_does_not_open_the_door(file: KeyFile) -> None:
    hands = Hands()
    key = file.create("app", EVERYTHING, NOW)
    keys = hands.keys(file)

    for change in (lambda: file.path.write_text("{"), file.path.unlink):
        change()
        hands.seconds += LOOK_EVERY_S

        assert keys.admit(bearer(key), None) == "app"
        with pytest.raises(RefusedError):
            keys.admit({}, None)


def test_a_broken_file_stops_a_start(file: KeyFile) -> None:
    file.path.write_text("{")

    with pytest.raises(KeyFileError, match="restore it"):
        Hands().keys(file)


def test_a_name_is_given_once_and_free_again_after_it_was_revoked(file: KeyFile) -> None:
    file.create("app", EVERYTHING, NOW)
    with pytest.raises(KeyFileError, match="exists"):
        file.create("app", EVERYTHING, NOW)

    file.revoke("app", NOW)

    file.create("app", EVERYTHING, NOW)
    with pytest.raises(KeyFileError, match="there are: app"):
        file.revoke("nobody", NOW)


def test_nobody_outside_is_let_in_before_a_key_exists() -> None:
    with pytest.raises(StartError, match="inferwatch keys create"):
        check_exposure(GatewaySettings(host="0.0.0.0"), has_keys=False)  # noqa: S104  refused, not bound
    check_exposure(GatewaySettings(host="0.0.0.0"), has_keys=True)  # noqa: S104  as above


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
