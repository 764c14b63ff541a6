"""Alerts as e-mail: text that is complete by itself, then HTML, over SMTP with STARTTLS and login."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

import jinja2

from monitors.alerts import telling
from monitors.alerts.channels import Channel, Message
from monitors.alerts.charts import chart, described
from monitors.alerts.groups import Notice
from monitors.alerts.words import plain
from monitors.errors import ChannelError
from monitors.settings import GATEWAY_URL, AlertSettings, EmailSettings, Security
from storage.records import Alert, Severity

PICTURES = 3
"""Charts in one mail, at most."""
CLIPPED_BYTES = 100_000
"""Gmail cuts off HTML that is longer than 102 KB."""
# Ids stay on the line of their header, for some readers lose folded ones; not every server takes 8 bits.
_POLICY = SMTP.clone(max_line_length=250, cte_type="7bit")
_LOGIN = frozenset({530, 534, 535, 538})  # answers that speak of the login
_SHOWN = (40, 20, 10, 5, 2)  # alerts of each kind in the HTML: as many as fit
_LISTED = 200  # and in the text


def email_channels(settings: AlertSettings) -> list[Channel]:
    """One channel for each recipient, so that one refused address does not hold up the others."""
    if settings.email is None:
        return []
    return [
        EmailChannel(
            settings=settings.email,
            recipient=recipient,
            dashboard_url=settings.dashboard_url,
            gateway_url=settings.gateway_url,
        )
        for recipient in dict.fromkeys(settings.email.to)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChannel:
    """Mails one recipient."""

    settings: EmailSettings
    recipient: str
    dashboard_url: str | None = None
    gateway_url: str = GATEWAY_URL
    name: str = "email"
    pause_s: float = 0.0
    ordered: bool = False

    @property
    def min_severity(self) -> Severity:
        return self.settings.min_severity

    @property
    def per_hour(self) -> int | None:
        return self.settings.per_hour

    def render(self, notice: Notice) -> Message:
        """The mail. Its Message-ID is fixed here, so that a repetition is seen as one."""
        notice = telling.at_least(notice, self.settings.min_severity)
        own = hashlib.sha256(f"{notice.id}\n{self.recipient}".encode()).hexdigest()[:32]
        pictures = list(_pictures(notice, own))
        mail = self._addressed(notice, own)
        mail.set_content(self._text(notice))
        mail.add_alternative(self._html(notice, pictures), subtype="html")
        mail.set_boundary(f"=={own}==")  # the library's own choice is random: the same notice, the same bytes
        if pictures:
            _attach(mail, pictures, own)
        return Message(
            id=str(mail["Message-ID"]), channel=self.name, recipient=self.recipient, body=mail.as_bytes()
        )

    def _addressed(self, notice: Notice, own: str) -> EmailMessage:
        """The headers. A group's mails all point to one root, which nobody sent, so they make one thread."""
        domain = self.settings.sender.rpartition("@")[2]
        mail = EmailMessage(policy=_POLICY)
        mail["Subject"] = telling.subject(notice)
        mail["From"] = self.settings.sender
        mail["To"] = self.recipient
        mail["Date"] = format_datetime(notice.at)
        mail["Message-ID"] = f"<notice-{own}@{domain}>"
        mail["In-Reply-To"] = mail["References"] = f"<alert-{_token(notice.thread)}@{domain}>"
        mail["List-Id"] = f"inferwatch alerts <alerts.inferwatch.{domain}>"
        mail["List-Unsubscribe"] = f"<mailto:{self.settings.sender}?subject=unsubscribe>"
        mail["Auto-Submitted"] = "auto-generated"
        return mail

    def _text(self, notice: Notice) -> str:
        return _templates().get_template("alert.txt").render(self._words(notice), shown=_LISTED)

    def _html(self, notice: Notice, pictures: Sequence[_Picture]) -> str:
        """With as many alerts as a mail can hold."""
        template, words, html = _templates().get_template("alert.html"), self._words(notice), ""
        for shown in _SHOWN:
            html = template.render(words, pictures=pictures, shown=shown)
            if len(html.encode()) < CLIPPED_BYTES:
                break
        return html

    def _words(self, notice: Notice) -> Mapping[str, object]:
        return {
            "notice": notice,
            "page": self.dashboard_url and telling.page_of(notice, self.dashboard_url),
            "silencing": telling.silencing(notice, self.gateway_url),
        }

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
    """Say which failures are for good: a refusal (5xx) of this mail or this recipient, and no other.

    What a person can mend in the settings, or the server's keeper, is tried again.
    """
    try:
        yield
    except smtplib.SMTPRecipientsRefused as exc:
        code, words = exc.recipients.get(recipient, (450, b""))
        said = _code(code, words)
        raise ChannelError(f"mail server refuses the recipient ({said})", permanent=code >= 500) from exc
    except smtplib.SMTPResponseException as exc:
        said = _code(exc.smtp_code, exc.smtp_error)
        if isinstance(exc, smtplib.SMTPAuthenticationError) or exc.smtp_code in _LOGIN:
            raise ChannelError(
                f"mail server wants another login ({said}); see alerts.email.username"
            ) from exc
        if isinstance(exc, (smtplib.SMTPConnectError, smtplib.SMTPHeloError)):
            raise ChannelError(f"mail server takes no mail ({said}); see alerts.email.host") from exc
        permanent = exc.smtp_code >= 500
        raise ChannelError(f"mail server refuses the mail ({said})", permanent=permanent) from exc
    except smtplib.SMTPNotSupportedError as exc:  # never fall back to plain text
        raise ChannelError(f"mail server cannot do what is asked: {exc}; see alerts.email.security") from exc
    except (smtplib.SMTPException, OSError) as exc:
        raise ChannelError(f"mail server not reached: {type(exc).__name__}: {exc}") from exc


def _code(code: int, words: bytes | str) -> str:
    """`550 5.7.1`: the numbers of an answer. Its prose may quote the mail."""
    text = words.decode("ascii", "replace") if isinstance(words, bytes) else words
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", text)
    return f"{code} {enhanced[0]}" if enhanced else str(code)


def _part_from(client: smtplib.SMTP) -> None:
    """Say goodbye. What the server answers to that changes nothing of what it took over before."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        client.quit()
    client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """A chart in the mail."""

    cid: str
    png: bytes
    alert: Alert
    words: str


def _pictures(notice: Notice, own: str) -> Iterator[_Picture]:
    alerts = {alert.fingerprint: alert for alert in notice.alerts}
    for n, history in enumerate(notice.histories[:PICTURES], start=1):
        alert = alerts.get(history.fingerprint)
        png = chart(history, alert.starts_at) if alert is not None else None
        if alert is not None and png is not None:
            yield _Picture(cid=f"chart-{n}-{own}@inferwatch", png=png, alert=alert, words=described(history))


def _attach(mail: EmailMessage, pictures: Sequence[_Picture], own: str) -> None:
    html = mail.get_body(("html",))
    if not isinstance(html, EmailMessage):
        return
    for picture in pictures:
        html.add_related(picture.png, "image", "png", cid=f"<{picture.cid}>", disposition="inline")
    html.set_boundary(f"==pictures-{own}==")


def _token(text: str) -> str:
    """The text, where it can stand in an id; else a hash of it."""
    return (
        text
        if re.fullmatch(r"[A-Za-z0-9._-]{1,120}", text)
        else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    )


@functools.cache  # reads files: at the first mail, not on import
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": plain, "moment": telling.moment, "place": telling.place}
    environment.globals |= {"telling": telling}
    return environment
