"""Broadcasts' minutes: how many watched, and how they fared."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE broadcast_minutes (
      broadcast_id   bigint NOT NULL REFERENCES broadcasts ON DELETE CASCADE,
      minute         timestamptz NOT NULL,
      viewers_max    integer NOT NULL DEFAULT 0,
      viewers_sum    bigint NOT NULL DEFAULT 0,
      viewer_samples integer NOT NULL DEFAULT 0,
      starts         bigint NOT NULL DEFAULT 0,
      ends           bigint NOT NULL DEFAULT 0,
      played_ms      bigint NOT NULL DEFAULT 0,
      stalled_ms     bigint NOT NULL DEFAULT 0,
      stalls         bigint NOT NULL DEFAULT 0,
      dropped_frames bigint NOT NULL DEFAULT 0,
      frames         bigint NOT NULL DEFAULT 0,
      -- histograms by the bounds of server/analytics/rules.py; null: nothing was told yet
      startup        bigint[],
      latency        bigint[],
      rungs_ms       bigint[],
      PRIMARY KEY (broadcast_id, minute)
    )
    """,
    "CREATE INDEX broadcast_minutes_age ON broadcast_minutes (minute)",
    # how far the stream of beacons was recorded; one row
    "CREATE TABLE analytics_place (is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one), place text NOT NULL)",
    # entry by entry; the shorter one, or none, counts as nothing
    """
    CREATE FUNCTION sum_arrays(one bigint[], other bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
      SELECT array_agg(coalesce(a, 0) + coalesce(b, 0) ORDER BY place)
      FROM unnest(one, other) WITH ORDINALITY AS pairs (a, b, place)
    $$
    """,
)


def upgrade() -> None:
    """Two tables and what adds up histograms."""
    for statement in _STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
