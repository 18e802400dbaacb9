"""Broadcasts in Postgres: functions that take a connection.

Locks are taken in one order, the channel's row before the broadcast's, so that hooks, stops and revocations can't
deadlock.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from media.broadcast import Broadcast, Session, State

if TYPE_CHECKING:
    import asyncpg

    from server.db.pool import Connection

CAPABILITY_BYTES = 24
"""192 bits."""
_COLUMNS = (
    "b.id, b.public_id, b.channel_id, b.stream_key_id, b.state, c.title, c.category, b.created_at, b.state_since,"
    " b.live_at, b.ended_at, b.end_reason, b.publish_count, b.published_at, b.ingest_client_id, b.ingest_address,"
    " b.takeovers, b.source, b.capability, b.is_test"
)
_TABLES = "broadcasts b JOIN channels c ON c.id = b.channel_id"


@dataclass(frozen=True, slots=True)
class BroadcastRow:
    """A broadcast and what stands beside its state."""

    id: int
    channel_id: int
    stream_key_id: int | None
    title: str
    """The channel's, as it is now; so is the category."""
    category: str
    created_at: float
    source: dict[str, Any] | None
    """What the encoder sends (`media.jobs.Source`)."""
    broadcast: Broadcast
    capability: str | None = None
    """Of a private broadcast: the secret in the addresses of its media."""
    is_test: bool = False

    @property
    def is_public(self) -> bool:
        """May everybody know of it?"""
        return self.capability is None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a stream key opens at this moment."""

    key_id: int
    channel_id: int
    title: str
    category: str
    is_valid: bool
    """Neither revoked nor its owner disabled or gone."""
    blocked_until: float | None
    is_private: bool = False
    """Every broadcast of the channel is."""
    next_is_test: bool = False


async def lock_channel_of_key(connection: "Connection", key_hash: bytes) -> int | None:
    """The id of the key with this hash; holds its channel's row, so that what is read next stays true."""
    key_id: int | None = await connection.fetchval(
        "SELECT k.id FROM stream_keys k JOIN channels c ON c.id = k.channel_id WHERE k.hash = $1"
        " FOR NO KEY UPDATE OF c",
        key_hash,
    )
    return key_id


async def lock_channel(connection: "Connection", channel_id: int) -> None:
    """Hold the channel's row until the end of the transaction."""
    await connection.fetchval("SELECT 1 FROM channels WHERE id = $1 FOR NO KEY UPDATE", channel_id)


async def key_facts(connection: "Connection", key_id: int | None) -> KeyFacts | None:
    """What the key opens; None for no key."""
    row = await connection.fetchrow(
        "SELECT k.id AS key_id, c.id AS channel_id, c.title, c.category, c.publish_blocked_until,"
        " c.visibility = 'private' AS is_private, c.next_is_test,"
        " k.revoked_at IS NULL AND a.disabled_at IS NULL AND a.deleted_at IS NULL AS is_valid"
        " FROM stream_keys k JOIN channels c ON c.id = k.channel_id JOIN accounts a ON a.id = c.owner_account_id"
        " WHERE k.id = $1",
        key_id,
    )
    if row is None:
        return None
    return KeyFacts(
        key_id=row["key_id"],
        channel_id=row["channel_id"],
        title=row["title"],
        category=row["category"],
        is_valid=row["is_valid"],
        blocked_until=_seconds(row["publish_blocked_until"]),
        is_private=row["is_private"],
        next_is_test=row["next_is_test"],
    )


async def open_broadcast_of_channel(
    connection: "Connection", channel_id: int | None, *, lock: bool = False
) -> BroadcastRow | None:
    """The channel's broadcast that has not ended."""
    return await _one(connection, "b.channel_id = $1 AND b.state <> 'ended'", channel_id, lock=lock)


async def open_broadcast(connection: "Connection", public_id: str, *, lock: bool = False) -> BroadcastRow | None:
    """The broadcast of this public id, unless it has ended."""
    return await _one(connection, "b.public_id = $1 AND b.state <> 'ended'", public_id, lock=lock)


async def broadcast_of_session(connection: "Connection", key_hash: bytes, session: Session) -> str | None:
    """The public id of the broadcast that this encoder session owns, by the key it came with."""
    public_id: str | None = await connection.fetchval(
        "SELECT b.public_id FROM broadcasts b JOIN stream_keys k ON k.channel_id = b.channel_id"
        " WHERE k.hash = $1 AND b.state <> 'ended' AND b.ingest_client_id = $2 AND b.ingest_address = $3",
        key_hash,
        session.client_id,
        session.address,
    )
    return public_id


async def open_broadcasts(connection: "Connection") -> list[BroadcastRow]:
    """All broadcasts that have not ended."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE b.state <> 'ended'")  # noqa: S608  # constants
    return [_row(row) for row in rows]


async def ended_since(connection: "Connection", moment: float) -> list[BroadcastRow]:
    """Broadcasts that ended after `moment`, the newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE b.state = 'ended' AND b.ended_at > $1 ORDER BY b.id DESC",  # noqa: S608  # constants
        _moment(moment),
    )
    return [_row(row) for row in rows]


async def insert_broadcast(
    connection: "Connection", facts: KeyFacts, broadcast: Broadcast, *, capability: str | None, is_test: bool
) -> BroadcastRow:
    """Write a new broadcast, with the channel's title and category as they are now; its source is the last one's.

    The channel's wish for a test is fulfilled by it.
    """
    row = await connection.fetchrow(
        "WITH used AS (UPDATE stream_keys SET last_used_at = $7 WHERE id = $3),"
        " tested AS (UPDATE channels SET next_is_test = false WHERE id = $2 AND next_is_test)"
        " INSERT INTO broadcasts (public_id, channel_id, stream_key_id, state, title, category, created_at,"
        " state_since, published_at, ingest_client_id, ingest_address, capability, is_test)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, $9, $10, $11)"
        " RETURNING id, (SELECT source FROM broadcasts p WHERE p.channel_id = $2 AND p.source IS NOT NULL"
        " ORDER BY p.created_at DESC LIMIT 1) AS source",
        broadcast.public_id,
        facts.channel_id,
        facts.key_id,
        broadcast.state.value,
        facts.title,
        facts.category,
        _moment(broadcast.since),
        broadcast.session.client_id if broadcast.session else None,
        broadcast.session.address if broadcast.session else None,
        capability,
        is_test,
    )
    assert row is not None  # noqa: S101  # RETURNING
    return BroadcastRow(
        id=row["id"],
        channel_id=facts.channel_id,
        stream_key_id=facts.key_id,
        title=facts.title,
        category=facts.category,
        created_at=broadcast.since,
        source=row["source"],
        broadcast=broadcast,
        capability=capability,
        is_test=is_test,
    )


async def save(connection: "Connection", row_id: int, broadcast: Broadcast, key_id: int | None = None) -> None:
    """Write the state; `key_id` is the key that an encoder was let in with just now."""
    await connection.execute(
        "WITH used AS (UPDATE stream_keys SET last_used_at = $8 WHERE id = $12)"
        " UPDATE broadcasts SET state = $2, state_since = $3, live_at = $4, ended_at = $5, end_reason = $6,"
        " publish_count = $7, published_at = $8, ingest_client_id = $9, ingest_address = $10, takeovers = $11,"
        " stream_key_id = coalesce($12, stream_key_id) WHERE id = $1",
        row_id,
        broadcast.state.value,
        _moment(broadcast.since),
        None if broadcast.live_at is None else _moment(broadcast.live_at),
        None if broadcast.ended_at is None else _moment(broadcast.ended_at),
        broadcast.end_reason,
        broadcast.publish_count,
        _moment(broadcast.published_at),
        broadcast.session.client_id if broadcast.session else None,
        broadcast.session.address if broadcast.session else None,
        [_moment(at) for at in broadcast.takeovers],
        key_id,
    )


def new_capability() -> str:
    """A random secret for the addresses of private media."""
    return secrets.token_urlsafe(CAPABILITY_BYTES)


async def capability_of(connection: "Connection", public_id: str) -> str | None:
    """The secret of a private broadcast, an ended one too; None for a public one, or none at all."""
    secret: str | None = await connection.fetchval("SELECT capability FROM broadcasts WHERE public_id = $1", public_id)
    return secret


async def rotate_capability(connection: "Connection", channel_id: int, capability: str) -> bool:
    """Give the channel's open private broadcast another secret; False when there is none."""
    done = await connection.execute(
        "UPDATE broadcasts SET capability = $2 WHERE channel_id = $1 AND state <> 'ended' AND capability IS NOT NULL",
        channel_id,
        capability,
    )
    return bool(done == "UPDATE 1")


async def keep_blocked(connection: "Connection", channel_id: int, now: float, least: float, most: float) -> None:
    """A refused encoder came back after the staff's stop: refuse it for as long again as it has tried, in limits."""
    await connection.execute(
        "UPDATE channels c SET publish_blocked_until = greatest(c.publish_blocked_until, $2::timestamptz + least($4, "
        " greatest($3, $2::timestamptz - b.ended_at)))"
        " FROM (SELECT end_reason, ended_at FROM broadcasts WHERE channel_id = $1 ORDER BY created_at DESC LIMIT 1) b"
        " WHERE c.id = $1 AND b.end_reason = 'stopped_by_staff'",
        channel_id,
        _moment(now),
        timedelta(seconds=least),
        timedelta(seconds=most),
    )


async def block_publishing(connection: "Connection", channel_id: int, until: float) -> None:
    """Refuse encoders of the channel until then; a later block stands."""
    await connection.execute(
        "UPDATE channels SET publish_blocked_until = greatest(publish_blocked_until, $2) WHERE id = $1",
        channel_id,
        _moment(until),
    )


async def save_source(connection: "Connection", row_id: int, source: dict[str, Any]) -> None:
    """Remember what the encoder sends."""
    await connection.execute("UPDATE broadcasts SET source = $2 WHERE id = $1", row_id, source)


async def job_facts(connection: "Connection", row: BroadcastRow) -> tuple[object | None, int]:
    """What the broadcast's channel wants of its ladder (None: the site's), and how many segments are known here."""
    found = await connection.fetchrow(
        "SELECT c.ladder, coalesce(v.next_sequence, 0) AS next_sequence"
        " FROM channels c LEFT JOIN vods v ON v.broadcast_id = $2 WHERE c.id = $1",
        row.channel_id,
        row.id,
    )
    return (None, 0) if found is None else (found["ladder"], found["next_sequence"])


async def earlier_keyframe_seconds(connection: "Connection", row: BroadcastRow) -> float | None:
    """The key-frame distance that the last broadcast on the same stream key ended with: one key, one encoder."""
    value: float | None = await connection.fetchval(
        "SELECT (source->>'keyframe_seconds')::float8 FROM broadcasts"
        " WHERE channel_id = $1 AND stream_key_id = $2 AND id < $3 ORDER BY id DESC LIMIT 1",
        row.channel_id,
        row.stream_key_id,
        row.id,
    )
    return value


async def _one(connection: "Connection", condition: str, *values: object, lock: bool) -> BroadcastRow | None:
    suffix = " FOR UPDATE OF b" if lock else ""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM {_TABLES} WHERE {condition}{suffix}", *values)  # noqa: S608  # constants of this file
    return None if row is None else _row(row)


def _row(row: "asyncpg.Record") -> BroadcastRow:
    client_id, address = row["ingest_client_id"], row["ingest_address"]
    return BroadcastRow(
        id=row["id"],
        channel_id=row["channel_id"],
        stream_key_id=row["stream_key_id"],
        title=row["title"],
        category=row["category"],
        created_at=row["created_at"].timestamp(),
        source=row["source"],
        broadcast=Broadcast(
            public_id=row["public_id"],
            state=State(row["state"]),
            since=row["state_since"].timestamp(),
            session=None if client_id is None else Session(client_id, address or ""),
            published_at=row["published_at"].timestamp(),
            publish_count=row["publish_count"],
            live_at=_seconds(row["live_at"]),
            ended_at=_seconds(row["ended_at"]),
            end_reason=row["end_reason"],
            takeovers=tuple(at.timestamp() for at in row["takeovers"]),
        ),
        capability=row["capability"],
        is_test=row["is_test"],
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
