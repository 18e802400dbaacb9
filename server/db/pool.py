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
ACQUIRE_SECONDS = 3.0
"""Nor for a connection: with the pool empty, or the database gone, the asker learns it while it still listens."""


class _PatientPool(Pool):
    """A pool that hands out connections with a time limit wherever none is given."""

    def acquire(self, *, timeout: float | None = ACQUIRE_SECONDS) -> "asyncpg.pool.PoolAcquireContext[asyncpg.Record]":
        """A connection.

        Raises:
            TimeoutError: none became free in time.
        """
        return super().acquire(timeout=timeout)


@asynccontextmanager
async def open_pool(database_url: str, *, size: int = 8) -> "AsyncIterator[Pool]":
    """A pool whose connections speak jsonb as Python objects; closed at the end of the block."""
    async with _PatientPool(
        database_url,
        min_size=1,
        max_size=size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        loop=None,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
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
