"""How broadcasts went: their figures every ten seconds."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLE = """CREATE TABLE broadcast_figures (
  broadcast_id bigint NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
  at timestamptz NOT NULL,
  video_kbps real, fps real, keyframe_seconds real, audio_db real, speed real, dropped real,
  PRIMARY KEY (broadcast_id, at)
)"""
# rows come in the order of time, so what is too old is found by a few blocks' bounds
_INDEX = "CREATE INDEX broadcast_figures_at ON broadcast_figures USING brin (at)"


def upgrade() -> None:
    """One narrow table."""
    for statement in (_TABLE, _INDEX):
        op.get_bind().exec_driver_sql(statement)
