"""Recordings: the records of every broadcast's spine, and what is kept of it."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables and a wish; media of broadcasts that ended before go within the hour, as they always did."""
    connection = op.get_bind()
    connection.exec_driver_sql("ALTER TABLE channels ADD COLUMN record boolean NOT NULL DEFAULT true")
    # one row a segment, as the worker wrote it into Redis: `media.window.Record`.  Trimming, clips and highlights are
    # spans of sequence numbers.
    connection.exec_driver_sql(
        "CREATE TABLE broadcast_segments ("
        " broadcast_id bigint NOT NULL REFERENCES broadcasts ON DELETE CASCADE,"
        " sequence integer NOT NULL,"
        " record json NOT NULL,"
        " PRIMARY KEY (broadcast_id, sequence))"
    )
    connection.exec_driver_sql(
        "CREATE TABLE vods ("
        " broadcast_id bigint PRIMARY KEY REFERENCES broadcasts ON DELETE CASCADE,"
        " channel_id bigint NOT NULL REFERENCES channels ON DELETE CASCADE,"
        " state text NOT NULL CHECK (state IN ('recording', 'stopped', 'ready', 'deleted')),"
        " visibility text NOT NULL DEFAULT 'public' CHECK (visibility IN ('public', 'unlisted', 'private')),"
        " title text,"  # null: the broadcast's
        " master json,"
        " next_sequence integer NOT NULL DEFAULT 0,"  # records before it have been copied
        " recorded_through integer,"  # null: all of them
        " segments integer NOT NULL DEFAULT 0,"
        " duration_ms bigint NOT NULL DEFAULT 0,"
        " size_bytes bigint NOT NULL DEFAULT 0,"
        " recording_stopped_at timestamptz,"
        " recording_stopped_for text CHECK (recording_stopped_for IN ('disk_full', 'switched_off', 'over_quota')),"
        " ready_at timestamptz,"
        " expires_at timestamptz,"
        " deleted_at timestamptz,"
        " tidied_at timestamptz)"  # what only the live lists needed is gone
    )
    connection.exec_driver_sql("CREATE INDEX vods_channel ON vods (channel_id, broadcast_id DESC)")
    connection.exec_driver_sql(
        "CREATE INDEX vods_unfinished ON vods (broadcast_id) WHERE state IN ('recording', 'stopped')"
    )
    connection.exec_driver_sql("CREATE INDEX vods_untidy ON vods (broadcast_id) WHERE tidied_at IS NULL")
    connection.exec_driver_sql(
        "INSERT INTO vods (broadcast_id, channel_id, state, deleted_at)"
        " SELECT id, channel_id, 'deleted', now() FROM broadcasts WHERE state = 'ended'"
    )
