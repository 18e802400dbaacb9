"""What a chat command leaves behind: the rules' version it made and its sender's nonce; messages found by their id."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A repeated command finds its first run by the nonce; /delete finds the author of an archived message."""
    op.get_bind().exec_driver_sql("ALTER TABLE room_outbox ADD COLUMN version bigint, ADD COLUMN nonce text")
    op.get_bind().exec_driver_sql("CREATE UNIQUE INDEX room_outbox_nonce ON room_outbox (channel_id, nonce)")
    op.get_bind().exec_driver_sql(
        "CREATE INDEX chat_events_message ON chat_events (channel_id, (event->>'id')) WHERE kind = 'message'"
    )
