"""The archiver: everything said comes to stand in Postgres once, whoever dies in between."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from bench.services import postgres_server
from chat.archive import BATCH_ENTRIES, LOCK_SPACE, Copied, archive, waiting
from chat.availability import AWAY
from chat.keys import PARTITIONS, archive_key, partition, room_key
from chat.publisher import ARCHIVE_EVENTS, Published, Publisher, Stale, event_json, unavailable
from chat.ratelimit import Allowance
from chat.room import Refusal
from chat.shards import Shards, open_shards
from chat.wire import Author, Message
from server.background import JobState
from server.chat_archiver import Archiver, archive_chat
from server.db.pool import Pool, open_pool
from server.db.schema import migrate
from server.settings import Settings
from tests.services.processes import end, listens, running
from tests.services.rooms import Stage, open_stage
from tests.services.waiting import eventually
from workbench.machine import free_port, give_to_user
from workbench.redis import redis_command

CLEARED = b'{"t":"room_cleared","at_ms":1,"by":{"id":1,"name":"bob"}}'


async def say_many(stage: Stage, count: int) -> None:
    await asyncio.gather(*(stage.say("bob", f"line {number}") for number in range(count)))


async def copy_partition(shards: Shards, db: Pool, number: int) -> Copied:
    return await archive(shards, db, {number: BATCH_ENTRIES})


async def archived(db: Pool) -> list[int]:
    return [row["offset"] for row in await db.fetch('SELECT "offset" FROM chat_events ORDER BY "offset"')]


async def test_a_message_and_a_sanction_become_rows(db: Pool, redis: Redis, shards: Shards) -> None:
    """Kind, time and the account it is about are columns; the event is kept whole."""
    stage = await open_stage(db, shards)
    message_id = await stage.say("bob", "hello 🙂")
    await stage.order("mona", "/timeout bob 10m spam")
    await stage.order("mona", "/clear")
    number = partition(stage.room_id)
    waits = await waiting(shards)
    assert {partition: wait.entries for partition, wait in waits.items()} == {number: 3}
    assert 0 <= time.time() * 1000 - waits[number].since_ms < 60_000
    assert await copy_partition(shards, db, number) == Copied(archived=3)
    rows = await db.fetch('SELECT * FROM chat_events ORDER BY "offset"')
    bob = stage.ids["bob"]
    assert [(row["offset"], row["kind"], row["account_id"]) for row in rows] == [
        (1, "message", bob),
        (2, "user_cleared", bob),
        (3, "room_cleared", None),
    ]
    head = await redis.hget(room_key(stage.room_id, "head"), "epoch")
    assert isinstance(head, bytes)
    assert {row["epoch"] for row in rows} == {head.decode()}
    assert (rows[0]["event"]["id"], rows[0]["event"]["text"]) == (message_id, "hello 🙂")
    assert round(rows[1]["at"].timestamp() * 1000) == rows[1]["event"]["at_ms"]
    assert await redis.xlen(archive_key(number)) == 0
    assert await waiting(shards) == {}


async def add(redis: Redis, room_id: int, offsets: range, event: bytes = CLEARED) -> None:
    """Entries as the publish script writes them, without its limits."""
    key = archive_key(partition(room_id))
    async with redis.pipeline(transaction=False) as pipeline:
        for offset in offsets:
            pipeline.xadd(key, {"room": room_id, "epoch": "e", "offset": offset, "event": event})
        await pipeline.execute()


async def test_batches_go_on_until_the_stream_is_empty(
    db: Pool, redis: Redis, shards: Shards, settings: Settings
) -> None:
    """More than a batch says so; the lag is told while something waits, and is 0 after."""
    await add(redis, 12, range(1, BATCH_ENTRIES + 21))
    archiver = Archiver(JobState(settings, db, redis, shards))
    assert archiver.lag_seconds() == 0
    assert await archiver.once() is True
    assert archiver.lag_seconds() > 0
    assert await archiver.once() is False
    assert archiver.lag_seconds() == 0
    assert await archived(db) == list(range(1, BATCH_ENTRIES + 21))


async def test_the_lag_grows_while_postgres_is_away(db: Pool, redis: Redis, shards: Shards, settings: Settings) -> None:
    """Also from the first pass on: what waits is known from Redis, and each failed pass leaves the clock running."""
    await add(redis, 12, range(1, 4))
    async with open_pool(settings.database_url) as closed:
        archiver = Archiver(JobState(settings, closed, redis, shards))
    for _ in range(2):
        with pytest.raises(asyncpg.InterfaceError):
            await archiver.once()
    first = archiver.lag_seconds()
    assert 0 < first < archiver.lag_seconds() < 60
    assert await redis.xlen(archive_key(partition(12))) == 3


async def test_what_another_is_at_is_not_waited_for(db: Pool, redis: Redis, shards: Shards, settings: Settings) -> None:
    """A partition whose lock is held stays in the lag, and is no reason to come back at once."""
    await add(redis, 12, range(1, 4))
    archiver = Archiver(JobState(settings, db, redis, shards))
    async with db.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1, $2)", LOCK_SPACE, partition(12))
        assert await archiver.once() is False
        assert archiver.lag_seconds() > 0
    assert await archiver.once() is False
    assert archiver.lag_seconds() == 0
    assert await archived(db) == [1, 2, 3]


async def test_a_kind_that_only_newer_processes_know_is_kept(db: Pool, redis: Redis, shards: Shards) -> None:
    """While a new version is rolled out, its events are archived by the old one as they are."""
    event = b'{"t":"fireworks","at_ms":1700000000123,"author":{"id":7,"name":"bob","role":"vip"},"stars":[1,{"a":2}]}'
    await add(redis, 12, range(1, 2), event)
    assert await copy_partition(shards, db, partition(12)) == Copied(archived=1)
    row = await db.fetchrow("SELECT * FROM chat_events")
    assert row is not None
    assert (row["kind"], row["account_id"], row["event"]["stars"]) == ("fireworks", 7, [1, {"a": 2}])
    assert row["at"].timestamp() == 1700000000.123


async def test_only_what_was_copied_is_deleted(db: Pool, redis: Redis, shards: Shards) -> None:
    """While a copy ran, its stream was lost and begun anew by a slower clock: those entries are not archived yet."""
    key = archive_key(partition(12))
    await add(redis, 12, range(1, 4))
    async with db.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE chat_events IN EXCLUSIVE MODE")
        copy = asyncio.create_task(copy_partition(shards, db, partition(12)))

        async def waits() -> bool:
            return bool(await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await eventually(waits, "the insert to wait for the table")
        await redis.delete(key)
        await redis.xadd(key, {"room": 12, "epoch": "f", "offset": 1, "event": CLEARED}, id="5-0")
    assert await copy == Copied(archived=3)
    assert await redis.xlen(key) == 1
    assert await copy_partition(shards, db, partition(12)) == Copied(archived=1)
    assert await archived(db) == [1, 1, 2, 3]


async def test_the_second_copy_is_harmless(db: Pool, redis: Redis, shards: Shards) -> None:
    """An archiver killed between commit and deletion leaves entries that the next one copies again, to no effect."""
    stage = await open_stage(db, shards)
    await say_many(stage, 5)
    key = archive_key(partition(stage.room_id))
    before = await redis.dump(key)
    await copy_partition(shards, db, partition(stage.room_id))
    assert before is not None
    await redis.restore(key, 0, before, replace=True)
    await say_many(stage, 2)
    await copy_partition(shards, db, partition(stage.room_id))
    assert await archived(db) == [1, 2, 3, 4, 5, 6, 7]


async def test_what_came_during_the_copy_stays(db: Pool, shards: Shards) -> None:
    """Only what was committed leaves the stream."""
    stage = await open_stage(db, shards)
    await say_many(stage, 3)
    number = partition(stage.room_id)
    await asyncio.gather(copy_partition(shards, db, number), say_many(stage, 50))
    await copy_partition(shards, db, number)
    assert await archived(db) == list(range(1, 54))


async def test_two_archivers_share_a_partition_by_its_lock(db: Pool, shards: Shards) -> None:
    """While one is at a partition the other passes on; the lock goes with its transaction."""
    stage = await open_stage(db, shards)
    await say_many(stage, 3)
    number = partition(stage.room_id)
    passes = await asyncio.gather(*(copy_partition(shards, db, number) for _ in range(4)))
    assert sum(one.archived for one in passes) >= 3
    assert await archived(db) == [1, 2, 3]


async def test_an_entry_that_is_none_of_ours_stops_nobody(
    db: Pool, redis: Redis, shards: Shards, settings: Settings
) -> None:
    """What can never be archived is counted and dropped; its neighbours are kept."""
    stage = await open_stage(db, shards)
    key = archive_key(partition(stage.room_id))
    await stage.say("bob", "before")
    await redis.xadd(key, {"room": "x", "epoch": "e", "offset": "1", "event": "{}"})
    await redis.xadd(key, {"what": "else"})
    nul = b'{"t":"message","id":"m","at_ms":1,"author":{"id":1,"name":"bob"},"text":"a\\u0000b"}'
    for offset, event in (("9", nul), ("9", b'{"t":"x","at_ms":1,"y":"\xff"}'), ("1" + "0" * 30, CLEARED)):
        await redis.xadd(key, {"room": "1", "epoch": "e", "offset": offset, "event": event})
    for at_ms in (9 << 50, 9 << 90):
        event = b'{"t":"room_cleared","at_ms":%d}' % at_ms
        await redis.xadd(key, {"room": "1", "epoch": "e", "offset": "9", "event": event})
    await stage.say("bob", "after")
    assert await copy_partition(shards, db, partition(stage.room_id)) == Copied(archived=2, refused=7)
    assert await archived(db) == [1, 2]
    assert await redis.xlen(key) == 0


async def test_every_partition_is_looked_at(db: Pool, redis: Redis, shards: Shards, settings: Settings) -> None:
    """All 128 streams are the archiver's."""
    for number in range(PARTITIONS):
        await redis.xadd(archive_key(number), {"room": number, "epoch": "e", "offset": 1, "event": CLEARED})
    assert await Archiver(JobState(settings, db, redis, shards)).once() is False
    assert await db.fetchval("SELECT count(*) FROM chat_events") == PARTITIONS


@asynccontextmanager
async def archiving(state: JobState) -> AsyncIterator[None]:
    task = asyncio.create_task(archive_chat(state))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def has_archived(db: Pool, count: int) -> Callable[[], "asyncio.Future[bool]"]:
    async def look() -> bool:
        return len(await archived(db)) == count

    return lambda: asyncio.ensure_future(look())


async def test_a_postgres_that_drops_its_connections_delays_only(
    db: Pool, redis: Redis, shards: Shards, settings: Settings
) -> None:
    """Connections cut in the middle (a restart does the same) cost a retry, never a message."""
    stage = await open_stage(db, shards)
    async with open_pool(settings.database_url) as own, archiving(JobState(settings, own, redis, shards)):
        for turn in range(1, 4):
            await say_many(stage, 40)
            await db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await eventually(has_archived(db, turn * 40), "the archive")
    assert await archived(db) == list(range(1, 121))


async def test_two_archivers_beside_each_other(db: Pool, redis: Redis, shards: Shards, settings: Settings) -> None:
    """As while a new version is started beside the old one: together they miss nothing and double nothing."""
    async with AsyncExitStack() as stack:
        for _ in range(2):
            own = await stack.enter_async_context(open_pool(settings.database_url))
            await stack.enter_async_context(archiving(JobState(settings, own, redis, shards)))
        for turn in range(30):
            for room_id in range(1, 21):
                await add(redis, room_id, range(1 + turn * 10, 11 + turn * 10))
        await eventually(has_archived(db, 6000), "the archive")
        assert await db.fetchval('SELECT count(DISTINCT (channel_id, "offset")) FROM chat_events') == 6000

        async def is_empty() -> bool:
            return await waiting(shards) == {}

        await eventually(is_empty, "the streams to be empty")


async def test_a_full_stream_refuses_for_the_moment(db: Pool, redis: Redis, shards: Shards) -> None:
    """Nobody's message is taken that may not be kept; with the first that is archived, speaking goes on."""
    stage = await open_stage(db, shards)
    key = archive_key(partition(stage.room_id))
    fill = (
        "for n = 1, ARGV[1] do"
        " redis.call('XADD', KEYS[1], '*', 'room', 1, 'epoch', 'e', 'offset', n, 'event', ARGV[2]) end"
    )
    await redis.eval(fill, 1, key, str(ARCHIVE_EVENTS), CLEARED)

    def say() -> "asyncio.Future[Published | Stale | Refusal]":
        message = Message("m", 1, Author(stage.ids["bob"], "bob"), "hello")
        return Publisher(shards).say(
            stage.room_id,
            event_json(message),
            account_id=1,
            nonce="n",
            judged_by=0,
            slow_seconds=0,
            allowance=Allowance(9, 1),
        )

    assert await say() == unavailable()
    assert await stage.log() == []
    await copy_partition(shards, db, partition(stage.room_id))
    assert isinstance(await say(), Published)


@pytest.mark.timeout(60)
async def test_a_postgres_killed_and_restarted_misses_nothing(
    redis: Redis, shards: Shards, settings: Settings, service_folder: Path
) -> None:
    """Kill -9 in the middle of copies: what was committed is there, what was not is copied when it is back."""

    async def has_all(own: Pool, count: int) -> bool:
        try:
            return len(await archived(own)) == count
        except AWAY:
            return False

    folder = service_folder / "archive-postgres"
    folder.mkdir()
    folder.chmod(0o755)
    port = free_port()
    url = f"postgresql://leams@127.0.0.1:{port}/postgres"
    with ExitStack() as servers:
        process = await asyncio.to_thread(servers.enter_context, postgres_server(folder, port))
        await asyncio.to_thread(migrate, url)
        async with open_pool(url) as own, archiving(JobState(settings, own, redis, shards)):
            for turn in range(2):
                for room_id in range(1, 101):
                    await add(redis, room_id, range(1 + turn * 40, 41 + turn * 40))
                process.kill()
                process.wait()
                process = await asyncio.to_thread(servers.enter_context, postgres_server(folder, port))
                await eventually(partial(has_all, own, 4000 * (turn + 1)), "the archive")
            assert await own.fetchval('SELECT count(DISTINCT (channel_id, "offset")) FROM chat_events') == 8000


@contextmanager
def own_redis(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    with running(redis_command(folder, port), folder / "log", lambda: listens(port), drop_root=True) as process:
        yield process


async def test_a_redis_killed_and_restarted_loses_nothing_acknowledged(
    db: Pool, redis: Redis, settings: Settings, service_folder: Path
) -> None:
    """What waited in the streams is there again after a kill -9 of Redis, and the archiver goes on by itself."""
    folder, port = service_folder / "archive-redis", free_port()
    folder.mkdir()
    give_to_user(folder)
    url = f"redis://127.0.0.1:{port}"
    with own_redis(folder, port) as process:
        async with open_shards(url) as shards:
            await say_many(await open_stage(db, shards), 30)
        process.kill()
        process.wait()
    async with open_shards(url) as shards, archiving(JobState(settings, db, redis, shards)):
        with own_redis(folder, port):
            await eventually(has_archived(db, 30), "the archive")
            assert await archived(db) == list(range(1, 31))


@pytest.mark.timeout(60)
async def test_a_killed_archiver_loses_and_doubles_nothing(
    db: Pool, shards: Shards, settings: Settings, redis_url: str, tmp_path: Path
) -> None:
    """Kill -9 of the jobs process while messages flow: the next one goes on where the commits stopped."""
    stage = await open_stage(db, shards)
    env = {
        **os.environ,
        "LEAMS_DATABASE_URL": settings.database_url,
        "LEAMS_REDIS_URL": redis_url,
        "LEAMS_HOOK_SECRET": "hook-secret-of-the-tests",
        "LEAMS_METRICS_PORT": "0",
        "MEDIA_STORE": (tmp_path / "media").as_uri(),
    }

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "server", "jobs"]
        with (tmp_path / "jobs.log").open("ab") as log:
            return subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)

    jobs = start()
    try:
        for turn in range(3):
            await say_many(stage, 200)

            async def some() -> bool:
                return len(await archived(db)) > turn * 200  # noqa: B023  # looked at within this turn

            await eventually(some, "the first of this turn's rows")
            jobs.send_signal(signal.SIGKILL)
            jobs.wait()
            jobs = start()
        await eventually(has_archived(db, 600), "the archive")
        assert await archived(db) == list(range(1, 601))
    finally:
        end(jobs)
