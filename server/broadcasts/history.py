"""What is remembered of a broadcast's figures: the last hour in Redis, and every ten seconds of all of it in Postgres.

Both are written when a report is read; a report that is read twice changes nothing but the weight of its point.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog

from media.jobs import Health, encode, live_key
from server.background import JobState, repeat
from server.broadcasts import charts
from server.broadcasts.charts import RECENT_POINTS, SLOT_SECONDS, Chart, Point, Series, step_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.broadcasts.store import BroadcastRow
    from server.db.pool import Connection, Pool

REPORT_SECONDS: Final = 15
"""A worker reports every 2 s; after so long nothing is known of how it goes."""
RECENT_SECONDS: Final = 7_200
"""Expiry of the points of the last hour, from the last one on."""
LOOK_BACK: Final = 3 * SLOT_SECONDS // charts.STEP_SECONDS
"""Reports that a slot may have, and some."""
RETENTION_DAYS: Final = 90
FORGET_ROWS: Final = 10_000
FORGET_EVERY_SECONDS: Final = 600.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


def points_key(public_id: str) -> str:
    """List of `charts.Point`s, the last hour's."""
    return live_key(public_id, "figures")


def channel_health_key(channel_id: int) -> str:
    """The last report of the channel's open broadcast, for those who follow a channel and not a broadcast."""
    return f"leams:ingest:health:{channel_id}"


async def remember(redis: "Redis", db: "Pool", row: "BroadcastRow", report: Health) -> None:
    """Keep one report's figures.

    Raises:
        RedisError, asyncpg.PostgresError, OSError: it may be tried again.
    """
    now = charts.point_of(report)
    key = points_key(report.public_id)
    async with redis.pipeline(transaction=False) as pipe:
        pipe.set(channel_health_key(row.channel_id), encode(report), ex=REPORT_SECONDS)
        pipe.lrange(key, -LOOK_BACK, -1)
        pipe.rpush(key, charts.encode(now))
        pipe.ltrim(key, -RECENT_POINTS, -1)
        pipe.expire(key, RECENT_SECONDS)
        _, before, *_ = await pipe.execute()
    kept = charts.finished(charts.decode_all(before), now)
    if kept is not None:
        async with db.acquire() as connection:
            await insert_point(connection, row.id, kept)


async def insert_point(connection: "Connection", broadcast_id: int, point: Point) -> None:
    """Keep the point of one slot; the first one stands."""
    await connection.execute(
        "INSERT INTO broadcast_figures (broadcast_id, at, video_kbps, fps, keyframe_seconds, audio_db, speed, dropped)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        broadcast_id,
        datetime.fromtimestamp(point.at_ms / 1000, UTC),
        *point.values,
    )


async def recent_chart(redis: "Redis", public_id: str, minutes: int, now_ms: int) -> Chart:
    """The last minutes, a point every 2 s.

    Raises:
        RedisError: Redis is away.
    """
    step_ms = charts.STEP_SECONDS * 1000
    count = minutes * 60_000 // step_ms
    kept: Any = await redis.lrange(points_key(public_id), -RECENT_POINTS, -1)
    # its last step is one that is over, so that it may have its point
    from_ms = now_ms // step_ms * step_ms - count * step_ms
    return charts.chart(charts.decode_all(kept), from_ms, charts.STEP_SECONDS, count)


async def whole_chart(connection: "Connection", broadcast_id: int) -> Chart | None:
    """A broadcast from its first kept point to its last; None when nothing is kept."""
    span = await connection.fetchrow(
        "SELECT extract(epoch FROM min(at))::bigint AS first, extract(epoch FROM max(at))::bigint AS last"
        " FROM broadcast_figures WHERE broadcast_id = $1",
        broadcast_id,
    )
    if span is None or span["first"] is None:
        return None
    length = span["last"] - span["first"] + SLOT_SECONDS
    step = step_of(length)
    # dropped counts a minute: the mean of several is still of one minute
    rows = await connection.fetch(
        "SELECT ((extract(epoch FROM at)::bigint - $2::bigint) / $3::bigint)::int AS place,"
        " avg(video_kbps)::float8 AS video_kbps, avg(fps)::float8 AS fps,"
        " avg(keyframe_seconds)::float8 AS keyframe_seconds, avg(audio_db)::float8 AS audio_db,"
        " avg(speed)::float8 AS speed, avg(dropped)::float8 AS dropped"
        " FROM broadcast_figures WHERE broadcast_id = $1 GROUP BY place",
        broadcast_id,
        span["first"],
        step,
    )
    columns: list[list[float | None]] = [[None] * -(-length // step) for _ in charts.NAMES]
    for row in rows:
        for column, name in zip(columns, charts.NAMES, strict=True):
            column[row["place"]] = None if row[name] is None else round(row[name], 3)
    return Chart(step, span["first"] * 1000, Series(*columns))


async def forget_old_points(connection: "Connection") -> int:
    """Delete some of what is older than `RETENTION_DAYS`; returns how many went."""
    done: str = await connection.execute(
        "DELETE FROM broadcast_figures WHERE ctid = ANY (ARRAY(SELECT ctid FROM broadcast_figures"
        " WHERE at < now() - make_interval(days => $1) LIMIT $2))",
        RETENTION_DAYS,
        FORGET_ROWS,
    )
    return int(done.rpartition(" ")[2])


async def forget_figures(state: JobState) -> None:
    """The jobs part that deletes old points, in batches, until cancelled."""

    async def once() -> bool:
        async with state.db.acquire() as connection:
            gone = await forget_old_points(connection)
        if gone:
            _log.info("figures_forgotten", points=gone)
        return gone == FORGET_ROWS

    await repeat(state, "forget_figures", once, every_seconds=FORGET_EVERY_SECONDS)
