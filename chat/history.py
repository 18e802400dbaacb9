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
from chat.wire import REMOVING_KINDS, Event, Line, Logged, Removal, Said

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
        """Take the next earlier event; True where it may still be told: it shows no line, or one that stands."""
        removal, shown = event.removal, event.shown
        if removal is not None:
            self._learn(removal)
        return shown is None or not self.has_removed(shown)

    def has_removed(self, said: Said) -> bool:
        """Is this line, said before all that was taken, removed?"""
        return self.is_cleared or said.id in self.message_ids or said.author.id in self.account_ids

    def _learn(self, removal: Removal) -> None:
        if removal.message_id is not None:
            self.message_ids.add(removal.message_id)
        elif removal.account_id is not None:
            self.account_ids.add(removal.account_id)
        else:
            self.is_cleared = True


def visible(events: Iterable[Logged], moderation: Moderation, limit: int) -> list[Logged]:
    """The last `limit` (≥ 1) lines to be seen, oldest first; `events` come newest first and are read no further."""
    found: list[Logged] = []
    for logged in events:
        if moderation.passes(logged.event) and isinstance(logged.event, Line):
            found.append(logged)
        if len(found) == limit or moderation.is_cleared:
            break
    found.reverse()
    return found


@dataclass(frozen=True, slots=True)
class Page:
    """Visible lines oldest first; `is_complete` when nothing lies before them."""

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
WHERE channel_id = $1 AND (epoch, "offset") >= ($2, $3) AND kind = ANY($4::text[])
ORDER BY at DESC LIMIT 5000
"""

# An event with an id is a line, of whatever kind; the condition is that of the index.
_LINE = """
SELECT epoch, "offset", event::text AS event FROM chat_events
WHERE channel_id = $1 AND event ? 'id' AND event->>'id' = $2
"""


async def learn_later(connection: Connection, room_id: int, position: Position, moderation: Moderation) -> None:
    """Add to `moderation` what the archive knows of moderation from this position on."""
    for row in await connection.fetch(_LATER_MODERATION, room_id, position.epoch, position.offset, REMOVING_KINDS):
        moderation.passes(_event_in.decode(row["event"]))


async def archived_page(
    connection: Connection, room_id: int, position: Position, moderation: Moderation, limit: int, *, must_touch: bool
) -> Page:
    """Up to `limit` visible lines before the position, from the archive.

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


async def archived_line(connection: Connection, room_id: int, message_id: str, moderation: Moderation) -> Line | None:
    """The archived line of this id, unless `moderation` or anything archived after it removed it."""
    row = await connection.fetchrow(_LINE, room_id, message_id)
    if row is None:
        return None
    await learn_later(connection, room_id, Position(row["epoch"], row["offset"]), moderation)
    line = _event_in.decode(row["event"])
    return line if isinstance(line, Line) and not moderation.has_removed(line) else None


def _touches(rows: list[asyncpg.Record], position: Position) -> bool:
    return bool(rows) and (rows[0]["epoch"], rows[0]["offset"]) == (position.epoch, position.offset - 1)
