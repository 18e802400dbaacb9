"""What of a room's past may still be seen, and the part of it that lies in Postgres.

Later moderation decides about earlier messages: the past is always read backwards, so that every `deleted`, clear and
sanction is known before the messages that it removes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec

from chat.room import Position
from chat.wire import Deleted, Event, Logged, Message, RoomCleared, UserCleared

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

PAGE_EVENTS = 200
"""Rows read at a time; a page that moderation emptied leads to the next."""
PAGES_MAX = 10
"""Then the answer is what was found, and its last position goes on from there."""


@dataclass(slots=True)
class Moderation:
    """What has been removed by everything later than where the backward reading stands."""

    message_ids: set[str] = field(default_factory=set)
    account_ids: set[int] = field(default_factory=set)
    is_cleared: bool = False

    def passes(self, event: Event) -> bool:
        """Take the next earlier event; True for a message that may still be seen."""
        match event:
            case Message():
                return not (self.is_cleared or event.id in self.message_ids or event.author.id in self.account_ids)
            case Deleted():
                self.message_ids.add(event.message_id)
            case UserCleared():
                self.account_ids.add(event.account_id)
            case RoomCleared():
                self.is_cleared = True
            case _:
                pass
        return False


def visible(events: Iterable[Logged], moderation: Moderation, limit: int) -> list[Logged]:
    """The last `limit` (≥ 1) messages to be seen, oldest first; `events` come newest first and are read no further."""
    found: list[Logged] = []
    for logged in events:
        if moderation.passes(logged.event):
            found.append(logged)
        if len(found) == limit or moderation.is_cleared:
            break
    found.reverse()
    return found


@dataclass(frozen=True, slots=True)
class Page:
    """Visible messages oldest first; `is_complete` when nothing lies before them."""

    events: list[Logged]
    is_complete: bool


class ArchiveBehindError(Exception):
    """What comes right before the asked position is in neither log nor archive yet; ask again in a while."""


_event_in: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)

_EARLIER = """
SELECT epoch, "offset", event::text AS event FROM chat_events
WHERE channel_id = $1 AND (epoch, "offset") < ($2, $3)
ORDER BY epoch DESC, "offset" DESC LIMIT $4
"""

# What moderation after the position says; the log's own part of it is already known to the caller.
_LATER_MODERATION = """
SELECT event::text AS event FROM chat_events
WHERE channel_id = $1 AND (epoch, "offset") >= ($2, $3) AND kind IN ('deleted', 'user_cleared', 'room_cleared')
ORDER BY at DESC LIMIT 5000
"""


async def learn_later(connection: Connection, room_id: int, position: Position, moderation: Moderation) -> None:
    """Add to `moderation` what the archive knows of moderation from this position on."""
    for row in await connection.fetch(_LATER_MODERATION, room_id, position.epoch, position.offset):
        moderation.passes(_event_in.decode(row["event"]))


async def archived_page(
    connection: Connection, room_id: int, position: Position, moderation: Moderation, limit: int, *, must_touch: bool
) -> Page:
    """Up to `limit` visible messages before the position, from the archive.

    Events of another epoch than the position's carry theirs.

    Raises:
        ArchiveBehindError: `must_touch`, and the event right before the position is not archived yet.
    """
    found: list[Logged] = []
    at = position
    for turn in range(PAGES_MAX):
        rows = await connection.fetch(_EARLIER, room_id, at.epoch, at.offset, PAGE_EVENTS)
        if turn == 0 and must_touch and position.offset > 1 and not _touches(rows, position):
            raise ArchiveBehindError
        events = [
            Logged(
                row["offset"], _event_in.decode(row["event"]), "" if row["epoch"] == position.epoch else row["epoch"]
            )
            for row in rows
        ]
        found = visible(events, moderation, limit - len(found)) + found
        if len(found) == limit:
            break
        if moderation.is_cleared or len(rows) < PAGE_EVENTS:
            return Page(found, is_complete=True)
        at = Position(rows[-1]["epoch"], rows[-1]["offset"])
    return Page(found, is_complete=False)


def _touches(rows: list[asyncpg.Record], position: Position) -> bool:
    return bool(rows) and (rows[0]["epoch"], rows[0]["offset"]) == (position.epoch, position.offset - 1)
