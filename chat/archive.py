"""Copy what was said from each partition's archive stream to Postgres.

A stream holds exactly what is not archived yet: the publish script appends; a pass reads from the head, commits, and
only then trims.  Whatever dies in between, the next pass meets the same head again, and the key (room, epoch, offset)
makes the second copy harmless.  So no consumer group is kept: its pending list would say what the stream itself says.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias, cast

import asyncpg
import msgspec
from redis.asyncio import Redis

from chat.keys import PARTITIONS, archive_key
from chat.wire import Event

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection

BATCH_ENTRIES = 500
LOCK_SPACE = 0x1EA5_0001
"""First half of the advisory locks (this, partition): one pass over a partition at a time, whoever runs it."""

RawEntry = tuple[bytes, dict[bytes, bytes]]
"""An entry as Redis answers it: its id and its fields `room`, `epoch`, `offset`, `event`."""

_event_in: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `chat_events`."""

    channel_id: int
    epoch: str
    offset: int
    at: datetime
    kind: str
    account_id: int | None
    event: str


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over a partition did."""

    archived: int = 0
    refused: int = 0
    """Entries that no retry can archive; they are dropped, because they would stop all behind them."""
    is_emptied: bool = True


def row_of(fields: dict[bytes, bytes]) -> Row:
    """The row that an entry becomes.

    Raises:
        KeyError, ValueError, msgspec.DecodeError: not an entry of ours.
    """
    raw = fields[b"event"]
    event = _event_in.decode(raw)
    return Row(
        channel_id=int(fields[b"room"]),
        epoch=fields[b"epoch"].decode(),
        offset=int(fields[b"offset"]),
        at=datetime.fromtimestamp(event.at_ms / 1000, UTC),
        kind=str(event.__struct_config__.tag),
        account_id=event.subject_id,
        event=raw.decode(),
    )


async def waiting_since_ms(redis: Redis) -> dict[int, int]:
    """The partitions that have something to archive, each with the time of its oldest entry (Redis' clock).

    One pipelined `XRANGE … COUNT 1` per partition: 128 small commands, and on a Cluster each goes to its own shard.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for partition in range(PARTITIONS):
            pipeline.xrange(archive_key(partition), count=1)
        heads: list[list[RawEntry]] = await pipeline.execute()
    return {partition: _entry_ms(head[0]) for partition, head in enumerate(heads) if head}


def _entry_ms(entry: RawEntry) -> int:
    return int(entry[0].split(b"-")[0])


async def archive_partition(redis: Redis, pool: Pool, partition: int) -> Pass:
    """Copy one batch from the head of the partition's stream, commit, then trim what was committed."""
    async with _exclusive(pool, partition) as connection:
        if connection is None:
            return Pass()
        entries = cast("list[RawEntry]", await redis.xrange(archive_key(partition), count=BATCH_ENTRIES))
        if not entries:
            return Pass()
        rows, refused = _rows(entries)
        refused += await _insert(connection, rows)
    await redis.xtrim(archive_key(partition), minid=_after(entries[-1][0]), approximate=False)
    return Pass(len(entries) - refused, refused, is_emptied=len(entries) < BATCH_ENTRIES)


@asynccontextmanager
async def _exclusive(pool: Pool, partition: int) -> AsyncIterator[Connection | None]:
    """A transaction that holds the partition's lock; None when another process is at it."""
    async with pool.acquire() as connection, connection.transaction():
        free = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", LOCK_SPACE, partition)
        yield connection if free else None


def _rows(entries: Sequence[RawEntry]) -> tuple[list[Row], int]:
    rows, refused = [], 0
    for _, fields in entries:
        try:
            rows.append(row_of(fields))
        except (KeyError, ValueError, OverflowError, msgspec.DecodeError):
            refused += 1
    return rows, refused


def _after(entry_id: bytes) -> str:
    milliseconds, sequence = entry_id.split(b"-")
    return f"{int(milliseconds)}-{int(sequence) + 1}"


async def _insert(connection: Connection, rows: Sequence[Row]) -> int:
    """Insert all rows, or all but those that Postgres can't hold; how many those were."""
    try:
        async with connection.transaction():
            await _insert_batch(connection, rows)
    except asyncpg.DataError:
        refused = 0
        for row in rows:
            try:
                async with connection.transaction():
                    await _insert_batch(connection, [row])
            except asyncpg.DataError:
                refused += 1
        return refused
    return 0


async def _insert_batch(connection: Connection, rows: Sequence[Row]) -> None:
    await connection.execute(
        """
        INSERT INTO chat_events (channel_id, epoch, "offset", at, kind, account_id, event)
        SELECT channel_id, epoch, "offset", at, kind, account_id, event::jsonb
        FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[], $6::bigint[], $7::text[])
          AS entry (channel_id, epoch, "offset", at, kind, account_id, event)
        ON CONFLICT (channel_id, epoch, "offset") DO NOTHING
        """,
        [row.channel_id for row in rows],
        [row.epoch for row in rows],
        [row.offset for row in rows],
        [row.at for row in rows],
        [row.kind for row in rows],
        [row.account_id for row in rows],
        [row.event for row in rows],
    )
