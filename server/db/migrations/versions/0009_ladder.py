"""What a channel wants of its ladder."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column: a wish as `media.policy.Wish` reads it; null: the site's ladder."""
    op.get_bind().exec_driver_sql("ALTER TABLE channels ADD COLUMN ladder jsonb")
