"""Which model versions there are, and the references that their traffic is compared with.

The monitor process writes them from the model repository, so that API and dashboard need no look at files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import dialects
from storage.tables import model_version as table
from storage.tables import reference as references
from storage.tables import reference_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version of a model as it was registered."""

    model: str
    version: str
    manifest: str  # the manifest's JSON
    reference: str | None  # hash of the reference in force
    registered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReference:
    """A reference as `monitors.reference` wrote it."""

    hash: str
    model: str
    version: str
    body: bytes
    made_at: datetime


def register_model(
    connection: Connection, *, model: str, version: str, manifest: str, registered_at: datetime
) -> None:
    """Note a version; one that is there keeps its reference and its time."""
    row = {
        "model": model,
        "version": version,
        "manifest": manifest,
        "reference": "",
        "registered_at": registered_at,
    }
    dialects.upsert(connection, table, [row], key=("model", "version"), replaced=("manifest",))


def put_reference(connection: Connection, reference: StoredReference) -> None:
    """Store a reference, and put it in force for its model version, which must be registered."""
    row = {
        "hash": reference.hash,
        "model": reference.model,
        "version": reference.version,
        "body": reference.body,
        "made_at": reference.made_at,
    }
    dialects.insert_new(connection, references, [row], key=("hash",))
    connection.execute(
        sa.update(table)
        .where(table.c.model == reference.model, table.c.version == reference.version)
        .values(reference=reference.hash)
    )


def put_reference_rows(connection: Connection, hash_: str, body: bytes) -> None:
    """Store a sample of the rows of a reference, as `monitors.reporting.reference` wrote it."""
    dialects.insert_new(connection, reference_rows, [{"hash": hash_, "body": body}], key=("hash",))


def find_reference_rows(connection: Connection, hash_: str) -> bytes | None:
    """They, by the hash of the reference; None: it was set before rows were kept."""
    body = connection.scalar(sa.select(reference_rows.c.body).where(reference_rows.c.hash == hash_))
    return None if body is None else bytes(body)


def model_versions(connection: Connection) -> list[ModelVersion]:
    """All versions, by model and time of registration."""
    return [
        ModelVersion(
            model=row.model,
            version=row.version,
            manifest=row.manifest,
            reference=row.reference or None,
            registered_at=row.registered_at,
        )
        for row in connection.execute(
            sa.select(table).order_by(table.c.model, table.c.registered_at, table.c.version)
        )
    ]


def find_reference(connection: Connection, hash_: str) -> StoredReference | None:
    """A reference by its hash."""
    row = connection.execute(sa.select(references).where(references.c.hash == hash_)).one_or_none()
    if row is None:
        return None
    return StoredReference(
        hash=row.hash, model=row.model, version=row.version, body=bytes(row.body), made_at=row.made_at
    )
