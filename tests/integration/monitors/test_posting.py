"""The one way to post: to the address of the settings and nowhere else, and without telling it to anybody."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from monitors.alerts.posting import Poster, allowed, retry_after_s
from monitors.errors import ChannelError
from monitors.settings import SlackSettings
from tests.helpers.mail import Certificate, make_certificate
from tests.helpers.receiver import Answer, Received, receiver

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOKEN = "T0K3N"  # noqa: S105  # it is looked for in errors


def poster(
    port: int, *, host: str = "hooks.example.org", private: bool = True, to: str = "127.0.0.1"
) -> Poster:
    """Posts to a made-up name that leads to a loopback address."""
    settings = SlackSettings.model_validate(
        {"url": f"http://{host}:{port}/{TOKEN}", "private": True, "timeout_s": 0.3}
    ).model_copy(update={"private": private})
    return Poster(settings=settings, where="alerts.slack", resolve=lambda *_: [to], clock=lambda: NOW)


def refusal(poster: Poster) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        poster.post(b"{}", {})
    assert TOKEN not in str(caught.value)
    return caught.value


def answered(answer: Answer) -> tuple[ChannelError, list[Received]]:
    with receiver() as kept:
        kept.answers.append(answer)
        return refusal(poster(kept.port)), kept.requests


def test_the_request_names_the_host_and_goes_to_the_address_that_was_checked() -> None:
    with receiver() as kept:
        poster(kept.port).post(b'{"a": 1}', {"webhook-id": "x"})

    (request,) = kept.requests
    assert (request.path, request.body) == (f"/{TOKEN}", b'{"a": 1}')
    assert request.headers["host"] == f"hooks.example.org:{kept.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "x"


@pytest.mark.parametrize("to", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_inward_is_refused_unless_that_is_meant(to: str) -> None:
    error = refusal(poster(9, private=False, to=to))

    assert "alerts.slack.private" in str(error)
    assert not error.permanent


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "fe80::1%eth0", "0.0.0.0", "224.0.0.1", "::",  # noqa: S104  # refused
        "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "::169.254.169.254",
    ],
)  # fmt: skip
def test_addresses_of_a_cloud_s_secrets_are_never_posted_to(address: str) -> None:
    assert not allowed(address, private=True)


def test_public_addresses_are_posted_to() -> None:
    assert allowed("93.184.216.34", private=False)
    assert allowed("2606:2800:220:1::1", private=False)
    assert allowed("64:ff9b::93.184.216.34", private=False)  # as a network without IPv4 names it


def test_one_bad_address_among_good_ones_is_enough_to_refuse() -> None:
    settings = poster(9, private=False).settings
    mixed = Poster(settings=settings, where="alerts.slack", resolve=lambda *_: ["93.184.216.34", "10.0.0.1"])

    assert "10.0.0.1" in str(refusal(mixed))


def test_the_second_address_is_tried_where_the_first_does_not_answer() -> None:
    with receiver() as kept:
        both = Poster(
            settings=poster(kept.port).settings,
            where="alerts.slack",
            resolve=lambda *_: ["127.0.0.9", "127.0.0.1"],
        )
        both.post(b"{}", {})

    assert len(kept.requests) == 1


def test_a_redirect_is_not_followed() -> None:
    with receiver() as elsewhere:
        error, _ = answered(Answer(status=307, headers={"Location": f"http://127.0.0.1:{elsewhere.port}/"}))

    assert "redirect" in str(error)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(status, True) for status in (400, 401, 404, 410)]
    + [(status, False) for status in (408, 425, 429, 500, 503)],
)
def test_what_is_refused_is_for_good_but_what_is_busy_is_not(status: int, permanent: bool) -> None:
    error, _ = answered(Answer(status=status))

    assert error.permanent is permanent
    assert str(status) in str(error)


def test_a_receiver_says_when_to_come_again() -> None:
    error, _ = answered(Answer(status=429, headers={"Retry-After": "30"}))

    assert error.retry_after_s == 30


def test_the_other_side_s_word_is_passed_on_but_not_its_prose() -> None:
    word, _ = answered(Answer(status=403, body=b"invalid_token"))
    prose, _ = answered(Answer(status=400, body=f"your token {TOKEN} is bad".encode()))

    assert "invalid_token" in str(word)
    assert str(prose) == "alerts.slack: answered 400"


def test_a_server_that_hangs_up_is_tried_again() -> None:
    error, _ = answered(Answer(silent=True))

    assert not error.permanent


def test_a_server_that_says_nothing_is_left_after_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = refusal(poster(listener.getsockname()[1]))

    assert str(error) == "alerts.slack: no answer in 0.3 s"
    assert not error.permanent


def test_a_body_without_an_end_is_not_read_to_its_end() -> None:
    error, _ = answered(Answer(status=500, body=b"x" * 10_000_000))

    assert str(error) == "alerts.slack: answered 500"


def test_a_certificate_that_is_not_trusted_gets_nothing(certificate: Certificate) -> None:
    with receiver(certificate) as kept:
        section = {"url": f"https://localhost:{kept.port}/{TOKEN}", "private": True, "timeout_s": 3}
        error = refusal(Poster(settings=SlackSettings.model_validate(section), where="alerts.slack"))
        trusting = SlackSettings.model_validate(section | {"ca_file": str(certificate.certificate)})
        Poster(settings=trusting, where="alerts.slack").post(b"{}", {})

    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert [request.path for request in kept.requests] == [f"/{TOKEN}"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 5 ", 5),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0),
        ("999999999", 86_400),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(text: str | None, seconds: float | None) -> None:
    assert retry_after_s(text, NOW) == seconds
