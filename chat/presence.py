"""How many watch and chat, and what is true of a room now.

Each process writes its own two counts per room, so a crash costs nothing but their lifetime and the price is flat.
*Viewers* are players (`chat.viewers`); while a room has none that tell of themselves, sockets stand in, guests' too.
*Chatters* are accounts with a socket in the room, each counted once per process.

For broadcasts: when a channel goes live, is interrupted, ends, or changes its title, call `publish_info(shards, Info(
room=str(channel_id), live=…, broadcast=…, title=…, …))`; leave `viewers` and `chatters` out, every process adds them.
For lists of channels: `room_counts(shards, channel_ids)`.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from chat.calls import Script
from chat.keys import room_key
from chat.shards import Shards
from chat.viewers import VIEWER_HOLDS_MS
from chat.wire import Info

BEAT_SECONDS = 1.2
"""How often a process writes its counts."""
COUNT_HOLDS_SECONDS = 3.0
"""A process that wrote nothing for so long is gone: two beats, and what one of them may come late.

So totals are right at most 3.0 + 1.3 s (a jittered beat) after a kill.
"""
INFO_HOLDS_SECONDS = 30 * 86_400
ROOMS_AT_ONCE = 500
"""One round trip, and a few milliseconds of Redis."""

_HOLDS_MS = round(COUNT_HOLDS_SECONDS * 1000)

_info_out = msgspec.json.Encoder()
_info_in: msgspec.json.Decoder[Info] = msgspec.json.Decoder(Info)
_script = Script.of("presence")


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one room, over all processes."""

    viewers: int = 0
    chatters: int = 0
    is_of_players: bool = False
    """Viewers are players, not sockets."""

    def at_least(self, own: "Counts") -> "Counts":
        """As it must be where one process has so many sockets and chatters itself; players are not its to count."""
        viewers = self.viewers if self.is_of_players else max(self.viewers, own.viewers)
        return Counts(viewers, max(self.chatters, own.chatters), is_of_players=self.is_of_players)


async def publish_info(shards: Shards, info: Info) -> None:
    """Tell every member of `info.room` what is true now, and keep it for those who come later.

    Raises:
        RedisError: Redis is away.
    """
    room_id = int(info.room)
    body = _info_out.encode(info)
    key, channel = room_key(room_id, "info"), room_key(room_id, "side")
    await asyncio.gather(
        shards.call(key, "SET", key, body, "EX", INFO_HOLDS_SECONDS), shards.call(channel, "SPUBLISH", channel, body)
    )


def read_info(body: bytes) -> Info:
    """What `publish_info` wrote.

    Raises:
        msgspec.DecodeError: not an `Info`.
    """
    return _info_in.decode(body)


async def stored_info(shards: Shards, room_id: int) -> Info:
    """The last published one; without any, an offline room.

    Raises:
        RedisError: Redis is away.
    """
    key = room_key(room_id, "info")
    body = await shards.call(key, "GET", key)
    return Info(room=str(room_id)) if body is None else read_info(body)


async def room_counts(shards: Shards, room_ids: Iterable[int]) -> dict[int, Counts]:
    """The counts of each room, in one round trip.

    Raises:
        RedisError: Redis is away.
    """
    ids = list(room_ids)
    replies = await asyncio.gather(
        *(shards.script(_script, _keys(room_id), (_HOLDS_MS, VIEWER_HOLDS_MS), _counts) for room_id in ids)
    )
    return dict(zip(ids, replies, strict=True))


def _keys(room_id: int) -> list[str]:
    return [room_key(room_id, "presence"), room_key(room_id, "viewers")]


def _counts(reply: Any) -> Counts:
    viewers, chatters, is_of_players = reply
    return Counts(viewers, chatters, is_of_players=bool(is_of_players))


class PresenceWriter:
    """Writes this process's counts."""

    def __init__(self, shards: Shards, process: str) -> None:
        self._shards = shards
        self._process = process

    async def write(self, counts: Mapping[int, Counts]) -> dict[int, Counts]:
        """Write the counts of many rooms and answer their totals; each batch is one round trip.

        Raises:
            RedisError: Redis is away.
        """
        totals: dict[int, Counts] = {}
        rooms = list(counts.items())
        for start in range(0, len(rooms), ROOMS_AT_ONCE):
            batch = rooms[start : start + ROOMS_AT_ONCE]
            replies = await asyncio.gather(*(self._write(room_id, own) for room_id, own in batch))
            totals.update(zip((room_id for room_id, _ in batch), replies, strict=True))
        return totals

    def _write(self, room_id: int, own: Counts) -> "asyncio.Future[Counts]":
        arguments = (_HOLDS_MS, VIEWER_HOLDS_MS, self._process, own.viewers, own.chatters)
        return self._shards.script(_script, _keys(room_id), arguments, _counts)
