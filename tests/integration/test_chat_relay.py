"""The outbox relay: what a process committed and could not announce comes to stand in the room's log, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from chat.announcements import announce_waiting
from chat.commander import Commander
from chat.keys import archive_key, partition
from chat.publisher import Publisher
from chat.shards import Shards, open_shards
from chat.wire import Author
from server.background import JobState
from server.chat_relay import relay_once, relay_room_events
from server.db.pool import Pool
from server.settings import Settings
from tests.services.redis_proxy import RedisProxy
from tests.services.rooms import Stage, make_channel, open_stage
from tests.services.waiting import eventually
from workbench.machine import free_port


async def left_behind(stage: Stage, *lines: str) -> None:
    """Commit commands in a process that can't reach Redis."""
    async with open_shards("redis://127.0.0.1:1") as away:
        for number, line in enumerate(lines):
            author = Author(stage.ids["mona"], "mona", "moderator")
            await Commander(stage.db, away)(await stage.rules(), author, line, f"left{number}", is_staff=False)


async def waiting(db: Pool) -> int:
    count: int = await db.fetchval("SELECT count(*) FROM room_outbox WHERE relayed_at IS NULL")
    return count


@asynccontextmanager
async def relaying(state: JobState) -> AsyncIterator[None]:
    task = asyncio.create_task(relay_room_events(state))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_was_left_behind_is_announced_in_order_and_marked(
    db: Pool, redis: Redis, shards: Shards, settings: Settings
) -> None:
    """Every row older than a second stands in the log, in the order of the commits."""
    stage = await open_stage(db, shards)
    await left_behind(stage, *(f"/slow {seconds}" for seconds in range(1, 6)))
    assert await stage.log() == []
    async with relaying(JobState(settings, db, redis, shards)):

        async def all_relayed() -> bool:
            return await waiting(db) == 0

        await eventually(all_relayed, "the relay")
    assert [getattr(event, "slow_seconds", None) for event in await stage.log()] == [1, 2, 3, 4, 5]


async def test_the_youngest_are_the_committing_process_own(
    db: Pool, redis: Redis, shards: Shards, settings: Settings
) -> None:
    """Within its first second a row is left to the process that wrote it."""
    stage = await open_stage(db, shards)
    await left_behind(stage, "/slow 5")
    await db.execute("UPDATE room_outbox SET created_at = now() + interval '1 minute'")
    assert await relay_once(JobState(settings, db, redis, shards), Publisher(shards)) is False
    assert await waiting(db) == 1


async def test_an_announcement_repeated_stands_once(db: Pool, shards: Shards) -> None:
    """A relay that died between the log and the mark says it again; the log has it once, at the first place."""
    stage = await open_stage(db, shards)
    await left_behind(stage, "/ban bob")
    async with db.acquire() as connection:
        first = await announce_waiting(connection, Publisher(shards), stage.room_id)
        await connection.execute("UPDATE room_outbox SET relayed_at = NULL")
        again = await announce_waiting(connection, Publisher(shards), stage.room_id)
    assert first == again
    assert len(await stage.log()) == 1


async def test_two_relays_at_once_announce_once(db: Pool, redis: Redis, shards: Shards, settings: Settings) -> None:
    """As many jobs processes as one likes."""
    stage = await open_stage(db, shards)
    await left_behind(stage, *(f"/slow {seconds}" for seconds in range(1, 11)))
    await db.execute("UPDATE room_outbox SET created_at = now() - interval '1 minute'")
    state = JobState(settings, db, redis, shards)
    await asyncio.gather(*(relay_once(state, Publisher(shards)) for _ in range(3)))
    assert [getattr(event, "slow_seconds", None) for event in await stage.log()] == list(range(1, 11))


async def test_the_relay_waits_for_redis(
    db: Pool, redis: Redis, redis_port: int, shards: Shards, settings: Settings
) -> None:
    """A Redis that is away stops nothing for good: the same part announces when it is back."""
    stage = await open_stage(db, shards)
    await left_behind(stage, "/ban bob")
    port = free_port()

    async def relayed() -> bool:
        return await waiting(db) == 0

    async with open_shards(f"redis://127.0.0.1:{port}") as flaky, relaying(JobState(settings, db, redis, flaky)):
        assert await waiting(db) == 1
        async with RedisProxy(redis_port, port):
            await eventually(relayed, "the relay")
    assert len(await stage.log()) == 1


async def test_a_room_that_is_refused_holds_up_no_other(
    db: Pool, redis: Redis, shards: Shards, settings: Settings
) -> None:
    """An archive that takes nothing is its partition's trouble; the row waits on."""
    stage = await open_stage(db, shards)
    await left_behind(stage, "/slow 5")
    other = Stage(db, shards, await make_channel(db, stage.ids["bob"], "bob"), stage.ids, set())
    await db.execute("INSERT INTO room_roles VALUES ($1, $2, 'moderator')", other.room_id, stage.ids["mona"])
    await left_behind(other, "/slow 6")
    await db.execute("UPDATE room_outbox SET created_at = now() - interval '1 minute'")
    await redis.set(archive_key(partition(stage.room_id)), "not a stream")
    assert await relay_once(JobState(settings, db, redis, shards), Publisher(shards)) is True
    assert len(await other.log()) == 1
    assert await waiting(db) == 1
    await redis.delete(archive_key(partition(stage.room_id)))
    assert await relay_once(JobState(settings, db, redis, shards), Publisher(shards)) is True
    assert len(await stage.log()) == 1
