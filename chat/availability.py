"""What it looks like when Redis or Postgres is away: one list, so that nobody forgets a face of it."""

import asyncpg
from redis.exceptions import RedisError

AWAY = (
    RedisError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    OSError,
    TimeoutError,
)
"""Away, overloaded or restarting; a wrong statement is none of these."""
