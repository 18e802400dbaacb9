"""Which attempt used a refresh token: its own repetition is not a second use."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column: the client's name for its attempt, None where it gave none."""
    op.get_bind().exec_driver_sql("ALTER TABLE refresh_tokens ADD COLUMN used_attempt text")
