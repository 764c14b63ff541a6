"""What the pages ask for: the newest windows of a scope, and segments by the time of their events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("measurement_window", "measurement")
    op.create_index("measurement_scope", "measurement", ["model", "version", "arm", "slice", "start"])
    op.create_index("segment_time", "segment", ["last_at"])
    op.create_index("quarantine_age", "quarantine", ["stored_at"])
    _labels()
    _reports()


def _labels() -> None:
    """A label can be taken back, which ends a conflict too: so it is kept which label disagrees.

    Of those that came before this release the one that holds stands for both.
    """
    for name, kind in (
        ("known_at", sa.BigInteger()),
        ("disputed_at", sa.BigInteger()),
        ("disputed_place", sa.Text()),
        ("taken_back_at", sa.BigInteger()),
        ("taken_back_place", sa.Text()),
    ):
        op.add_column("label", sa.Column(name, kind, nullable=True))
    op.execute("update label set known_at = labelled_at")
    op.execute("update label set disputed_at = labelled_at, disputed_place = place where conflict")
    op.drop_column("label", "conflict")
    everyone: sa.Column[bool] = sa.Column("everyone", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("label_waiting", everyone)


def _reports() -> None:
    """Reports of windows, and the rows of references that they compare with."""
    op.create_table(
        "reference_rows",
        sa.Column("hash", sa.Text(), primary_key=True, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    texts = ("kind", "model", "version", "arm", "slice", "author", "state", "words")
    op.create_table(
        "report",
        sa.Column("id", sa.Text(), primary_key=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("start", "end", "asked_at")),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=True)
            for name in ("reference_rows", "current_rows", "made_at", "size")
        ),
        sa.Column("body", sa.LargeBinary(), nullable=True),
    )
    op.create_index("report_state", "report", ["state", "asked_at"])
    op.create_index("report_age", "report", ["asked_at"])
