"""Know when a module build was asked for again: its DAG gets a run of that time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time; nothing was restarted so far."""
    op.add_column("module_builds", sa.Column("time_restarted", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop the time."""
    op.drop_column("module_builds", "time_restarted")
