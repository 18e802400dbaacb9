"""What an archived event removes, so that a page of the past finds the removals of its own lines alone."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column for the mark (`chat.history.mark_of`), the marks of what is archived, and the index."""
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE chat_events ADD COLUMN removes text")
    run(
        "UPDATE chat_events SET removes = CASE kind WHEN 'room_cleared' THEN '*'"
        " WHEN 'user_cleared' THEN 'a' || (event->>'account_id') ELSE 'm' || (event->>'message_id') END"
        " WHERE kind IN ('room_cleared', 'user_cleared', 'deleted')"
    )
    run(
        'CREATE INDEX chat_events_removal ON chat_events (channel_id, removes, epoch, "offset")'
        " WHERE removes IS NOT NULL"
    )
