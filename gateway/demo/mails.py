"""The mails in a folder, as what a page may show of them. Whoever wrote them may mean harm."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path

from monitors.alerts.words import plain

SUFFIX = ".eml"
_ID = re.compile(r"\d{8}T\d{12}-\d{4,10}")
_PICTURES = ("image/png", "image/jpeg", "image/gif")
_MOST_SHOWN = 200
_MOST_TIMES = 10  # that a picture is shown in one mail: each time is a copy of it
_BROKEN = (ValueError, LookupError, AttributeError, TypeError, RecursionError)
"""What the parser of the standard library raises for headers and bodies that are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One mail in a list."""

    id: str
    subject: str
    sender: str
    caught_at: datetime

    @property
    def word(self) -> str:
        """`firing` or `resolved`, where the subject begins like an alert's."""
        found = re.match(r"\[(FIRING|RESOLVED)", self.subject)
        return found[1].lower() if found else "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail in full, as texts."""

    line: Line
    to: str
    date: str
    text: str
    headers: str
    has_html: bool


class Mails:
    """Reads what the catcher wrote. The head of a mail is read once, since a mail never changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: dict[str, Line] = {}

    def ids(self) -> list[str]:
        """Newest first."""
        found = (path.name.removesuffix(SUFFIX) for path in self._folder.glob(f"*{SUFFIX}"))
        return sorted((name for name in found if _ID.fullmatch(name)), reverse=True)

    def lines(self) -> list[Line]:
        """The newest ones, newest first."""
        found: dict[str, Line] = {}
        for id_ in self.ids()[:_MOST_SHOWN]:
            line = self._lines.get(id_) or self._line(id_)
            if line is not None:
                found[id_] = line
        self._lines = found
        return list(found.values())

    def source(self, id_: str) -> bytes | None:
        """A mail as it came. None: there is none of this id."""
        if not _ID.fullmatch(id_):
            return None
        try:
            return (self._folder / f"{id_}{SUFFIX}").read_bytes()
        except FileNotFoundError:
            return None

    def letter(self, id_: str) -> Letter | None:
        """A mail to be shown."""
        source = self.source(id_)
        if source is None:
            return None
        mail = _parsed(source)
        head = source.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        return Letter(
            line=_line_of(id_, mail),
            to=_header(mail, "To"),
            date=_header(mail, "Date"),
            text=_body(mail, "plain") or "",
            headers=head.decode("utf-8", "replace"),
            has_html=_body(mail, "html") is not None,
        )

    def html(self, id_: str) -> str | None:
        """The HTML of a mail as it came, with its own pictures inside. To be shown in a sandbox alone."""
        source = self.source(id_)
        mail = _parsed(source) if source is not None else None
        html = _body(mail, "html") if mail is not None else None
        if mail is None or html is None:
            return None
        for cid, data in _pictures(mail):
            html = html.replace(f"cid:{cid}", data, _MOST_TIMES)
        return html

    def _line(self, id_: str) -> Line | None:
        try:
            with (self._folder / f"{id_}{SUFFIX}").open("rb") as file:
                return _line_of(id_, BytesHeaderParser(policy=default).parse(file))
        except FileNotFoundError:  # deleted since it was seen
            return None


def _line_of(id_: str, head: Message) -> Line:
    caught_at = datetime.strptime(id_.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    subject = _header(head, "Subject") or "(no subject)"
    return Line(id=id_, subject=subject, sender=_header(head, "From"), caught_at=caught_at)


def _parsed(source: bytes) -> EmailMessage:
    """A mail with its parts; its head alone, where they lie in each other without an end."""
    try:
        mail = message_from_bytes(source, policy=default)
    except _BROKEN:
        mail = BytesHeaderParser(policy=default).parsebytes(source)
    return mail if isinstance(mail, EmailMessage) else EmailMessage()


def _header(mail: Message, name: str) -> str:
    try:
        value = mail[name]
        return "" if value is None else plain(str(value), 250)
    except _BROKEN:
        return "(unreadable)"


def _body(mail: EmailMessage, kind: str) -> str | None:
    try:
        part = mail.get_body((kind,))
        if part is None:
            return None
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes):
            return None
        return data.decode(part.get_content_charset() or "utf-8", "replace")
    except _BROKEN:
        return None


def _pictures(mail: EmailMessage) -> Iterator[tuple[str, str]]:
    """Names and contents of the pictures that came with a mail."""
    try:
        parts = list(mail.walk())
    except _BROKEN:
        return
    for part in parts:
        try:
            cid, data = str(part["Content-ID"] or "").strip("<> "), part.get_payload(decode=True)
        except _BROKEN:
            continue
        if cid and isinstance(data, bytes) and part.get_content_type() in _PICTURES:
            yield cid, f"data:{part.get_content_type()};base64,{base64.b64encode(data).decode()}"
