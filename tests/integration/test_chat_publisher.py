"""The scripts on a real Redis: places, nonces, limits, and epochs that sort whatever happens."""

import asyncio
import secrets
from typing import Any

import pytest
from redis.asyncio import Redis

from chat import publisher as publishing
from chat.bus import Bus
from chat.codes import Code
from chat.keys import archive_key, partition, room_key
from chat.publisher import Published, Publisher, Stale, event_json
from chat.ratelimit import Allowance
from chat.room import Position, Refusal
from chat.shards import Shards
from chat.wire import Author, Message

ROOM = 12
FREE = Allowance(1000, 1)


class Speaker:
    """One process's publisher; says things as somebody."""

    def __init__(self, shards: Shards) -> None:
        self._publisher = Publisher(shards)

    async def say(
        self,
        text: str = "x",
        *,
        by: int = 1,
        nonce: str | None = None,
        known: Position | None = None,
        allowance: Allowance = FREE,
        slow_seconds: int = 0,
        judged_by: int = 0,
    ) -> Published | Stale | Refusal:
        message = Message(secrets.token_hex(8), 1_700_000_000_000, Author(by, f"n{by}"), text)
        return await self._publisher.say(
            ROOM,
            event_json(message),
            account_id=by,
            nonce=nonce or secrets.token_hex(8),
            judged_by=judged_by,
            slow_seconds=slow_seconds,
            allowance=allowance,
            known=known,
        )

    async def place(self, known: Position | None = None) -> Position:
        """Where something said stands."""
        said = await self.say(known=known)
        assert isinstance(said, Published)
        return said.position


@pytest.fixture
def speaker(shards: Shards) -> Speaker:
    return Speaker(shards)


@pytest.fixture
def bus(shards: Shards) -> Bus:
    return Bus(shards, "test", lambda _partitions: None)


async def test_a_nonce_is_its_members_own(speaker: Speaker) -> None:
    """The same nonce of two members is two messages; repeated by one it is the first one's place, under any limit."""
    first = await speaker.say(by=1, nonce="n")
    second = await speaker.say(by=2, nonce="n")
    assert isinstance(first, Published)
    assert isinstance(second, Published)
    assert second.position == Position(first.position.epoch, 2)
    for limits in ({"slow_seconds": 60}, {"allowance": Allowance(1, 60_000)}, {}):
        again = await speaker.say(by=1, nonce="n", **limits)
        assert again == Published(first.position, is_repeat=True)


async def test_repeats_at_once_are_said_once(speaker: Speaker, redis: Redis) -> None:
    """However many tries of one send arrive, one is the first."""
    said = await asyncio.gather(*(speaker.say(nonce="n") for _ in range(20)))
    assert sorted(isinstance(one, Published) and one.is_repeat for one in said) == [False, *([True] * 19)]
    assert await redis.xlen(room_key(ROOM, "log")) == 1


async def test_slow_mode_and_rates_are_counted_by_redis(speaker: Speaker) -> None:
    """Refused with the time that is left; what was refused costs nothing."""
    assert isinstance(await speaker.say(by=1, slow_seconds=30), Published)
    slow = await speaker.say(by=1, slow_seconds=30)
    assert isinstance(slow, Refusal)
    assert slow.code is Code.SLOW_MODE
    assert 29_000 < (slow.retry_after_ms or 0) <= 30_000
    tight = Allowance(2, 60_000)
    results = [await speaker.say(by=2, allowance=tight) for _ in range(3)]
    assert [type(result) for result in results] == [Published, Published, Refusal]
    limited = results[-1]
    assert isinstance(limited, Refusal)
    assert limited.code is Code.RATE_LIMITED
    assert 50_000 < (limited.retry_after_ms or 0) <= 60_000
    assert isinstance(await speaker.say(by=3, allowance=tight), Published), "everybody has an allowance of their own"


@pytest.mark.parametrize(
    ("limits", "wait_ms"), [({"slow_seconds": 30}, 30_000), ({"allowance": Allowance(1, 2_000)}, 2_000)]
)
async def test_a_clock_of_redis_that_was_set_back(
    speaker: Speaker, redis: Redis, limits: dict[str, Any], wait_ms: int
) -> None:
    """Who spoke by the old time waits once more from now on: neither until that time comes again, nor not at all."""
    assert isinstance(await speaker.say(**limits), Published)
    await move_stamp(redis, 3_600_000)
    for _ in range(2):
        refused = await speaker.say(**limits)
        assert isinstance(refused, Refusal)
        assert wait_ms * 0.9 < (refused.retry_after_ms or 0) <= wait_ms
    await move_stamp(redis, -wait_ms)
    assert isinstance(await speaker.say(**limits), Published)


async def move_stamp(redis: Redis, by_ms: int) -> None:
    """As if the member had spoken so much later."""
    key = room_key(ROOM, "said:1")
    stamp = await redis.get(key)
    assert isinstance(stamp, bytes)
    left, said_ms = stamp.decode().split(":")
    await redis.set(key, f"{left}:{int(said_ms) + by_ms}")


async def test_old_verdicts_are_stale_but_repeats_are_not(speaker: Speaker, shards: Shards) -> None:
    """A message that stands is acknowledged even after the rules changed."""
    first = await speaker.say(nonce="n")
    event = Message("m", 1_700_000_000_000, Author(1, "n1"), "rules")
    await Publisher(shards).announce(ROOM, event, nonce="outbox:1", version=3)
    assert await speaker.say(judged_by=2) == Stale(3)
    again = await speaker.say(nonce="n", judged_by=2)
    assert isinstance(first, Published)
    assert again == Published(first.position, is_repeat=True)
    assert isinstance(await speaker.say(judged_by=3), Published)


async def test_a_full_archive_is_a_temporary_refusal(
    speaker: Speaker, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written; when the archiver has emptied it the same send is taken."""
    monkeypatch.setattr(publishing, "ARCHIVE_EVENTS", 1)
    assert isinstance(await speaker.say(), Published)
    refused = await speaker.say(nonce="n")
    assert isinstance(refused, Refusal)
    assert refused.is_temporary
    assert await redis.xlen(room_key(ROOM, "log")) == 1
    await redis.delete(archive_key(partition(ROOM)))
    assert isinstance(await speaker.say(nonce="n"), Published)


async def test_an_emptied_redis_between_processes_of_different_positions(
    speaker: Speaker, bus: Bus, redis: Redis
) -> None:
    """Whoever speaks first begins the new epoch, later than the old one; the others go on in it."""
    for _ in range(5):
        old = await speaker.place()
    await redis.flushall()
    behind = await speaker.place(known=Position(old.epoch, 3))
    assert behind.epoch > old.epoch
    assert behind.offset == 1
    ahead = await speaker.place(known=old)
    assert ahead == Position(behind.epoch, 2)
    read = await bus.read_log(ROOM, old)
    assert (read.epoch, read.offset, [offset for offset, _ in read.entries]) == (ahead.epoch, 2, [1, 2])


async def test_a_newcomer_begins_the_epoch_and_the_others_know_a_later_one(
    speaker: Speaker, bus: Bus, redis: Redis
) -> None:
    """A clock that was set back makes no epoch that sorts before one that somebody follows."""
    future = Position("ffffffffff00" + "0" * 8, 7)
    low = await speaker.place()
    assert low.epoch < future.epoch
    read = await bus.read_log(ROOM, future)
    assert read.epoch > future.epoch
    assert read.offset == 0
    assert (await speaker.place(known=low)).epoch == read.epoch
    await redis.flushall()
    assert (await speaker.place(known=Position(read.epoch, 1))).epoch > read.epoch


async def test_a_log_that_went_back_is_replaced_by_a_later_one(speaker: Speaker, bus: Bus, redis: Redis) -> None:
    """Also within one millisecond, and however often."""
    at = await speaker.place()
    epochs = [at.epoch]
    for _ in range(5):
        at = await speaker.place(known=Position(at.epoch, at.offset + 1))
        assert at.offset == 1
        epochs.append(at.epoch)
        at = Position((await bus.read_log(ROOM, Position(at.epoch, 2))).epoch, 0)
        epochs.append(at.epoch)
    assert epochs == sorted(set(epochs))


async def test_a_room_is_opened_by_one_read(bus: Bus, shards: Shards, speaker: Speaker) -> None:
    """The newest entries, the version, and what is true beside the log."""
    for _ in range(3):
        at = await speaker.place()
    key = room_key(ROOM, "info")
    await shards.call(key, "SET", key, b'{"t":"info","room":"12","title":"Hi"}')
    read = await bus.read_log(ROOM, None)
    assert (read.epoch, read.offset, read.version) == (at.epoch, 3, 0)
    assert [offset for offset, _ in read.entries] == [1, 2, 3]
    assert read.info is not None
    assert read.info.title == "Hi"
    assert [offset for offset, _ in (await bus.read_log(ROOM, Position(at.epoch, 2))).entries] == [3]
    assert (await bus.read_log(ROOM, Position(at.epoch, 2))).at_known == read.entries[1][1]
    assert (await bus.read_log(ROOM, at)).entries == []
