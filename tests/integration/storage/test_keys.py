"""The file of API keys and its watch: scoped, expiring, soon revoked, and never an open door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.errors import ExposureError, KeyFileError
from storage.keys import (
    LOOK_EVERY_S,
    ApiKey,
    KeyFile,
    KnownKeys,
    Refusal,
    Right,
    check_exposure,
    is_loopback,
    rights_of,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = frozenset(Right)


class Hands:
    """Clocks that a test moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 0.0

    def keys(self, file: KeyFile) -> KnownKeys:
        return KnownKeys(file, clock=lambda: self.now, monotonic=lambda: self.seconds)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def name_of(found: ApiKey | Refusal | None) -> str | None:
    return found.name if isinstance(found, ApiKey) else None


def test_before_a_key_exists_none_is_needed_and_the_first_one_shuts_the_door(file: KeyFile) -> None:
    hands = Hands()
    keys = hands.keys(file)
    assert keys.judge(None, Right.READ) is None

    file.create("app", EVERYTHING, NOW)
    hands.seconds += LOOK_EVERY_S

    assert keys.judge(None, Right.READ) is Refusal.MISSING


def test_a_key_is_known_by_its_name(file: KeyFile) -> None:
    key = file.create("app", EVERYTHING, NOW)

    assert name_of(Hands().keys(file).judge(key, Right.READ)) == "app"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [(None, Refusal.MISSING), ("", Refusal.MISSING), ("iw_wrong", Refusal.UNKNOWN), ("é", Refusal.UNKNOWN)],
)
def test_no_key_or_another_is_refused(file: KeyFile, text: str | None, refusal: Refusal) -> None:
    file.create("app", EVERYTHING, NOW)

    assert Hands().keys(file).judge(text, None) is refusal


def test_a_key_without_the_right_is_refused(file: KeyFile) -> None:
    key = file.create("app", frozenset({Right.INFER}), NOW)
    keys = Hands().keys(file)

    assert keys.judge(key, Right.READ) is Refusal.LACKING
    assert name_of(keys.judge(key, None)) == "app"


def test_a_key_expires(file: KeyFile) -> None:
    hands = Hands()
    key = file.create("app", EVERYTHING, NOW, NOW + timedelta(days=1))
    keys = hands.keys(file)
    assert name_of(keys.judge(key, None)) == "app"

    hands.now = NOW + timedelta(days=1)

    assert keys.judge(key, None) is Refusal.ENDED


def test_a_revoked_key_is_refused_within_half_a_second_and_the_door_stays_shut(file: KeyFile) -> None:
    hands = Hands()
    key = file.create("app", EVERYTHING, NOW)
    keys = hands.keys(file)

    file.revoke("app", NOW)
    hands.seconds += LOOK_EVERY_S

    assert keys.judge(key, None) is Refusal.ENDED
    assert keys.judge(None, None) is Refusal.MISSING


def test_a_file_that_vanishes_or_breaks_does_not_open_the_door(file: KeyFile) -> None:
    hands = Hands()
    key = file.create("app", EVERYTHING, NOW)
    keys = hands.keys(file)

    for change in (lambda: file.path.write_text("{"), file.path.unlink):
        change()
        hands.seconds += LOOK_EVERY_S

        assert name_of(keys.judge(key, None)) == "app"
        assert keys.judge(None, None) is Refusal.MISSING


def test_a_broken_file_stops_a_start(file: KeyFile) -> None:
    file.path.write_text("{")

    with pytest.raises(KeyFileError, match="restore it"):
        KnownKeys(file)


def test_the_file_holds_a_hash_and_not_the_key(file: KeyFile) -> None:
    key = file.create("app", EVERYTHING, NOW)

    text = file.path.read_text()
    assert key not in text
    assert key[8:] not in text
    assert file.path.stat().st_mode & 0o077 == 0


def test_a_name_is_given_once_and_free_again_after_it_was_revoked(file: KeyFile) -> None:
    file.create("app", EVERYTHING, NOW)
    with pytest.raises(KeyFileError, match="exists"):
        file.create("app", EVERYTHING, NOW)

    file.revoke("app", NOW)

    file.create("app", EVERYTHING, NOW)
    with pytest.raises(KeyFileError, match="there are: app"):
        file.revoke("nobody", NOW)


def test_a_right_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(KeyFileError, match="infer, label, read, act"):
        rights_of(["write"])


def test_nobody_outside_is_let_in_before_a_key_exists() -> None:
    with pytest.raises(ExposureError, match="inferwatch keys create"):
        check_exposure("dashboard.host", "0.0.0.0", has_keys=False)  # noqa: S104  refused, not bound
    check_exposure("dashboard.host", "0.0.0.0", has_keys=True)  # noqa: S104  as above
    check_exposure("dashboard.host", "127.0.0.1", has_keys=False)


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.0.2.1", False)]
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
