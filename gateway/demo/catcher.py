"""A mail server of the demo's own: takes every mail on loopback, keeps it as a file, and sends it nowhere.

A process of its own, which shows the inbox too: `python -m gateway.demo.catcher FOLDER SMTP_PORT INBOX_PORT`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.demo.inbox import inbox_app
from gateway.demo.mails import SUFFIX, Mails
from gateway.demo.ports import LOOPBACK
from gateway.logs import set_up_logging
from storage.clock import Clock, utc_now

log = logging.getLogger(__name__)

MOST_MAILS = 1_000
_MOST_BYTES = 2 * 1024 * 1024
_IDLE_S = 60.0


@dataclass(slots=True)
class Catcher:
    """Writes each mail into a folder; full, it refuses more for now."""

    folder: Path
    clock: Clock
    most: int = MOST_MAILS
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    # What aiosmtpd calls.

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's
        """Keep a mail: whole, or not at all."""
        if sum(1 for _ in self.folder.glob(f"*{SUFFIX}")) >= self.most:
            return f"452 the folder holds {self.most} mails; delete some of them"
        content = envelope.content
        if not isinstance(content, bytes):
            return "554 no mail"
        name = f"{self.clock():%Y%m%dT%H%M%S%f}-{next(self._numbers):04}"
        draft = self.folder / f"{name}.part"
        try:
            draft.write_bytes(content)
            draft.replace(self.folder / f"{name}{SUFFIX}")
        except OSError as exc:
            log.error("mail not kept", extra={"error": str(exc)})
            return "452 the mail cannot be kept now"
        return "250 kept"


async def catch(folder: Path, smtp_port: int, inbox_port: int, *, clock: Clock = utc_now) -> None:
    """Take mails and show them, until SIGTERM."""
    catcher = Catcher(folder, clock)
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(catcher, data_size_limit=_MOST_BYTES, hostname="localhost", timeout=_IDLE_S, loop=loop)

    smtp = await loop.create_server(session, LOOPBACK, smtp_port)
    try:
        config = uvicorn.Config(
            inbox_app(Mails(folder)), host=LOOPBACK, port=inbox_port, log_config=None, access_log=False,
            server_header=False, timeout_graceful_shutdown=2,
        )  # fmt: skip
        await uvicorn.Server(config).serve()
    finally:
        smtp.close()


def main(folder: str, smtp_port: str, inbox_port: str) -> None:
    """The process."""
    set_up_logging("catcher")
    asyncio.run(catch(Path(folder), int(smtp_port), int(inbox_port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
