"""Who may do what only one worker may do at a time: count a partition, judge, send.

A lease is timed by the database's clock, never by a host's. Every take-over adds one to its epoch, and each
transaction made under it checks that epoch: a worker that was stopped past its lease and woken can write
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.database import Database
from storage.errors import LeaseLostError
from storage.tables import lease as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to do one thing, since one take-over."""

    name: str  # "partition-3", "judge", "send"
    owner: str
    epoch: int


class Leases:
    """Takes, renews and gives back the leases of one owner."""

    def __init__(self, database: Database, *, owner: str, ttl_s: float = 15.0) -> None:
        self._database = database
        self._owner = owner
        self._ttl_us = int(ttl_s * 1_000_000)

    def acquire(self, name: str) -> Lease | None:
        """Take a lease that is free, expired, or our own from before; None: another owner holds it."""
        with self._database.write() as connection:
            now = dialects.now_us(connection)
            statement = dialects.insert(connection, table).values(
                name=name, owner=self._owner, epoch=1, expires_us=now + self._ttl_us
            )
            free = sa.or_(
                table.c.owner == self._owner,
                table.c.expires_us <= now,
                table.c.expires_us
                > now + 2 * self._ttl_us,  # the database's clock went back: nobody renewed this
            )
            statement = statement.on_conflict_do_update(
                index_elements=["name"],
                set_={"owner": self._owner, "epoch": table.c.epoch + 1, "expires_us": now + self._ttl_us},
                where=free,
            )
            epoch = connection.execute(statement.returning(table.c.epoch)).scalar_one_or_none()
        return None if epoch is None else Lease(name=name, owner=self._owner, epoch=epoch)

    def renew(self, lease: Lease) -> None:
        """Hold on to it for another term. Raises `LeaseLostError` when it has gone to another."""
        with self._database.write() as connection:
            until = dialects.now_us(connection) + self._ttl_us
            renewed = connection.execute(
                sa.update(table).where(*_is(lease)).values(expires_us=until)
            ).rowcount
        if not renewed:
            raise _lost(lease)

    def release(self, lease: Lease) -> None:
        """Give it back, so that another need not wait for its end. Does nothing when it is lost already."""
        with self._database.write() as connection:
            connection.execute(sa.update(table).where(*_is(lease)).values(expires_us=0))


def hold(connection: Connection, lease: Lease) -> None:
    """See that the lease is ours, and stays so until this transaction ends. Raises `LeaseLostError`."""
    statement = sa.select(table.c.epoch).where(*_is(lease)).with_for_update()
    if connection.execute(statement).one_or_none() is None:
        raise _lost(lease)


def _is(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.name == lease.name, table.c.owner == lease.owner, table.c.epoch == lease.epoch)


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"the lease '{lease.name}' of epoch {lease.epoch} has gone to another worker")
