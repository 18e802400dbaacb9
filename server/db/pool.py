"""The Postgres pool and what every statement leans on."""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# asyncpg-stubs makes these generic over the record class; the runtime classes are not.
if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

STATEMENT_TIMEOUT_MS = 5_000
"""No door waits longer for one statement; a hung database becomes an error, not a pile of requests."""


@asynccontextmanager
async def open_pool(database_url: str, *, size: int = 8) -> "AsyncIterator[Pool]":
    """A pool whose connections speak jsonb as Python objects; closed at the end of the block."""
    async with asyncpg.create_pool(
        database_url,
        min_size=1,
        max_size=size,
        init=_prepare,
        command_timeout=STATEMENT_TIMEOUT_MS / 1000 + 1,
        server_settings={"statement_timeout": str(STATEMENT_TIMEOUT_MS), "application_name": "leams"},
    ) as pool:
        yield pool


async def _prepare(connection: "Connection") -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="text",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )
