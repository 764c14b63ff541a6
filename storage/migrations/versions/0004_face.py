"""What the pages ask for: the newest windows of a scope, and segments by the time of their events."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("measurement_window", "measurement")
    op.create_index("measurement_scope", "measurement", ["model", "version", "arm", "slice", "start"])
    op.create_index("segment_time", "segment", ["last_at"])
