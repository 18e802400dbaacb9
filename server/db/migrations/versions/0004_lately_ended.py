"""The broadcasts that ended lately are found without reading all that ever were: the reconciler asks every 2 s."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One index."""
    op.get_bind().exec_driver_sql("CREATE INDEX broadcasts_ended ON broadcasts (ended_at) WHERE state = 'ended'")
