"""What the database is and holds, and who works on it: for people who look after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.tables import head, lease, segment

_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
_REVISION = sa.table("alembic_version", sa.column("version_num", sa.Text))


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """One database, as it stands."""

    kind: str
    version: str  # of the library or the server
    size_bytes: int
    revision: str | None  # of its tables
    segments: int  # that are kept
    stored: int  # inference events ever stored
    oldest_at: datetime | None  # the first event of the segment that was stored first; None: none is kept
    newest_at: datetime | None
    kept_until: datetime | None  # when the next segment is old enough to be deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLease:
    """Who may do what only one worker may do at a time."""

    name: str
    owner: str
    epoch: int  # how often it changed hands
    held: bool  # False: it ran out, or was given back


def database_facts(connection: Connection) -> DatabaseFacts:
    """Read them: from indexes, never by counting a long table."""
    oldest = [
        connection.scalar(
            sa.select(segment.c.first_at)
            .where(segment.c.partition == partition)
            .order_by(segment.c.seq)
            .limit(1)
        )
        for partition in connection.scalars(sa.select(head.c.partition)).all()
    ]
    kind, version = dialects.kind_and_version(connection)
    return DatabaseFacts(
        kind=kind,
        version=version,
        size_bytes=dialects.size_bytes(connection),
        revision=connection.scalar(sa.select(_REVISION.c.version_num)),
        segments=connection.scalar(sa.select(sa.func.count(segment.c.retain_until))) or 0,
        stored=int(connection.scalar(sa.select(sa.func.sum(head.c.stored))) or 0),
        oldest_at=min((at for at in oldest if at is not None), default=None),
        newest_at=connection.scalar(sa.select(sa.func.max(segment.c.last_at))),
        kept_until=connection.scalar(sa.select(sa.func.min(segment.c.retain_until))),
    )


def expected_revision() -> str:
    """The revision of the tables that this release works with."""
    return max(path.stem.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*.py"))


def all_leases(connection: Connection) -> list[HeldLease]:
    """All that were ever taken; those of partitions in the order of their numbers."""
    alive = (lease.c.expires_us > dialects.now_us(connection)).label("held")
    rows = connection.execute(sa.select(lease.c.name, lease.c.owner, lease.c.epoch, alive))
    found = [
        HeldLease(name=name, owner=owner, epoch=epoch, held=bool(held)) for name, owner, epoch, held in rows
    ]
    return sorted(found, key=lambda each: (len(each.name), each.name))
