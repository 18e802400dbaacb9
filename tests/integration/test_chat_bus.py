"""The subscriber's side: few commands, acknowledged channels, listeners that fail, channels that are let go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat.bus import Bus
from chat.ending import end
from chat.keys import ACCOUNTS_CHANNEL, room_key
from chat.shards import Shards, open_shards
from tests.services.redis_proxy import RedisProxy
from tests.services.waiting import eventually


@asynccontextmanager
async def listening(shards: Shards, restored: list[frozenset[int]] | None = None) -> AsyncIterator[Bus]:
    """A bus that runs and is whole."""
    bus = Bus(shards, "test", lambda partitions: None if restored is None else restored.append(partitions))
    task = asyncio.create_task(bus.run())
    try:
        await eventually(partial(_is_whole, bus), "the bus to stand")
        yield bus
    finally:
        await end([task])


async def _is_whole(bus: Bus) -> bool:
    return bus.is_whole


def _channels(room_id: int, heard: list[bytes]) -> dict[str, "_Append"]:
    return {room_key(room_id, what): _Append(heard) for what in ("log", "side")}


class _Append:
    def __init__(self, heard: list[bytes]) -> None:
        self._heard = heard

    def __call__(self, data: bytes) -> None:
        self._heard.append(data)


async def _calls(redis: Redis, command: str) -> int:
    stats = await redis.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


async def test_a_thousand_rooms_open_with_few_commands(shards: Shards, redis: Redis) -> None:
    """512 channels a command, and one script a room."""
    heard: list[bytes] = []
    async with listening(shards) as bus:
        await bus.read_log(1, None)
        await redis.config_resetstat()

        async def open_room(room_id: int) -> None:
            await bus.subscribe(_channels(room_id, heard))
            await bus.read_log(room_id, None)

        await asyncio.gather(*(open_room(room_id) for room_id in range(1, 1001)))
        assert await _calls(redis, "ssubscribe") == 4
        assert await _calls(redis, "evalsha") == 1000
        for room_id in (1, 500, 1000):
            await redis.spublish(room_key(room_id, "side"), str(room_id))

        async def all_heard() -> bool:
            return heard == [b"1", b"500", b"1000"]

        await eventually(all_heard, "the three")


async def test_a_channel_that_comes_back_costs_nothing_and_one_that_stays_away_is_let_go(
    shards: Shards, redis: Redis
) -> None:
    """Redis is told with the second probe, for rooms come back."""
    heard: list[bytes] = []
    async with listening(shards) as bus:
        kept, gone = _channels(1, heard), _channels(2, heard)
        await bus.subscribe(kept | gone)
        await redis.config_resetstat()
        bus.unsubscribe(kept)
        await bus.subscribe(kept)
        assert await _calls(redis, "ssubscribe") == 0
        bus.unsubscribe(gone)
        await redis.spublish(room_key(2, "log"), "unheard")

        async def is_let_go() -> bool:
            return await redis.pubsub_shardnumsub(*gone) == [(name.encode(), 0) for name in gone]

        await eventually(is_let_go, "Redis to be told")
        assert await _calls(redis, "sunsubscribe") == 1
        await bus.subscribe(gone)
        await redis.spublish(room_key(2, "log"), "again")
        await redis.spublish(room_key(1, "log"), "kept")

        async def all_heard() -> bool:
            return heard == [b"again", b"kept"]

        await eventually(all_heard, "both")


async def test_a_listener_that_fails_hurts_nobody_else(shards: Shards, redis: Redis) -> None:
    """Nor does a notice that can't be read."""
    told: list[tuple[int, str | None]] = []
    bus = Bus(shards, "test", lambda _partitions: None)
    bus.listen_accounts(lambda account_id, session_id: told.append((account_id, session_id)))
    task = asyncio.create_task(bus.run())
    try:
        await eventually(partial(_is_whole, bus), "the bus to stand")
        await bus.subscribe({room_key(1, "log"): lambda data: told.append((int(data), "log"))})
        await redis.spublish(room_key(1, "log"), "not a number")
        for notice in ("nonsense", "{}", '{"account_id": 7, "session_id": null}'):
            await redis.publish(ACCOUNTS_CHANNEL, notice)
        await redis.spublish(room_key(1, "log"), "5")

        async def all_told() -> bool:
            return told == [(7, None), (5, "log")]

        await eventually(all_told, "both")
    finally:
        await end([task])


async def test_a_subscription_that_is_not_acknowledged_fails(redis_port: int, redis: Redis) -> None:
    """Within a second, and nothing is listened to; when all is heard again everything is told to be read."""
    heard: list[bytes] = []
    restored: list[frozenset[int]] = []
    async with (
        RedisProxy(redis_port) as proxy,
        open_shards(f"redis://127.0.0.1:{proxy.port}") as shards,
        listening(shards, restored) as bus,
    ):
        await bus.subscribe(_channels(1, heard))
        restored.clear()
        proxy.mute()
        with pytest.raises((TimeoutError, RedisError)):
            await bus.subscribe(_channels(2, heard))

        async def is_restored() -> bool:
            return bool(restored)

        await eventually(is_restored, "the deaf connection to be replaced")
        assert restored[0] == frozenset(range(128))
        for room_id in (2, 1):
            await redis.spublish(room_key(room_id, "log"), str(room_id))

        async def heard_one() -> bool:
            return heard == [b"1"]

        await eventually(heard_one, "the room that was subscribed")
