"""What it looks like when Redis or Postgres is away: one list, so that nobody forgets a face of it."""

import asyncpg
from redis.exceptions import RedisError

AWAY = (RedisError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
