"""Tell those who listen that a module build was recorded, changed its plan or state, or has gone."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FUNCTION = """\
CREATE FUNCTION tell_of_module_builds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY module_builds;
    RETURN NULL;
END
$$
"""

TRIGGER = """\
CREATE TRIGGER module_builds_changed
AFTER INSERT OR DELETE OR UPDATE OF state, plan_digest, time_restarted ON module_builds
FOR EACH STATEMENT EXECUTE FUNCTION tell_of_module_builds()
"""


def upgrade() -> None:
    """Create the trigger."""
    op.execute(FUNCTION)
    op.execute(TRIGGER)


def downgrade() -> None:
    """Drop the trigger."""
    op.execute("DROP TRIGGER module_builds_changed ON module_builds")
    op.execute("DROP FUNCTION tell_of_module_builds()")
