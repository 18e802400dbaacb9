"""The message that stands over a room."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column: the event that pinned it, None where nothing is pinned."""
    op.get_bind().exec_driver_sql("ALTER TABLE room_rules ADD COLUMN pinned jsonb")
