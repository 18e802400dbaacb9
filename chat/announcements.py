"""Events that are committed with their cause in Postgres, and how they come to stand in the room's log.

A room's rows are written under the lock of its `room_rules` row, so their ids follow the order of their commits;
whoever relays begins with the oldest that is waiting.  An announcement is idempotent by the row's id.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec

from chat.publisher import Publisher
from chat.room import Position
from chat.wire import Event

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

BATCH_ROWS = 100
KEPT_DAYS = 1
"""How long a relayed row stays: a repeated command is recognised by it, and the log by its id."""

_event_in: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A row of `room_outbox`; `version` is that of the rules it made, None where it changed none."""

    id: int
    event: Event
    version: int | None
    is_next: bool = False
    """When it was written nothing else of its room waited; who comes later finds it waiting and tells it first."""

    @property
    def nonce(self) -> str:
        """By which the publish script recognises a repeat."""
        return f"outbox:{self.id}"


# One statement: the sooner the lock is free again, the sooner everybody sees what happened.
_ADD = """
WITH rules AS (UPDATE room_rules SET version = version + 1 WHERE channel_id = $1 AND $3 RETURNING version)
INSERT INTO room_outbox (channel_id, event, version, nonce)
VALUES ($1, $2::text::jsonb, (SELECT version FROM rules), $4)
RETURNING id, version,
  NOT EXISTS (SELECT FROM room_outbox WHERE channel_id = $1 AND relayed_at IS NULL) AS is_next
"""


async def add_announcement(
    connection: Connection, channel_id: int, event: Event, *, changes_rules: bool, nonce: str
) -> Announcement:
    """Write the row in the transaction of its cause, and count the change of the rules.

    The caller holds the room's `room_rules` row.
    """
    row = await connection.fetchrow(_ADD, channel_id, msgspec.json.encode(event).decode(), changes_rules, nonce)
    assert row is not None  # noqa: S101  # it was inserted
    return Announcement(row["id"], event, row["version"], row["is_next"])


async def announcement_by_nonce(connection: Connection, channel_id: int, nonce: str) -> Announcement | None:
    """What an earlier run of the same command wrote."""
    row = await connection.fetchrow(
        "SELECT id, event::text AS event, version FROM room_outbox WHERE channel_id = $1 AND nonce = $2",
        channel_id,
        nonce,
    )
    return None if row is None else _announcement(row)


async def waiting_events(connection: Connection, channel_id: int) -> list[Event]:
    """A room's events that are true but perhaps not in its log yet, the newest first."""
    rows = await connection.fetch(
        "SELECT event::text AS event FROM room_outbox WHERE channel_id = $1 AND relayed_at IS NULL ORDER BY id DESC",
        channel_id,
    )
    return [_event_in.decode(row["event"]) for row in rows]


async def rooms_waiting(connection: Connection, *, older_than_seconds: float) -> list[int]:
    """Rooms whose announcements were left behind, the longest waiting first."""
    rows = await connection.fetch(
        """
        SELECT channel_id FROM room_outbox
        WHERE relayed_at IS NULL AND created_at < now() - make_interval(secs => $1)
        GROUP BY channel_id ORDER BY min(id) LIMIT $2
        """,
        older_than_seconds,
        BATCH_ROWS,
    )
    return [row["channel_id"] for row in rows]


async def announce_waiting(connection: Connection, publisher: Publisher, channel_id: int) -> dict[int, Position]:
    """Put a room's waiting announcements into its log, oldest first, and mark them; where each stands, by its id.

    Raises:
        RedisError: Redis is away or the archive is full; what stands in the log already is marked.
    """
    rows = await connection.fetch(
        """
        SELECT id, event::text AS event, version FROM room_outbox
        WHERE channel_id = $1 AND relayed_at IS NULL ORDER BY id LIMIT $2
        """,
        channel_id,
        BATCH_ROWS,
    )
    return await announce(connection, publisher, channel_id, map(_announcement, rows))


async def announce(
    connection: Connection, publisher: Publisher, channel_id: int, announcements: Iterable[Announcement]
) -> dict[int, Position]:
    """Put these into the room's log, in their order, and mark them; where each stands, by its id.

    Raises:
        RedisError: as `announce_waiting`.
    """
    positions: dict[int, Position] = {}
    try:
        for announcement in announcements:
            positions[announcement.id] = await publish(publisher, channel_id, announcement)
    finally:
        if positions:
            await connection.execute("UPDATE room_outbox SET relayed_at = now() WHERE id = ANY($1)", list(positions))
    return positions


async def publish(publisher: Publisher, channel_id: int, announcement: Announcement) -> Position:
    """Put one announcement into the log; a repeat answers where the first stands.

    Raises:
        RedisError: as `announce_waiting`.
    """
    return await publisher.announce(
        channel_id, announcement.event, nonce=announcement.nonce, version=announcement.version
    )


async def forget_relayed(connection: Connection) -> int:
    """Delete a batch of rows that were relayed long ago; how many."""
    status = await connection.execute(
        """
        DELETE FROM room_outbox WHERE id IN (
          SELECT id FROM room_outbox WHERE relayed_at < now() - make_interval(days => $1) LIMIT $2)
        """,
        KEPT_DAYS,
        BATCH_ROWS,
    )
    return int(status.split()[-1])


def _announcement(row: asyncpg.Record) -> Announcement:
    return Announcement(row["id"], _event_in.decode(row["event"]), row["version"])
