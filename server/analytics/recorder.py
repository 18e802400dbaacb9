"""The jobs part that keeps what the doors were told, and how many watch, by the minute.

The place in the stream is saved by the transaction that records what stood before it, so every entry counts once,
whatever is killed when.  A sample of viewers is its own: one that is lost or doubled moves an average a little.
"""

import time
from typing import TYPE_CHECKING, Final

import structlog

from chat.presence import room_counts
from server.analytics import store
from server.analytics.rules import MINUTE_MS, Tally
from server.analytics.stream import forget_until, read_after
from server.background import JobState, repeat
from server.broadcasts.store import open_broadcasts

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from chat.shards import Shards
    from server.db.pool import Connection

EVERY_SECONDS: Final = 5.0
ADVISORY_LOCK: Final = 0x1EA_0005
BATCH: Final = 1000
KEPT_DAYS: Final = 180
"""A row takes about 400 bytes: a channel that never ends has 100 MB then."""
DELETE_BATCH: Final = 1000

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def record_analytics(state: JobState) -> None:
    """Record until cancelled, while this process holds the lock."""

    async def lead() -> bool:
        async with state.db.acquire() as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
                return False
            now = time.time()
            more = await record_beacons(connection, state.redis)
            if not more:
                await sample_viewers(connection, state.shards, now)
                await store.delete_before(connection, now, KEPT_DAYS, DELETE_BATCH)
            return more

    await repeat(state, "analytics", lead, every_seconds=EVERY_SECONDS)


async def record_beacons(connection: "Connection", redis: "Redis") -> bool:
    """Record one batch of the stream; True when more waits.

    Raises:
        RedisError, asyncpg.PostgresError, OSError: something is away; nothing of the batch was recorded, or all.
    """
    async with connection.transaction():
        entries, place, more = await read_after(redis, await store.stream_place(connection), BATCH)
        tallies: dict[tuple[str, int], Tally] = {}
        for entry in entries:
            tallies.setdefault((entry.broadcast, entry.minute), Tally()).merge(entry.tally)
        await store.add_tallies(connection, tallies)
        await store.save_stream_place(connection, place)
    await forget_until(redis, place)
    return more


async def sample_viewers(connection: "Connection", shards: "Shards", now: float) -> None:
    """Record how many watch each broadcast that is on air.

    Raises:
        RedisError, asyncpg.PostgresError, OSError: something is away.
    """
    channels = {
        row.channel_id: row.broadcast.public_id
        for row in await open_broadcasts(connection)
        if row.broadcast.live_at is not None and row.is_public  # of others nobody tells, and the room can't see them
    }
    if channels:
        counts = await room_counts(shards, channels)
        viewers = {public_id: counts[channel_id].viewers for channel_id, public_id in channels.items()}
        await store.add_viewers(connection, int(now * 1000) // MINUTE_MS, viewers)
