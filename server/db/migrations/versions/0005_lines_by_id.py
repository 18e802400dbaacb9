"""Archived lines are found by their id, of whatever kind they are."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index over what has an id, instead of the one over messages."""
    op.get_bind().exec_driver_sql(
        "CREATE INDEX chat_events_line ON chat_events (channel_id, (event->>'id')) WHERE event ? 'id'"
    )
    op.get_bind().exec_driver_sql("DROP INDEX chat_events_message")
