"""The e-mail channel against a real SMTP server: encrypted, logged in, refused, cut off, absent."""

from __future__ import annotations

import socket

import pytest

from monitors.alerts.email import EmailChannel
from monitors.errors import ChannelError
from monitors.settings import EmailSettings
from tests.helpers.alerts import a_notice, an_alert
from tests.helpers.mail import Certificate, Mailbox, mail_server, make_certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def channel(port: int, **changes: object) -> EmailChannel:
    given = {"host": "localhost", "port": port, "security": "none", "sender": "watch@example.org"}
    settings = EmailSettings.model_validate(given | {"to": ["ops@example.org"], "timeout_s": 5} | changes)
    return EmailChannel(settings=settings, recipient="ops@example.org")


def send(to: EmailChannel) -> None:
    to.send(to.render(a_notice(an_alert("age"))))


def refusal(mailbox: Mailbox, **changes: object) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(channel(mailbox.port, **changes))
    return caught.value


def test_a_mail_arrives_as_it_was_rendered() -> None:
    with mail_server() as mailbox:
        to = channel(mailbox.port)
        message = to.render(a_notice(an_alert("age")))

        to.send(message)

    (mail,) = mailbox.mails
    assert mailbox.recipients == [["ops@example.org"]]
    assert mailbox.bodies[0].rstrip() == message.body.rstrip()
    assert mail["Message-ID"] == message.id
    assert mail["Subject"] == "[FIRING:1] churn 12: drift in age"


def test_a_mail_goes_encrypted_and_logged_in(certificate: Certificate) -> None:
    with mail_server(certificate=certificate, login=("watch", "s3cret")) as mailbox:
        send(
            channel(
                mailbox.port,
                security="starttls",
                ca_file=str(certificate.certificate),
                username="watch",
                password="s3cret",  # noqa: S106  # of a server that lives for this test
            )
        )

    assert mailbox.logins == ["watch"]
    assert mailbox.encrypted == [True]


def test_a_wrong_password_is_tried_again_since_a_person_can_mend_it(certificate: Certificate) -> None:
    with mail_server(certificate=certificate, login=("watch", "s3cret")) as mailbox:
        error = refusal(
            mailbox,
            security="starttls",
            ca_file=str(certificate.certificate),
            username="watch",
            password="wrong",  # noqa: S106  # of a server that lives for this test
        )

    assert not error.permanent
    assert "alerts.email.username" in str(error)
    assert mailbox.bodies == []


def test_a_certificate_that_is_not_trusted_gets_no_mail(certificate: Certificate) -> None:
    with mail_server(certificate=certificate) as mailbox:
        error = refusal(mailbox, security="starttls")

    assert not error.permanent
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert mailbox.bodies == []


def test_a_server_without_starttls_gets_no_mail() -> None:
    with mail_server() as mailbox:
        error = refusal(mailbox, security="starttls")

    assert not error.permanent
    assert "alerts.email.security" in str(error)
    assert mailbox.bodies == []


@pytest.mark.parametrize(
    ("answer", "permanent"), [("451 later", False), ("421 closing", False), ("550 no", True), ("drop", False)]
)
def test_only_a_5xx_is_for_good(answer: str, permanent: bool) -> None:
    with mail_server() as mailbox:
        mailbox.answers.append(answer)

        error = refusal(mailbox)

    assert error.permanent is permanent


@pytest.mark.parametrize(("answer", "permanent"), [("450 busy", False), ("550 unknown", True)])
def test_a_refused_recipient_is_for_good_only_if_the_server_says_so(answer: str, permanent: bool) -> None:
    with mail_server() as mailbox:
        mailbox.refused["ops@example.org"] = answer

        error = refusal(mailbox)

    assert error.permanent is permanent


def test_an_error_names_the_server_s_code_and_not_its_prose() -> None:
    with mail_server() as mailbox:
        mailbox.answers.append("550 5.7.1 we do not like 'age'")

        error = refusal(mailbox)

    assert str(error) == "mail server refuses the mail (550 5.7.1)"


@pytest.mark.parametrize("answer", ["530 5.7.0 log in first", "drop", "drop in DATA"])
def test_what_a_person_can_mend_is_tried_again(answer: str) -> None:
    with mail_server() as mailbox:
        mailbox.answers.append(answer)

        assert not refusal(mailbox).permanent


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ChannelError, match="not reached") as caught:
        send(channel(port))

    assert not caught.value.permanent


def test_a_server_that_says_nothing_is_left_after_the_time_limit() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(ChannelError, match="not reached") as caught,
    ):
        send(channel(listener.getsockname()[1], timeout_s=0.2))

    assert not caught.value.permanent


def test_no_password_appears_in_an_error(certificate: Certificate) -> None:
    with mail_server(certificate=certificate, login=("watch", "right")) as mailbox:
        error = refusal(
            mailbox,
            security="starttls",
            ca_file=str(certificate.certificate),
            username="watch",
            password="hunter2-wrong",  # noqa: S106  # of a server that lives for this test
        )

    assert "hunter2" not in str(error)
