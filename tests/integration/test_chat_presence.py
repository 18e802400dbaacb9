"""Counts of viewers: right everywhere within seconds, also after a kill and a jump of the clock, at a flat price."""

import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

from redis.asyncio import Redis

from chat.keys import room_key
from chat.presence import Counts, PresenceWriter, room_counts
from chat.shards import Shards
from chat.viewers import note_viewer
from server.auth.signing_keys import AccessTokens
from server.db.pool import Pool
from tests.services.chat import Account, Frame, People, in_room, web_process
from tests.services.waiting import eventually

RIGHT_SECONDS = 5.0
ROOM = 12


class Tells:
    """An `info` with these counts."""

    def __init__(self, viewers: int, chatters: int) -> None:
        self._counts = viewers, chatters

    def __call__(self, frame: Frame) -> bool:
        return frame["t"] == "info" and (frame.get("viewers", 0), frame.get("chatters", 0)) == self._counts


async def test_a_killed_process_is_counted_no_more(
    database_url: str, redis_url: str, tmp_path: Path, db: Pool, redis: Redis, shards: Shards
) -> None:
    """Within 5 s the other process tells its members the total without the dead one's, and so do lists of channels."""
    people = People(db, await AccessTokens.load(db))
    owner, fan = await people.join(), await people.join()
    room_id = int(owner.room)

    async def is_counted(counts: Counts) -> bool:
        return (await room_counts(shards, [room_id]))[room_id] == counts

    with (
        web_process(database_url, redis_url, tmp_path) as doomed,
        web_process(database_url, redis_url, tmp_path) as other,
    ):
        async with AsyncExitStack() as stack:
            witness = await stack.enter_async_context(in_room(other.port, owner.room, owner))
            for account in (fan, *[None] * 19):
                await stack.enter_async_context(in_room(doomed.port, owner.room, account))
            await witness.until(Tells(21, 2), RIGHT_SECONDS)
            await eventually(lambda: is_counted(Counts(21, 2)), "the total", RIGHT_SECONDS)
            assert await redis.hlen(room_key(room_id, "presence")) == 2, "one field a process, however many watch"
            doomed.process.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            await witness.until(Tells(1, 1), RIGHT_SECONDS)
            left = RIGHT_SECONDS - (time.monotonic() - killed)
            await eventually(lambda: is_counted(Counts(1, 1)), "the total without the dead", left)


async def test_players_are_what_a_room_is_told(
    database_url: str, redis_url: str, tmp_path: Path, owner: Account, shards: Shards
) -> None:
    """From the first one on, and not the sockets: of those who joined too."""
    room_id = int(owner.room)
    with web_process(database_url, redis_url, tmp_path) as web:
        async with in_room(web.port, owner.room, owner) as member:
            await member.until(Tells(1, 1), RIGHT_SECONDS)
            for number in range(3):
                assert await note_viewer(shards, room_id, "a", f"s{number}", is_over=False)
            await member.until(Tells(3, 1), RIGHT_SECONDS)
            for number in range(3):
                assert await note_viewer(shards, room_id, "a", f"s{number}", is_over=True)
            await member.until(Tells(0, 1), RIGHT_SECONDS)


async def test_counts_of_another_time_are_dropped(shards: Shards, redis: Redis) -> None:
    """Written long ago, or by a clock that was ahead before it was set back: whoever writes next tidies them away."""
    key, writer = room_key(ROOM, "presence"), PresenceWriter(shards, "here")
    now_ms = int(time.time() * 1000)
    written = {"dead": f"5:5:{now_ms - 60_000}", "ahead": f"7:7:{now_ms + 3_600_000}", "alive": f"2:1:{now_ms}"}
    for process, counts in written.items():
        await redis.hset(key, process, counts)
    assert await room_counts(shards, [ROOM]) == {ROOM: Counts(2, 1)}
    assert await writer.write({ROOM: Counts(10, 4)}) == {ROOM: Counts(12, 5)}
    assert sorted(await redis.hkeys(key)) == [b"alive", b"here"]


async def test_a_process_that_everybody_left_leaves_nothing(shards: Shards, redis: Redis) -> None:
    """Its count goes with its last viewer, and the key with the last count."""
    writer = PresenceWriter(shards, "here")
    assert await writer.write({ROOM: Counts(3, 3)}) == {ROOM: Counts(3, 3)}
    assert await writer.write({ROOM: Counts()}) == {ROOM: Counts()}
    assert not await redis.exists(room_key(ROOM, "presence"))
