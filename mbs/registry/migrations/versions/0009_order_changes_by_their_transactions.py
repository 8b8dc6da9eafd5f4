"""Write down in which transaction a state changed, so that no change is missed; and tell it to who listens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = ("module_traces", "component_traces")

FUNCTION = """\
CREATE FUNCTION tell_of_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY states;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Add columns, which stay empty for what was before, indices and triggers."""
    op.execute(FUNCTION)
    for table in TABLES:
        op.add_column(table, sa.Column("transaction", sa.BigInteger()))
        op.alter_column(table, "transaction", server_default=sa.text("pg_current_xact_id()::text::bigint"))
        op.create_index(f"{table}_transaction", table, ["transaction", "id"])
        op.execute(
            f"CREATE TRIGGER {table}_added AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION tell_of_states()"
        )


def downgrade() -> None:
    """Drop them."""
    for table in TABLES:
        op.execute(f"DROP TRIGGER {table}_added ON {table}")
        op.drop_index(f"{table}_transaction")
        op.drop_column(table, "transaction")
    op.execute("DROP FUNCTION tell_of_states()")
