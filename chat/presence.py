"""How many watch and chat, and what is true of a room now.

Each process writes its own two counts per room, so a crash costs nothing but their lifetime and the price is flat.
*Viewers* are sockets, guests too (they stand in for players); *chatters* are accounts with a socket in the room, each
counted once per process.

For broadcasts: when a channel goes live, is interrupted, ends, or changes its title, call `publish_info(redis, Info(
room=str(channel_id), live=…, broadcast=…, title=…, …))`; leave `viewers` and `chatters` out, every process adds them.
For lists of channels: `room_counts(redis, channel_ids)`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from redis.asyncio import Redis

from chat.keys import room_key
from chat.wire import Info

COUNT_HOLDS_SECONDS = 10
"""A process that wrote nothing for so long is gone."""
INFO_HOLDS_SECONDS = 30 * 86_400

_info_out = msgspec.json.Encoder()
_info_in: msgspec.json.Decoder[Info] = msgspec.json.Decoder(Info)
_script_text = (Path(__file__).parent / "lua" / "presence.lua").read_text()


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one room, over all processes."""

    viewers: int = 0
    chatters: int = 0


async def publish_info(redis: Redis, info: Info) -> None:
    """Tell every member of `info.room` what is true now, and keep it for those who come later."""
    room_id = int(info.room)
    body = _info_out.encode(info)
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.set(room_key(room_id, "info"), body, ex=INFO_HOLDS_SECONDS)
        pipeline.execute_command("SPUBLISH", room_key(room_id, "side"), body)
        await pipeline.execute()


def read_info(body: bytes) -> Info:
    """What `publish_info` wrote.

    Raises:
        msgspec.DecodeError: not an `Info`.
    """
    return _info_in.decode(body)


async def stored_info(redis: Redis, room_id: int) -> Info:
    """The last published one; without any, an offline room."""
    body = await redis.get(room_key(room_id, "info"))
    return read_info(body) if isinstance(body, bytes) else Info(room=str(room_id))


async def room_counts(redis: Redis, room_ids: Iterable[int]) -> dict[int, Counts]:
    """The counts of each room, in one round trip."""
    ids = list(room_ids)
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.time()
        for room_id in ids:
            pipeline.hgetall(room_key(room_id, "presence"))
        (seconds, microseconds), *hashes = await pipeline.execute()
    now_ms = seconds * 1000 + microseconds // 1000
    return {room_id: _sum(fields, now_ms) for room_id, fields in zip(ids, hashes, strict=True)}


def _sum(fields: Mapping[bytes, bytes], now_ms: int) -> Counts:
    viewers = chatters = 0
    for value in fields.values():
        watching, chatting, at_ms = map(int, value.split(b":"))
        if at_ms + COUNT_HOLDS_SECONDS * 1000 >= now_ms:
            viewers += watching
            chatters += chatting
    return Counts(viewers, chatters)


class PresenceWriter:
    """Writes this process's counts."""

    def __init__(self, redis: Redis, process: str) -> None:
        self._redis = redis
        self._script = redis.register_script(_script_text)
        self._process = process

    async def write(self, counts: Mapping[int, Counts]) -> dict[int, Counts]:
        """Write the counts of many rooms and answer their totals; in batches, each one round trip."""
        totals: dict[int, Counts] = {}
        rooms = list(counts.items())
        for start in range(0, len(rooms), 200):
            batch = rooms[start : start + 200]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for room_id, own in batch:
                    await self._script(
                        keys=[room_key(room_id, "presence")],
                        args=[self._process, own.viewers, own.chatters, COUNT_HOLDS_SECONDS * 1000],
                        client=pipeline,
                    )
                replies = await pipeline.execute()
            totals.update({room_id: Counts(*reply) for (room_id, _), reply in zip(batch, replies, strict=True)})
        return totals
