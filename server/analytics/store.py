"""Broadcasts' minutes in Postgres."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from server.analytics.rules import MINUTE_MS, Minute, Tally
from server.bodies import unix_ms

if TYPE_CHECKING:
    from server.db.pool import Connection

_ADD = """
INSERT INTO broadcast_minutes AS m (broadcast_id, minute, starts, ends, played_ms, stalled_ms, stalls, dropped_frames,
  frames, startup, latency, rungs_ms)
SELECT id, $2::timestamptz, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint,
  $9::bigint, $10::bigint[], $11::bigint[], $12::bigint[] FROM broadcasts WHERE public_id = $1
ON CONFLICT (broadcast_id, minute) DO UPDATE SET
  starts = m.starts + excluded.starts,
  ends = m.ends + excluded.ends,
  played_ms = m.played_ms + excluded.played_ms,
  stalled_ms = m.stalled_ms + excluded.stalled_ms,
  stalls = m.stalls + excluded.stalls,
  dropped_frames = m.dropped_frames + excluded.dropped_frames,
  frames = m.frames + excluded.frames,
  startup = sum_arrays(m.startup, excluded.startup),
  latency = sum_arrays(m.latency, excluded.latency),
  rungs_ms = sum_arrays(m.rungs_ms, excluded.rungs_ms)
"""
_SAMPLE = """
INSERT INTO broadcast_minutes AS m (broadcast_id, minute, viewers_max, viewers_sum, viewer_samples)
SELECT id, $2::timestamptz, $3::integer, $3::integer, 1 FROM broadcasts WHERE public_id = $1
ON CONFLICT (broadcast_id, minute) DO UPDATE SET
  viewers_max = greatest(m.viewers_max, excluded.viewers_max),
  viewers_sum = m.viewers_sum + excluded.viewers_sum,
  viewer_samples = m.viewer_samples + 1
"""
_MINUTES = """
SELECT m.* FROM broadcast_minutes m WHERE m.broadcast_id = $1 ORDER BY m.minute DESC LIMIT $2
"""


async def stream_place(connection: "Connection") -> str:
    """How far the stream has been recorded."""
    place: str | None = await connection.fetchval("SELECT place FROM analytics_place")
    return place or "0-0"


async def save_stream_place(connection: "Connection", place: str) -> None:
    """Remember how far the stream has been recorded: in the transaction that records it."""
    await connection.execute(
        "INSERT INTO analytics_place (place) VALUES ($1) ON CONFLICT (is_one) DO UPDATE SET place = excluded.place",
        place,
    )


async def add_tallies(connection: "Connection", tallies: Mapping[tuple[str, int], Tally]) -> None:
    """Add sums to their minutes; those of broadcasts that are gone are gone with them."""
    await connection.executemany(
        _ADD,
        [
            (
                public_id,
                _moment(minute),
                tally.starts,
                tally.ends,
                tally.played_ms,
                tally.stalled_ms,
                tally.stalls,
                tally.dropped_frames,
                tally.frames,
                tally.startup,
                tally.latency,
                tally.rungs_ms,
            )
            for (public_id, minute), tally in tallies.items()
        ],
    )


async def add_viewers(connection: "Connection", minute: int, viewers: Mapping[str, int]) -> None:
    """Add one sample of each broadcast's viewers."""
    await connection.executemany(_SAMPLE, [(public_id, _moment(minute), count) for public_id, count in viewers.items()])


async def minutes_of(connection: "Connection", broadcast_id: int, most: int) -> list[Minute]:
    """A broadcast's last minutes, oldest first."""
    rows = await connection.fetch(_MINUTES, broadcast_id, most)
    return [
        Minute(
            unix_ms(row["minute"]),
            row["viewers_max"],
            row["viewers_sum"],
            row["viewer_samples"],
            # what has no beacons yet has no histograms
            Tally(**{name: row[name] for name in Tally.__struct_fields__ if row[name] is not None}),
        )
        for row in reversed(rows)
    ]


async def broadcast_of_channel(connection: "Connection", channel_id: int, public_id: str) -> int | None:
    """The row's id of a channel's broadcast, open or ended."""
    found: int | None = await connection.fetchval(
        "SELECT id FROM broadcasts WHERE channel_id = $1 AND public_id = $2", channel_id, public_id
    )
    return found


async def delete_before(connection: "Connection", now: float, kept_days: int, most: int) -> int:
    """Delete minutes that are older; how many there were, `most` at once."""
    status: str = await connection.execute(
        "DELETE FROM broadcast_minutes WHERE ctid IN"
        " (SELECT ctid FROM broadcast_minutes WHERE minute < $1 ORDER BY minute LIMIT $2)",
        datetime.fromtimestamp(now, UTC) - timedelta(days=kept_days),
        most,
    )
    return int(status.rpartition(" ")[2])


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * MINUTE_MS // 1000, UTC)
