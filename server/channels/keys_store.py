"""Stream keys in Postgres: functions that take a connection.  Only hashes are stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.db.pool import Connection

_COLUMNS = "id, label, created_at, last_used_at, revoked_at"
LISTED_MAX = 50


@dataclass(frozen=True, slots=True)
class StreamKeyRow:
    """A key as its owner may see it: the secret itself is shown once and never stored."""

    id: int
    label: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


async def stream_keys(connection: "Connection", channel_id: int) -> list[StreamKeyRow]:
    """The channel's keys, the active first, then the newest."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM stream_keys WHERE channel_id = $1"  # noqa: S608  # constants
        " ORDER BY revoked_at IS NOT NULL, id DESC LIMIT $2",
        channel_id,
        LISTED_MAX,
    )
    return [StreamKeyRow(**row) for row in rows]


async def active_key(connection: "Connection", channel_id: int, key_id: int) -> StreamKeyRow | None:
    """The key, if it is this channel's and not revoked."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM stream_keys WHERE channel_id = $1 AND id = $2 AND revoked_at IS NULL",  # noqa: S608  # constants
        channel_id,
        key_id,
    )
    return StreamKeyRow(**row) if row else None


async def count_active_keys(connection: "Connection", channel_id: int) -> int:
    """How many keys an encoder could use now."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM stream_keys WHERE channel_id = $1 AND revoked_at IS NULL", channel_id
    )
    return count


async def add_key(connection: "Connection", channel_id: int, label: str, key_hash: bytes) -> StreamKeyRow:
    """Write a key by its hash."""
    row = await connection.fetchrow(
        f"INSERT INTO stream_keys (channel_id, label, hash) VALUES ($1, $2, $3) RETURNING {_COLUMNS}",  # noqa: S608  # constants
        channel_id,
        label,
        key_hash,
    )
    assert row is not None  # noqa: S101  # RETURNING
    return StreamKeyRow(**row)


async def revoke_key(connection: "Connection", key_id: int) -> None:
    """No encoder gets in with it any more."""
    await connection.execute("UPDATE stream_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL", key_id)
