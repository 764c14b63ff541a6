"""A real SMTP server on a loopback port, with STARTTLS and login where a test asks for them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Mailbox:
    """What the server took, and how it answers the next mails."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)  # answers to the next mails, first one first; then 250
    refused: dict[str, str] = field(default_factory=dict)  # answers to RCPT, by address

    @property
    def mails(self) -> list[EmailMessage]:
        parsed = (message_from_bytes(body, policy=default) for body in self.bodies)
        return [mail for mail in parsed if isinstance(mail, EmailMessage)]

    # What aiosmtpd calls.

    async def handle_RCPT(  # noqa: N802  # the names are aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer == "stall":
            await asyncio.Event().wait()  # until the server ends
        if answer in {"drop", "take and drop"} and server.transport is not None:
            server.transport.close()
        if answer.startswith(("250", "take")) and isinstance(envelope.content, bytes):
            self.bodies.append(envelope.content)
            self.recipients.append(list(envelope.rcpt_tos))
            self.encrypted.append(session.ssl is not None)
        return answer if answer[0].isdigit() else "451 gone"

    def next_is(self, answer: str) -> bool:
        """Whether the next mail is to be answered so; then that answer is used up."""
        if self.answers[:1] != [answer]:
            return False
        self.answers.pop(0)
        return True


class FaultySMTP(SMTP):
    """Hangs up early, where the answers say so: in the handshake of TLS, or before the body of the mail."""

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802  # aiosmtpd's
        if self.transport is not None and self.event_handler.next_is("drop in TLS"):
            await self.push("220 Ready to start TLS")
            self.transport.close()
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802  # aiosmtpd's
        if self.transport is not None and self.event_handler.next_is("drop in DATA"):
            await self.push("354 go on")
            self.transport.close()
            return
        await super().smtp_DATA(arg)


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for `localhost`, as files."""

    certificate: Path
    key: Path


@contextlib.contextmanager
def mail_server(
    *, certificate: Certificate | None = None, login: tuple[str, str] | None = None
) -> Iterator[Mailbox]:
    """Serve on a free port of localhost, in a thread, until the block ends."""
    mailbox = Mailbox()
    options: dict[str, Any] = {"hostname": "localhost", "enable_SMTPUTF8": False}
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.certificate, certificate.key)
        options |= {"tls_context": context, "require_starttls": True}
    if login is not None:
        options |= {"auth_required": True, "authenticator": _authenticator(mailbox, login)}
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(  # of an address, not a socket: so it sends without Nagle's delays
        loop.create_server(lambda: FaultySMTP(mailbox, loop=loop, **options), "127.0.0.1", 0)
    )
    mailbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, name="smtp")
    thread.start()
    try:
        yield mailbox
    finally:
        asyncio.run_coroutine_threadsafe(_closed(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def make_certificate(folder: Path) -> Certificate:
    """Make one that holds for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(certificate=folder / "cert.pem", key=folder / "key.pem")
    made.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made


def _authenticator(mailbox: Mailbox, login: tuple[str, str]) -> Any:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == login
        if right:
            mailbox.logins.append(login[0])
        return AuthResult(success=right, handled=False)

    return check


async def _closed(server: asyncio.Server) -> None:
    server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)
