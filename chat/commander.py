"""Carry out a line that begins with `/`: parse, permission, one transaction, announcement.

The cached rules refuse fast; what is committed was judged by the database's own rows, under the room's lock.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec
import structlog
from redis.exceptions import RedisError

from chat import commands
from chat.announcements import BATCH_ROWS, Announcement, announce, announce_waiting, publish
from chat.calls import read_entries
from chat.commands import Misuse
from chat.court import Ordered, carry_out, not_permitted
from chat.entry import Help
from chat.keys import room_key
from chat.moderation import Person, judge_command, may_give
from chat.publisher import Publisher
from chat.room import CommandResult, Done, Position, Refusal, RoomRules, Say
from chat.shards import Shards
from chat.wire import Author, Event

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

ACQUIRE_SECONDS = 1.0
"""How long a command waits for a database connection before it is refused for now."""

ANNOUNCE_SECONDS = 0.8
"""How long the sender waits for what is already committed to stand in the log."""

READ_EVENTS = 100
"""Of a room's log at once."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_event_in: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Commander:
    """The chat's commands on this process's pool and the chat's Redis; `chat.room.Commands`."""

    def __init__(self, pool: Pool, shards: Shards) -> None:
        self._pool = pool
        self._shards = shards
        self._publisher = Publisher(shards)

    async def __call__(self, rules: RoomRules, by: Author, text: str, nonce: str, *, is_staff: bool) -> CommandResult:
        """Carry out the line; every refusal says what was expected.

        Raises:
            chat.availability.AWAY: nothing was committed as far as we know; the same nonce may be sent again.
        """
        person = Person(by.id, rules.role_of(by.id), is_staff=is_staff)
        call = commands.parse(text)
        if isinstance(call, Misuse):
            return Refusal(call.code, call.message, field=call.field)
        entry, command = call.entry, call.command
        if judge_command(entry.who, person) is not None:
            return not_permitted(entry)
        if isinstance(command, Say):
            return command
        if isinstance(command, Help):
            return Done(commands.help_text(command.command, lambda who: may_give(person, who)))
        return await self._commit(Ordered(rules.room_id, by.id, entry, command, nonce))

    async def _read_log(self, room_id: int) -> AsyncIterator[Event]:
        """Newest first, in batches: what moderators look for was mostly said a moment ago."""
        key, end = room_key(room_id, "log"), "+"
        while entries := await self._shards.call(
            key, "XREVRANGE", key, end, "-", "COUNT", READ_EVENTS, decode=read_entries
        ):
            for _, fields in entries:
                with suppress(msgspec.DecodeError):  # of a newer version of ours: no line that we know
                    yield _event_in.decode(fields[b"e"])
            end = f"({entries[-1][0].decode()}"

    async def _commit(self, ordered: Ordered) -> CommandResult:
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            async with connection.transaction():
                outcome = await carry_out(connection, self._read_log, ordered)
            if not isinstance(outcome, Announcement):
                return outcome
            try:
                async with asyncio.timeout(ANNOUNCE_SECONDS):
                    return Done(position=await self._announce(connection, ordered.channel_id, outcome))
            except (RedisError, TimeoutError) as error:  # it is true already; `server jobs` will tell the room
                _log.warning("chat_announcement_left", command=ordered.entry.name, error=type(error).__name__)
                return Done("Done; the chat will show it in a moment.")

    async def _announce(self, connection: Connection, channel_id: int, announcement: Announcement) -> Position:
        """Announce all that waits in this room, so that the order stays that of the commits."""
        if announcement.is_next:
            return (await announce(connection, self._publisher, channel_id, [announcement]))[announcement.id]
        while True:
            positions = await announce_waiting(connection, self._publisher, channel_id)
            if announcement.id in positions:
                return positions[announcement.id]
            if len(positions) < BATCH_ROWS:  # another process was faster, or this is a repeat: ask where it stands
                return await publish(self._publisher, channel_id, announcement)
