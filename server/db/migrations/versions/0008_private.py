"""Private broadcasts and tests: who may see, and the secret in their addresses."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE channels ADD COLUMN next_is_test boolean NOT NULL DEFAULT false",
    "ALTER TABLE channels ADD COLUMN visibility text NOT NULL DEFAULT 'public'",
    "ALTER TABLE channels ADD CHECK (visibility IN ('public', 'private'))",
    # the capability stands in every address of a private broadcast's media; null: public
    "ALTER TABLE broadcasts ADD COLUMN capability text, ADD COLUMN is_test boolean NOT NULL DEFAULT false",
)


def upgrade() -> None:
    """Two columns each; what is there is public."""
    for statement in _STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
