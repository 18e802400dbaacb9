"""Copy what was said from each partition's archive stream to Postgres.

A stream holds exactly what is not archived yet: the publish script appends; a copy reads from the head, commits, and
only then deletes the very entries that it committed.  Whatever dies in between, the next copy meets the same head
again, and the key (room, epoch, offset) makes it harmless.  So no consumer group is kept: its pending list would say
what the stream itself says, and each acknowledgement would be one more write.

Entries are deleted by their ids, not trimmed up to the last one: after a fail-over to a clock that is behind, new
entries may have earlier ids than those that were copied.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import asyncpg
import msgspec

from chat.calls import read_entries
from chat.history import mark_of
from chat.keys import PARTITIONS, archive_key, partition
from chat.shards import Shards
from chat.wire import REMOVING_KINDS, Event

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection

BATCH_ENTRIES = 2500
"""Of one transaction, over as many partitions as that takes: 70 ms of Postgres, far below its time limit."""
DELETE_ENTRIES = 500
"""Of one command: 0.6 ms in which Redis does nothing else."""
LOCK_SPACE = 0x1EA5_0001
"""First half of the advisory locks (this, partition): one copy of a partition at a time, whoever runs it."""

RawEntry = tuple[bytes, dict[bytes, bytes]]
"""An entry as Redis answers it: its id and its fields `room`, `epoch`, `offset`, `event`."""


class Row(NamedTuple):
    """One row of `chat_events` on its way."""

    channel_id: int
    epoch: str
    offset: int
    at_ms: int
    kind: str
    account_id: int | None
    event: str
    removes: str | None
    """The mark of what it removes, by `chat.history`."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a partition's stream holds: how many entries, and the time of the oldest (Redis' clock)."""

    entries: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Copied:
    """What one transaction did."""

    archived: int = 0
    refused: int = 0
    """Entries that no retry can archive; they are dropped, because they would stop all behind them."""


class _Bearer(msgspec.Struct):
    id: int


class _Head(msgspec.Struct):
    """What the columns need of an event of any kind, also of one that only newer processes know."""

    t: str
    at_ms: int
    author: _Bearer | None = None
    account_id: int | None = None


_head_in: msgspec.json.Decoder[_Head] = msgspec.json.Decoder(_Head)
_event_in: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def row_of(fields: Mapping[bytes, bytes]) -> Row:
    """The row that an entry becomes; its event is passed on as it is.

    The account is who said it, or whom it is about.

    Raises:
        KeyError, ValueError, msgspec.DecodeError: not an entry of ours.
    """
    raw = fields[b"event"]
    head = _head_in.decode(raw)
    return Row(
        int(fields[b"room"]),
        fields[b"epoch"].decode(),
        int(fields[b"offset"]),
        head.at_ms,
        head.t,
        head.author.id if head.author else head.account_id,
        raw.decode(),
        _mark_of(raw) if head.t in REMOVING_KINDS else None,
    )


def _mark_of(raw: bytes) -> str | None:
    removal = _event_in.decode(raw).removal
    return None if removal is None else mark_of(removal)


async def waiting(shards: Shards) -> dict[int, Waiting]:
    """The partitions that have something to archive.

    128 small commands in one write, then one for each partition that is not empty; on a Cluster each goes to its shard.
    """
    keys = [archive_key(number) for number in range(PARTITIONS)]
    sizes: list[int] = await asyncio.gather(*(shards.call(key, "XLEN", key) for key in keys))
    filled = [number for number, size in enumerate(sizes) if size]
    heads = await asyncio.gather(*(_head(shards, number, 1) for number in filled))
    return {
        number: Waiting(sizes[number], _ms(head[0]))
        for number, head in zip(filled, heads, strict=True)
        if head  # another archiver may have been there meanwhile
    }


async def oldest_waiting_ms(shards: Shards, room_id: int) -> int | None:
    """When the oldest event that waits in the room's partition was said (Redis' clock); None: none waits."""
    entries = await _head(shards, partition(room_id), 1)
    return _ms(entries[0]) if entries else None


def _ms(entry: RawEntry) -> int:
    return int(entry[0].split(b"-")[0])


def batches(waits: Mapping[int, Waiting]) -> list[dict[int, int]]:
    """Transactions that take from every waiting partition once, the oldest first: partition -> entries."""
    planned: list[dict[int, int]] = []
    left = 0
    for number in sorted(waits, key=lambda place: waits[place].since_ms):
        if left == 0:
            planned.append({})
            left = BATCH_ENTRIES
        taken = min(waits[number].entries, left)
        planned[-1][number] = taken
        left -= taken
    return planned


async def archive(shards: Shards, pool: Pool, batch: Mapping[int, int]) -> Copied:
    """Copy so many entries from the head of each partition's stream, commit, then delete what was committed.

    A partition that another process is at is left to it.
    """
    async with _locked(pool, list(batch)) as (connection, partitions):
        streams = await _heads(shards, {number: batch[number] for number in partitions})
        rows, refused = _rows([entry for entries in streams.values() for entry in entries])
        refused += await _insert(connection, rows)
    await _delete(shards, {number: [entry[0] for entry in entries] for number, entries in streams.items()})
    return Copied(sum(map(len, streams.values())) - refused, refused)


@asynccontextmanager
async def _locked(pool: Pool, partitions: Sequence[int]) -> AsyncIterator[tuple[Connection, list[int]]]:
    """A transaction, and those of the partitions that are this one's alone until its end."""
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(
            "SELECT number FROM unnest($2::int[]) AS number WHERE pg_try_advisory_xact_lock($1, number)",
            LOCK_SPACE,
            partitions,
        )
        yield connection, [row["number"] for row in rows]


def _head(shards: Shards, number: int, entries: int) -> asyncio.Future[list[RawEntry]]:
    key = archive_key(number)
    return shards.call(key, "XRANGE", key, "-", "+", "COUNT", entries, decode=read_entries)


async def _heads(shards: Shards, batch: Mapping[int, int]) -> dict[int, list[RawEntry]]:
    streams = await asyncio.gather(*(_head(shards, number, entries) for number, entries in batch.items()))
    return dict(zip(batch, streams, strict=True))


async def _delete(shards: Shards, ids: Mapping[int, Sequence[bytes]]) -> None:
    await asyncio.gather(
        *(
            shards.call(key, "XDEL", key, *gone[at : at + DELETE_ENTRIES])
            for key, gone in ((archive_key(number), gone) for number, gone in ids.items())
            for at in range(0, len(gone), DELETE_ENTRIES)
        )
    )


def _rows(entries: Sequence[RawEntry]) -> tuple[list[Row], int]:
    rows, refused = [], 0
    for _, fields in entries:
        try:
            rows.append(row_of(fields))
        except (KeyError, ValueError, msgspec.DecodeError):
            refused += 1
    return rows, refused


async def _insert(connection: Connection, rows: Sequence[Row]) -> int:
    """Insert all rows, or all but those that Postgres can't hold; how many those were.

    They are found by halving: one among 2,500 costs 23 more tries, not 2,500.
    """
    if not rows:
        return 0
    try:
        async with connection.transaction():
            await _copy(connection, rows)
    except (asyncpg.DataError, OverflowError):
        if len(rows) == 1:
            return 1
        middle = len(rows) // 2
        return await _insert(connection, rows[:middle]) + await _insert(connection, rows[middle:])
    return 0


# The table is the connection's own: no log is written for it, and nobody else sees it.
_STAGING = """
CREATE TEMP TABLE IF NOT EXISTS chat_staging (
  channel_id bigint, epoch text, "offset" bigint, at_ms bigint, kind text, account_id bigint, event text,
  removes text
) ON COMMIT DELETE ROWS;
DELETE FROM chat_staging;
"""
_UNSTAGE = """
INSERT INTO chat_events (channel_id, epoch, "offset", at, kind, account_id, event, removes)
SELECT channel_id, epoch, "offset", to_timestamp(at_ms / 1000.0), kind, account_id, event::jsonb, removes
FROM chat_staging
ON CONFLICT (channel_id, epoch, "offset") DO NOTHING
"""


async def _copy(connection: Connection, rows: Sequence[Row]) -> None:
    await connection.execute(_STAGING)
    await connection.copy_records_to_table("chat_staging", records=rows, columns=Row._fields)
    await connection.execute(_UNSTAGE)
