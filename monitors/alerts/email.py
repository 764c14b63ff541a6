"""Alerts as e-mail: text that is complete by itself, then HTML, over SMTP with STARTTLS and login."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

import jinja2

from monitors.alerts.channels import Channel, Message
from monitors.alerts.groups import Notice
from monitors.alerts.words import plain
from monitors.errors import ChannelError
from monitors.settings import AlertSettings, EmailSettings, Security

_POLICY = SMTP.clone(
    max_line_length=250
)  # ids stay on the line of their header: some readers lose folded ones


def email_channels(settings: AlertSettings) -> list[Channel]:
    """One channel for each recipient, so that one refused address does not hold up the others."""
    if settings.email is None:
        return []
    return [
        EmailChannel(settings=settings.email, recipient=recipient, dashboard_url=settings.dashboard_url)
        for recipient in dict.fromkeys(settings.email.to)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChannel:
    """Mails one recipient."""

    settings: EmailSettings
    recipient: str
    dashboard_url: str | None = None

    @property
    def name(self) -> str:
        return "email"

    @property
    def per_hour(self) -> int | None:
        return self.settings.per_hour

    def render(self, notice: Notice) -> Message:
        """The mail. Its Message-ID is fixed here, so that a repetition is seen as one."""
        domain = self.settings.sender.rpartition("@")[2]
        own = hashlib.sha256(f"{notice.id}\n{self.recipient}".encode()).hexdigest()[:32]
        message_id = f"<notice-{own}@{domain}>"
        root = f"<alert-{notice.thread}@{domain}>"
        mail = EmailMessage(policy=_POLICY)
        mail["Subject"] = plain(notice.subject, 200)
        mail["From"] = self.settings.sender
        mail["To"] = self.recipient
        mail["Date"] = format_datetime(notice.at)
        mail["Message-ID"] = message_id
        mail["In-Reply-To"] = mail["References"] = root
        mail["List-Id"] = f"inferwatch alerts <alerts.inferwatch.{domain}>"
        mail["List-Unsubscribe"] = f"<mailto:{self.settings.sender}?subject=unsubscribe>"
        mail["Auto-Submitted"] = "auto-generated"
        words = {"notice": notice, "dashboard_url": self.dashboard_url}
        mail.set_content(_templates().get_template("alert.txt").render(words))
        mail.add_alternative(_templates().get_template("alert.html").render(words), subtype="html")
        mail.set_boundary(f"=={own}==")  # the library's own choice is random: the same notice, the same bytes
        return Message(id=message_id, channel=self.name, recipient=self.recipient, body=mail.as_bytes())

    def send(self, message: Message) -> None:
        """Hand the mail over. It counts as sent with the server's last 250 and nothing earlier."""
        with _failures_named(self.recipient):
            client = self._connected()
            try:
                client.sendmail(self.settings.sender, [self.recipient], message.body)
            finally:
                _part_from(client)

    def _connected(self) -> smtplib.SMTP:
        settings = self.settings
        if settings.security is Security.TLS:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout_s, context=self._trust()
            )
        else:
            client = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        try:
            if settings.security is Security.STARTTLS:
                client.starttls(context=self._trust())
            if settings.username is not None and settings.password is not None:
                client.login(settings.username, settings.password.get_secret_value())
        except BaseException:  # not ours to judge: close the connection, then let the caller name the failure
            _part_from(client)
            raise
        return client

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.settings.ca_file)


@contextlib.contextmanager
def _failures_named(recipient: str) -> Iterator[None]:
    """Say which failures are for good: a refusal (5xx) of this mail or this recipient, and no other."""
    try:
        yield
    except (
        smtplib.SMTPAuthenticationError
    ) as exc:  # 5xx too, but a person can mend the password, so the mail stays
        raise ChannelError(
            f"mail server refuses the login ({exc.smtp_code}); see alerts.email.username"
        ) from exc
    except smtplib.SMTPRecipientsRefused as exc:
        code = exc.recipients.get(recipient, (450, b""))[0]
        raise ChannelError(f"mail server refuses the recipient ({code})", permanent=code >= 500) from exc
    except smtplib.SMTPResponseException as exc:
        permanent = exc.smtp_code >= 500
        raise ChannelError(f"mail server refuses the mail ({exc.smtp_code})", permanent=permanent) from exc
    except smtplib.SMTPNotSupportedError as exc:  # never fall back to plain text
        raise ChannelError(f"mail server cannot do what is asked: {exc}; see alerts.email.security") from exc
    except (smtplib.SMTPException, OSError) as exc:
        raise ChannelError(f"mail server not reached: {type(exc).__name__}: {exc}") from exc


def _part_from(client: smtplib.SMTP) -> None:
    """Say goodbye. What the server answers to that changes nothing of what it took over before."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        client.quit()
    client.close()


@functools.cache  # reads files: at the first mail, not on import
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    environment.filters["moment"] = _moment
    return environment


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
