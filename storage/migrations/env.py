"""Run by Alembic: gives it the connection that `storage.migrate` holds."""

from __future__ import annotations

from alembic import context

from storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller's transaction holds all of it: Alembic begins none of its own
)
context.run_migrations()
