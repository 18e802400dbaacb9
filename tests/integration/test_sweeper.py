"""The sweeper on a real store, window and database: nothing goes that somebody may still fetch."""

from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from media.live import LiveWindows
from media.store import MediaStore
from media.window import Master, Piece, Record, Tail, retention_seconds
from server.broadcasts.rules import ENDED_KEPT_SECONDS
from server.broadcasts.sweeper import HOLD_SLACK_SECONDS, Sweeper
from server.db.pool import Pool
from server.settings import Settings
from tests.services.ingest import make_channel

OPEN, ENDED, OLDER = "0" * 18, "1" * 18, "2" * 18
NOW = 2_000_000_000.0


def record(sequence: int) -> Record:
    return Record(
        sequence, 1, 1, 0, 2_000_000, has_discontinuity=False, is_slate=False, pieces={"720p": Piece(2, 1, 9)}
    )


@dataclass
class Yard:
    """A sweeper and what it sweeps."""

    sweeper: Sweeper
    media: MediaStore
    windows: LiveWindows
    db: Pool
    channel_id: int

    async def sweep(self, now: float) -> None:
        async with self.db.acquire() as connection:
            await self.sweeper.once(connection, now)

    async def names(self) -> set[str]:
        return {item.name async for item in self.media.objects()}

    async def broadcast(self, public_id: str, ended_ago: float | None = None) -> None:
        async with self.db.acquire() as connection:
            await connection.execute(
                "INSERT INTO broadcasts (public_id, channel_id, state, title, category, ended_at)"
                " VALUES ($1, $2, $3, '', '', to_timestamp($4))",
                public_id,
                self.channel_id,
                "live" if ended_ago is None else "ended",
                None if ended_ago is None else NOW - ended_ago,
            )


@pytest.fixture
async def yard(settings: Settings, db: Pool, redis: Redis) -> Yard:
    media, windows = MediaStore(settings.media_store), LiveWindows(redis)
    channel_id, _ = await make_channel(db, "Maria")
    return Yard(Sweeper(media, windows, 10_000), media, windows, db, channel_id)


async def test_a_live_broadcast_keeps_what_players_may_fetch(yard: Yard) -> None:
    """Listed segments, their init and the thumbnail stay; what left goes after the time the RFC gives it."""
    await yard.broadcast(OPEN)
    files = {f"{OPEN}/720p/1-{number}.m4s" for number in range(4)} | {
        f"{OPEN}/720p/1-1-init.mp4",
        f"{OPEN}/thumbnail.jpg",
    }
    for name in files:
        await yard.media.put(name, b"x" * 100)
    await yard.sweep(NOW)
    assert await yard.names() == files, "no window yet: nothing goes"
    claimed = await yard.windows.claim(OPEN)
    assert claimed is not None
    records = [record(number) for number in range(4)]
    tails, master = {"720p": Tail()}, Master(target_duration_seconds=2)
    await yard.windows.publish(OPEN, claimed.generation, tails, records, master, keep_records=3)
    await yard.sweep(NOW)
    hold = retention_seconds(2, 6) + HOLD_SLACK_SECONDS
    await yard.sweep(NOW + hold - 1)
    assert await yard.names() == files
    await yard.sweep(NOW + hold)
    assert await yard.names() == files - {f"{OPEN}/720p/1-0.m4s"}


async def test_ended_media_stays_an_hour(yard: Yard) -> None:
    """Who comes late still plays the last window; then the folder goes, and the row says so."""
    await yard.broadcast(ENDED, ended_ago=ENDED_KEPT_SECONDS - 10)
    await yard.media.put(f"{ENDED}/720p/1-1.m4s", b"x")
    await yard.sweep(NOW)
    assert await yard.names() == {f"{ENDED}/720p/1-1.m4s"}
    await yard.sweep(NOW + 11)
    assert await yard.names() == set()
    async with yard.db.acquire() as connection:
        assert await connection.fetchval("SELECT media_deleted_at IS NOT NULL FROM broadcasts")


async def test_a_full_store_loses_the_oldest_ended_first(yard: Yard) -> None:
    """Above the bound ended media goes before its hour, oldest first; what is live stays even if it is too much."""
    await yard.broadcast(OPEN)
    await yard.broadcast(ENDED, ended_ago=10)
    await yard.broadcast(OLDER, ended_ago=20)
    for public_id in (OPEN, ENDED, OLDER):
        await yard.media.put(f"{public_id}/720p/1-1.m4s", b"x" * 4000)
    await yard.sweep(NOW)
    assert await yard.names() == {f"{OPEN}/720p/1-1.m4s", f"{ENDED}/720p/1-1.m4s"}
    await yard.media.put(f"{OPEN}/720p/1-2.m4s", b"x" * 20_000)
    await yard.sweep(NOW)
    assert await yard.names() == {f"{OPEN}/720p/1-1.m4s", f"{OPEN}/720p/1-2.m4s"}


async def test_media_of_nobody_goes_and_other_things_stay(yard: Yard) -> None:
    """A deleted channel's broadcasts leave no rows and no media; the store may hold more than broadcasts."""
    await yard.media.put(f"{'a' * 18}/720p/1-1.m4s", b"x")
    await yard.media.put("avatars/1.png", b"x")
    await yard.sweep(NOW)
    assert await yard.names() == {"avatars/1.png"}
