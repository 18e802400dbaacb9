"""What of a room's past may still be seen, and the part of it that lies in Postgres.

Later moderation decides about earlier lines.  A ring is read backwards, so that every removal is known before the
lines that it hits; in the archive each removal is marked with what it removes, and found by an index.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec

from chat.room import Position
from chat.wire import Event, Line, Logged, Removal, Said

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection


OFFSET_MAX = (1 << 63) - 1
"""What a bigint holds."""

CLOCKS_APART_MS = 1000
"""At most, those of Redis' nodes: after a fail-over a log that begins anew is named by another one's clock."""


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
    """Some of what lies before the asked position is in neither log nor archive yet; ask again in a while."""


_event_in: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def mark_of(removal: Removal) -> str:
    """What an archived event removes, for the column `removes`."""
    if removal.message_id is not None:
        return f"m{removal.message_id}"
    return "*" if removal.account_id is None else f"a{removal.account_id}"


# A room's events are archived in their order: when the last one is there, all earlier ones are.
_LAST = """
SELECT "offset" FROM chat_events WHERE channel_id = $1 AND epoch = $2 ORDER BY "offset" DESC LIMIT 1
"""

_LAST_CLEAR = """
SELECT epoch, "offset" FROM chat_events WHERE channel_id = $1 AND removes = '*'
ORDER BY epoch DESC, "offset" DESC LIMIT 1
"""

# An event with an id is a line, of whatever kind; each is looked up among the removals after it: by a subquery with a
# LIMIT, which Postgres runs line by line and can't turn into a join with all removals of the room.
_EARLIER = """
SELECT line.epoch, line."offset", line.event::text AS event FROM chat_events AS line
WHERE line.channel_id = $1 AND (line.epoch, line."offset") < ($2, $3) AND (line.epoch, line."offset") > ($4, $5)
  AND line.event ? 'id' AND line.event->>'id' <> ALL ($6::text[]) AND line.account_id <> ALL ($7::bigint[])
  AND (
    SELECT true FROM chat_events AS later
    WHERE later.channel_id = line.channel_id AND later.removes IS NOT NULL
      AND later.removes IN ('a' || line.account_id, 'm' || (line.event->>'id'))
      AND (later.epoch, later."offset") > (line.epoch, line."offset")
    LIMIT 1
  ) IS NULL
ORDER BY line.epoch DESC, line."offset" DESC LIMIT $8
"""

# Along the primary key, to the limit: Postgres takes what is before a position for a few rows, and would rather collect
# and sort the room's whole past (5 s of a million lines).
_IN_ORDER = "SET LOCAL enable_sort = off"

# The first condition is that of the index.
_LINE = """
SELECT line.event::text AS event FROM chat_events AS line
WHERE line.event ? 'id' AND line.channel_id = $1 AND line.event->>'id' = $2
  AND (
    SELECT true FROM chat_events AS later
    WHERE later.channel_id = line.channel_id AND later.removes IS NOT NULL
      AND later.removes IN ('*', 'a' || line.account_id, 'm' || (line.event->>'id'))
      AND (later.epoch, later."offset") > (line.epoch, line."offset")
    LIMIT 1
  ) IS NULL
"""


def may_wait_before(edge: Position, oldest_ms: int | None) -> bool:
    """May something before this place of the room's newest epoch still wait, when the oldest that waits is so old?"""
    if oldest_ms is None:
        return False
    born_ms = int(edge.epoch[:12], 16)  # by `lua/epoch.lua`
    return edge.offset > 1 or oldest_ms < born_ms + CLOCKS_APART_MS


async def is_archived_before(connection: Connection, room_id: int, edge: Position) -> bool:
    """Is everything before this place of the room's newest epoch in the archive?  False: it can't tell.

    It can't at the beginning of an epoch of which nothing is archived yet.
    """
    last = await connection.fetchval(_LAST, room_id, edge.epoch)
    return last is not None and last >= edge.offset - 1


async def archived_page(
    connection: Connection, room_id: int, position: Position, moderation: Moderation, limit: int
) -> Page:
    """Up to `limit` (≥ 1) visible lines before the position; `moderation` is what the archive may not know yet.

    Events of another epoch than the position's carry theirs.
    """
    if moderation.is_cleared:
        return Page([], is_complete=True)
    clear = await connection.fetchrow(_LAST_CLEAR, room_id)
    async with connection.transaction():
        await connection.execute(_IN_ORDER)
        rows = await connection.fetch(
            _EARLIER,
            *(room_id, *_known_to_postgres(position)),
            *((clear["epoch"], clear["offset"]) if clear else ("", 0)),
            *(list(moderation.message_ids), list(moderation.account_ids)),
            limit,
        )
    found = [
        Logged(row["offset"], event, "" if row["epoch"] == position.epoch else row["epoch"])
        for row in reversed(rows)
        if isinstance(event := _read(row["event"]), Line)
    ]
    return Page(found, is_complete=len(rows) < limit)


def _known_to_postgres(position: Position) -> tuple[str, int]:
    """A client's made-up position as the nearest that a row could have."""
    return position.epoch.replace("\0", ""), min(max(position.offset, 0), OFFSET_MAX)


async def archived_line(connection: Connection, room_id: int, message_id: str, moderation: Moderation) -> Line | None:
    """The archived line of this id, unless `moderation` or anything archived after it removed it."""
    event = _read(await connection.fetchval(_LINE, room_id, message_id))
    return event if isinstance(event, Line) and not moderation.has_removed(event) else None


def _read(stored: str | None) -> Event | None:
    """None: nothing, or a kind that this version of ours can't read."""
    try:
        return None if stored is None else _event_in.decode(stored)
    except msgspec.ValidationError:
        return None
